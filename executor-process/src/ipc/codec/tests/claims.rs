//! Limits on announced lengths and on nesting: a worker may send any bytes.

use std::collections::{BTreeMap, LinkedList};

use proptest::prelude::*;
use serde::ser::SerializeSeq;
use serde::{Deserializer, Serializer};

use super::super::depth::MOST_NESTED;
use super::*;

#[derive(Debug, Serialize, Deserialize)]
struct Node {
    next: Option<Box<Node>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Newtype(Box<Tree>),
    Tuple(Box<Tree>, u8),
    Fields { tree: Box<Tree>, number: u8 },
    List(Vec<Tree>),
    Map(BTreeMap<u8, Tree>),
}

#[derive(Serialize, Deserialize)]
struct Newtype(Vec<Newtype>);

const SAYS: &str = "it is nested more than 128 levels deep ";

fn nodes(count: u32) -> Node {
    (1..count).fold(Node { next: None }, |node, _| Node { next: Some(Box::new(node)) })
}

/// On a thread with the stack that threads have by default, in whatever build this is.
fn on_a_thread(f: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(f).unwrap().join().unwrap();
}

#[test]
fn values_are_nested_to_a_limit() {
    on_a_thread(|| {
        for codec in BOTH {
            let most = MOST_NESTED / 2;
            assert!(arrived(codec, &nodes(most)).is_ok());
            let refused = arrived(codec, &nodes(most + 1)).unwrap_err();
            assert!(refused.starts_with(SAYS), "{refused}");
            assert!(refused.contains("in `Node.next`") && refused.len() < 500, "{refused}");
        }
    });
}

#[test]
fn each_kind_of_nesting_counts() {
    let kinds: [fn(Box<Tree>) -> Tree; 5] = [
        Tree::Newtype,
        |tree| Tree::Tuple(tree, 1),
        |tree| Tree::Fields { tree, number: 1 },
        |tree| Tree::List(vec![*tree]),
        |tree| Tree::Map(BTreeMap::from([(1, *tree)])),
    ];
    on_a_thread(move || {
        for (at, kind) in kinds.into_iter().enumerate() {
            let levels = if at < 3 { MOST_NESTED } else { MOST_NESTED / 2 };
            let deep = (0..levels).fold(Tree::Leaf, |tree, _| kind(Box::new(tree)));
            arrives(&deep);
            is_refused(&kind(Box::new(deep)), SAYS);
        }
        for codec in BOTH {
            let deep = |levels| (1..levels).fold(Newtype(vec![]), |inner, _| Newtype(vec![inner]));
            assert!(arrived(codec, &deep(MOST_NESTED / 2)).is_ok());
            assert!(encoded(codec, &deep(MOST_NESTED)).is_err_and(|refused| refused.starts_with(SAYS)));
        }
    });
}

/// Bytes that no encoder of ours has made: `Some`s in `Some`s, lists in lists.
#[test]
fn endless_nesting_is_refused() {
    on_a_thread(|| {
        let chain = [&[0b111, 0x10, 4][..], b"next"].concat();
        let forged = [&chain[..], &[1, 0b111, 0][..].repeat(1 << 20)].concat();
        let refused = Codec::Postcard.decode_value::<Node>(&forged, Vec::new()).unwrap_err();
        assert!(refused.starts_with(SAYS), "{refused}");
        let forged = [&[0x81, 0xa4][..], b"next"].concat().repeat(1 << 18);
        let refused = Codec::MessagePack.decode_value::<Node>(&forged, Vec::new()).unwrap_err();
        assert!(refused.starts_with(SAYS), "{refused}");
        let forged = vec![0x91; 1 << 20];
        for refused in [
            Codec::MessagePack.decode_value::<serde_json::Value>(&forged, Vec::new()).map(drop).unwrap_err(),
            Codec::MessagePack.decode_value::<Newtype>(&forged, Vec::new()).map(drop).unwrap_err(),
            Codec::MessagePack.decode_value::<serde::de::IgnoredAny>(&forged, Vec::new()).map(drop).unwrap_err(),
        ] {
            assert!(refused.starts_with(SAYS), "{refused}");
        }
    });
}

/// The second pass of serde, over what it has put by, has no limit of its own.
#[test]
fn buffered_content_has_the_same_limit() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u8),
        List(Vec<Either>),
        Fields { next: Box<Either> },
    }
    on_a_thread(|| {
        let deep = (1..MOST_NESTED).fold(Either::Number(1), |inner, at| {
            if at % 2 == 0 { Either::List(vec![inner]) } else { Either::Fields { next: Box::new(inner) } }
        });
        assert_eq!(arrived(Codec::MessagePack, &deep).as_ref(), Ok(&deep));
    });
}

#[test]
fn claimed_elements_must_be_there() {
    struct Marks;
    impl Serialize for Marks {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_seq(Some(1 << 31))?.end()
        }
    }
    for codec in BOTH {
        let refused = encoded(codec, &Marks).unwrap_err();
        assert_eq!(refused, "its `Serialize` announced 2147483648 parts and wrote 0");
    }
    let compact = |claim: u64| {
        let number = postcard::to_stdvec(&(claim << 2)).unwrap();
        [number, vec![0; 9]].concat()
    };
    for claim in [10, 1 << 31, 1 << 61] {
        for refused in [
            Codec::Postcard.decode_value::<LinkedList<()>>(&compact(claim), Vec::new()).map(drop).unwrap_err(),
            Codec::Postcard.decode_value::<Vec<[u8; 0]>>(&compact(claim), Vec::new()).map(drop).unwrap_err(),
            Codec::Postcard.decode_value::<Vec<String>>(&compact(claim), Vec::new()).map(drop).unwrap_err(),
        ] {
            assert_eq!(refused, format!("it claims to have {claim} elements, and 9 bytes are there"));
        }
    }
    let packed = [&[0xdd, 0xff, 0xff, 0xff, 0xff][..], &[0xc0; 9]].concat();
    let refused = Codec::MessagePack.decode_value::<LinkedList<()>>(&packed, Vec::new()).unwrap_err();
    assert_eq!(refused, "it claims to have 4294967295 elements, and 9 bytes are there");
    let text = [&[0xdb, 0xff, 0xff, 0xff, 0xff][..], b"text"].concat();
    let refused = Codec::MessagePack.decode_value::<String>(&text, Vec::new()).unwrap_err();
    assert_eq!(refused, "it claims to have 4294967295 bytes, and 4 bytes are there");
}

/// A type that reads nothing of its bytes.
#[derive(Debug)]
struct Reads0;

impl<'de> Deserialize<'de> for Reads0 {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

#[test]
fn nested_lists_share_one_claim() {
    let bytes = [vec![0xdd, 0, 0, 4, 0], [0xdd, 0, 0, 16, 0].repeat(1024)].concat();
    let refused = Codec::MessagePack.decode_value::<Vec<Vec<Reads0>>>(&bytes, Vec::new()).unwrap_err();
    assert!(refused.starts_with("it claims to have 4096 elements, "), "{refused}");
}

#[derive(Debug, Serialize, Deserialize)]
struct Anything {
    number: i64,
    options: Vec<Option<Option<()>>>,
    trees: Option<Tree>,
    texts: BTreeMap<String, f32>,
}

proptest! {
    #[test]
    fn decoding_any_bytes_ends(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for codec in BOTH {
            let _ = codec.decode_value::<Anything>(&bytes, Vec::new());
            let _ = codec.decode_value::<Tree>(&bytes, Vec::new());
        }
        let _ = Codec::MessagePack.decode_value::<serde_json::Value>(&bytes, Vec::new());
    }

    #[test]
    fn damaged_bytes_are_decoded_or_refused(at in 0_usize..60, bit in 0_u8..8, number: i64) {
        let texts = BTreeMap::from([("a".to_owned(), 1.5), ("b".to_owned(), -0.0)]);
        let trees = Some(Tree::List(vec![Tree::Leaf, Tree::Fields { tree: Box::new(Tree::Leaf), number: 3 }]));
        let value = Anything { number, options: vec![None, Some(None), Some(Some(()))], trees, texts };
        for codec in BOTH {
            let mut bytes = encoded(codec, &value).unwrap();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
            let _ = codec.decode_value::<Anything>(&bytes, Vec::new());
        }
    }
}

//! A row for each shape of a value, and each attribute of serde's derives that changes what is written: with each codec, the value
//! arrives as it was sent, or is refused with what to do.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, LinkedList};
use std::marker::PhantomData;
use std::net::IpAddr;
use std::num::{NonZeroU8, Wrapping};
use std::ops::Bound;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::*;

#[test]
fn primitive_values_arrive() {
    arrives(&(true, false, 'x', '\u{10ffff}', "ä\0".to_owned(), String::new()));
    arrives(&[0_u64, 1, 127, 128, 255, 256, 1 << 20, u64::from(u32::MAX), u64::MAX]);
    arrives(&[0_i64, 1, -1, -32, -33, 127, -128, -129, 1 << 20, -(1 << 20), i64::from(i32::MIN), i64::MAX, i64::MIN]);
    arrives(&(u8::MAX, u16::MAX, u32::MAX, i8::MIN, i16::MIN, i32::MIN, usize::MAX, isize::MIN));
    arrives(&[0_i128, -1, i128::MIN, i128::MAX, i128::from(i64::MAX) + 1]);
    arrives(&[0_u128, 1, u128::MAX, u128::from(u64::MAX) + 1, 1 << 127]);
    arrives(&(f32::MIN_POSITIVE, f64::MAX, f64::NEG_INFINITY, 0.1_f32, -0.0_f64));
    arrives(&(NonZeroU8::MAX, Wrapping(7_i16)));
    for bits in [f32::NAN.to_bits(), 0x7fa0_0001] {
        for codec in BOTH {
            assert_eq!(arrived(codec, &f32::from_bits(bits)).unwrap().to_bits(), bits);
            let double = u64::from(bits) << 32 | 1;
            assert_eq!(arrived(codec, &f64::from_bits(double)).unwrap().to_bits(), double);
        }
    }
}

#[test]
fn lists_and_maps_arrive() {
    for len in [0, 1, 15, 16, 17, 31, 32, 33, 127, 128, 255, 256, 70_000] {
        arrives(&vec![7_u8; len]);
        arrives(&vec![(); len]);
        arrives(&vec![Some(Vec::<u8>::new()); len]);
        arrives(&"x".repeat(len));
        arrives(&serde_bytes::ByteBuf::from(vec![1; len]));
        arrives(&(0..len).map(|n| (n, [(); 0])).collect::<BTreeMap<_, _>>());
    }
    arrives(&HashMap::from([("a".to_owned(), vec![BTreeSet::from([1, 2])]), (String::new(), vec![])]));
    arrives(&LinkedList::from([[0_u8; 3], [1; 3]]));
    arrives(&([(); 3], [0_u8; 0], [[(); 0]; 2], ((),), ()));
    arrives(&BTreeMap::from([((1, "x".to_owned()), Some(-1))]));
}

#[test]
fn types_of_the_standard_library_arrive() {
    arrives(&(Duration::MAX, SystemTime::UNIX_EPOCH + Duration::new(1, 2), 1..3, 4..=5, Bound::Excluded(7)));
    arrives(&["::1".parse::<IpAddr>().unwrap(), "127.0.0.1".parse().unwrap()]);
    arrives(&[Ok(1), Err("no".to_owned()), Ok::<u8, String>(2)]);
    arrives(&(PhantomData::<u8>, Box::new(1), Cow::<'static, str>::Owned("cow".to_owned()), std::cell::Cell::new(1)));
}

#[test]
fn options_in_options_arrive() {
    arrives(&[None, Some(None), Some(Some(None)), Some(Some(Some(7)))]);
    arrives(&[None, Some(())]);
    arrives(&[None, Some(None), Some(Some(()))]);
    arrives(&[None, Some(PhantomData::<u8>)]);
    arrives(&[None, Some([(); 0]), None]);
    arrives(&[None, Some(Some(vec![Some(None::<u8>), None])), Some(None)]);
    arrives(&vec![BTreeMap::from([(1, Some(Some(()))), (2, None), (3, Some(None))]); 2]);
    arrives(&(Some(None::<String>), Some("text".to_owned()), Some(Some(Box::new(Some(false))))));
    derived! {
        struct Unit;
        struct Newtype(Option<Option<u8>>);
        struct Holds { first: Option<Option<()>>, second: Option<Unit>, third: Option<Newtype> }
        enum Holding { One(Option<()>), Two { inner: Option<Option<u8>> } }
    }
    arrives(&[None, Some(Unit)]);
    for first in [None, Some(None), Some(Some(()))] {
        for third in [None, Some(Newtype(None)), Some(Newtype(Some(None))), Some(Newtype(Some(Some(1))))] {
            arrives(&Holds { first, second: Some(Unit), third });
        }
    }
    arrives(&[Holding::One(None), Holding::One(Some(())), Holding::Two { inner: Some(None) }]);
}

#[test]
fn variants_behind_a_skipped_one_arrive() {
    derived! {
        enum Skips {
            First,
            #[serde(skip)]
            #[allow(dead_code)]
            Second,
            Third,
            Fourth(u8),
            #[serde(skip_deserializing)]
            Fifth,
            #[serde(alias = "also", alias = "and")]
            Sixth { field: u8 },
            Seventh(u8, u8),
        }
        enum Other {
            #[serde(skip_deserializing)]
            First,
            Second,
            #[serde(other)]
            Rest,
        }
        enum Renamed {
            #[serde(rename(serialize = "Second", deserialize = "First"))]
            First,
            #[serde(rename(serialize = "First", deserialize = "Second"))]
            Second,
            #[serde(rename(serialize = "out", deserialize = "in"))]
            Third,
        }
    }
    let all =
        [Skips::First, Skips::Third, Skips::Fourth(4), Skips::Sixth { field: 6 }, Skips::Seventh(7, 7), Skips::Third];
    arrives(&all);
    all.iter().for_each(arrives);
    is_refused(&Skips::Fifth, "`Skips` writes a variant `Fifth`, but reads none of that name");
    arrives(&[Other::Second, Other::Rest]);
    is_refused(&Other::First, "`Other` writes a variant `First`, but reads none of that name");
    is_refused(&Renamed::Third, "`Renamed` writes a variant `out`, but reads none of that name");
}

#[test]
fn more_names_than_are_remembered_arrive() {
    derived! {
        enum Many { A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R(u8), S { a: u8, b: u8 }, T(u8, u8) }
        struct Single { a: Vec<Many> }
    }
    use Many::{A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T};
    let all = vec![A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R(1), S { a: 1, b: 2 }, T(1, 2), A, T(3, 4), B];
    arrives(&vec![Single { a: all.clone() }, Single { a: all.into_iter().rev().collect() }]);
}

#[test]
fn renamed_and_aliased_fields_arrive() {
    derived! {
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        struct Renamed {
            first_field: u8,
            #[serde(rename = "x", alias = "y", alias = "z")]
            second: u8,
            #[serde(default)]
            third: Option<u8>,
        }
        #[serde(transparent)]
        struct Transparent { inner: Vec<Renamed> }
        #[serde(from = "(u8, u8)", into = "(u8, u8)")]
        struct Converted { sum: u8 }
    }
    impl std::convert::From<(u8, u8)> for Converted {
        fn from((a, b): (u8, u8)) -> Self {
            Self { sum: a + b }
        }
    }
    impl std::convert::From<Converted> for (u8, u8) {
        fn from(converted: Converted) -> Self {
            (1, converted.sum - 1)
        }
    }
    arrives(&Transparent { inner: vec![Renamed { first_field: 1, second: 2, third: None }; 2] });
    arrives(&[Converted { sum: 7 }]);
}

#[test]
fn adjacently_tagged_enums_arrive() {
    derived! {
        #[serde(tag = "t", content = "c")]
        enum Adjacent { Unit, Newtype(Option<Option<u8>>), Tuple(u8, String), Fields { x: u8, y: u8 } }
    }
    let all = [Adjacent::Unit, Adjacent::Newtype(Some(None)), Adjacent::Tuple(1, "x".to_owned()), Adjacent::Unit];
    arrives(&all);
    all.iter().for_each(arrives);
    arrives_with_names(&Adjacent::Fields { x: 1, y: 2 });
}

#[test]
fn types_that_ask_need_messagepack() {
    derived! {
        #[serde(tag = "t")]
        enum Internal { Unit, Fields { x: u8, rest: Option<Option<u8>> }, Newtype(Inner) }
        #[serde(untagged)]
        enum Untagged { Number(u8), Text(String), Options(Vec<Option<Option<u8>>>), Fields { x: u8 }, Unit }
        struct Inner { depth: Option<u8>, more: Vec<u8> }
        struct Flat {
            name: String,
            #[serde(flatten)]
            inner: Inner,
            #[serde(flatten)]
            rest: BTreeMap<String, serde_json::Value>,
        }
        #[serde(tag = "t")]
        struct Tagged { x: u8, y: u8 }
    }
    let inner = || Inner { depth: None, more: vec![1, 2] };
    for value in [Internal::Unit, Internal::Fields { x: 1, rest: Some(None) }, Internal::Newtype(inner())] {
        arrives_with_names(&value);
        arrives_with_names(&Some(value));
    }
    let options = Untagged::Options(vec![None, Some(None), Some(Some(1))]);
    for value in [Untagged::Number(1), Untagged::Text("x".to_owned()), options, Untagged::Fields { x: 1 }] {
        arrives_with_names(&value);
    }
    arrives_with_names(&[None, Some(Untagged::Unit)]);
    let rest =
        BTreeMap::from([("rest".to_owned(), json!([1, null, "x", {"a": -1.5}])), ("none".to_owned(), json!(null))]);
    arrives_with_names(&vec![Flat { name: "n".to_owned(), inner: inner(), rest }; 2]);
    arrives_with_names(&json!({"a": [1, null, {"b": "c"}], "d": 1.5, "e": i64::MIN, "f": u64::MAX}));
    arrives_with_names(&[None, Some(json!(null)), Some(json!(1))]);
    arrives_with_names(&Tagged { x: 1, y: 2 });
}

#[test]
fn unknown_lengths_need_messagepack() {
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    #[serde(transparent)]
    struct Odd(Vec<u16>);
    impl Serialize for Odd {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.collect_seq(self.0.iter().filter(|n| **n % 2 == 1))
        }
    }
    arrives_with_names(&vec![Odd(vec![1, 3, 5]), Odd(vec![]), Odd((0..500).map(|n| 2 * n + 1).collect())]);
}

#[test]
fn borrowed_text_is_read_in_place() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Borrows<'a> {
        text: &'a str,
        #[serde(with = "serde_bytes")]
        bytes: &'a [u8],
    }
    let value = Borrows { text: "text", bytes: b"bytes" };
    let compact = encoded(Codec::Postcard, &value).unwrap();
    assert_eq!(Codec::Postcard.read(&compact, PhantomData::<Borrows<'_>>), Ok(Borrows { ..value }));
    let packed = encoded(Codec::MessagePack, &value).unwrap();
    assert_eq!(Codec::MessagePack.read(&packed, PhantomData::<Borrows<'_>>), Ok(value));
}

/// Any reader of `MessagePack` reads what is written, and what others write is read.
#[test]
fn messagepack_is_that_of_rmp_serde() {
    derived! {
        enum JobType { Unit, Newtype(i64), Tuple(u8, f32), Fields { a: Option<u8> } }
        struct Whole { numbers: Vec<i64>, text: String, map: BTreeMap<u16, Vec<f64>>, kinds: Vec<JobType>, none: Option<u8>, unit: (), pair: (u8, char) }
    }
    let whole = Whole {
        numbers: vec![0, 127, 128, 65_536, i64::MAX, -1, -32, -33, -129, -40_000, i64::MIN],
        text: "long ".repeat(100),
        map: (0..90).map(|n| (n * 700, vec![f64::from(n); n.into()])).collect(),
        kinds: vec![JobType::Unit, JobType::Newtype(-5), JobType::Tuple(1, 0.5), JobType::Fields { a: Some(1) }],
        none: None,
        unit: (),
        pair: (200, 'ß'),
    };
    let theirs = rmp_serde::to_vec_named(&whole).unwrap();
    assert_eq!(encoded(Codec::MessagePack, &whole).unwrap(), theirs);
    assert_eq!(rmp_serde::from_slice::<Whole>(&theirs).unwrap(), whole);
    assert_eq!(Codec::MessagePack.decode_value::<Whole>(&theirs, Vec::new()).unwrap(), whole);
}

/// The reasons why this codec is not rmp-serde: it changes values without an error.
#[test]
fn values_that_rmp_serde_changes_arrive() {
    fn by_rmp_serde<T: Serialize + DeserializeOwned>(value: &T) -> T {
        rmp_serde::from_slice(&rmp_serde::to_vec_named(value).unwrap()).unwrap()
    }
    derived! {
        struct List(Option<Box<List>>);
    }
    let (nested, unit, list) = (Some(None::<u8>), Some(()), List(Some(Box::new(List(None)))));
    assert_eq!((by_rmp_serde(&nested), by_rmp_serde(&unit), by_rmp_serde(&list)), (None, None, List(None)));
    arrives(&nested);
    arrives(&unit);
    arrives(&list);
    assert_eq!(rmp_serde::from_slice::<u8>(&[1, 2, 3]).unwrap(), 1);
    assert!(Codec::MessagePack.decode_value::<u8>(&[1, 2, 3], Vec::new()).is_err());
}

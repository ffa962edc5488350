//! Errors for a value that cannot be written or read: they say where, and why.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserializer, Serializer};

use super::*;

/// Fails where it says.
#[derive(Debug)]
struct Fails {
    writing: bool,
}

impl Serialize for Fails {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.writing { Err(S::Error::custom("the lock is poisoned")) } else { to.serialize_u8(7) }
    }
}

impl<'de> Deserialize<'de> for Fails {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(from)?;
        Err(D::Error::custom(format!("{number} is not liked")))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    number: u8,
    price: Fails,
}

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    id: u8,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Event {
    Ordered(Order),
    Priced { price: Fails },
    Pair(u8, Fails),
    Single(Fails),
}

fn fault<T: Serialize + serde::de::DeserializeOwned + Debug>(codec: Codec, value: &T) -> String {
    arrived(codec, value).unwrap_err()
}

#[test]
fn errors_tell_type_field_and_reason() {
    for codec in BOTH {
        for (writing, reason) in [(true, "the lock is poisoned"), (false, "7 is not liked")] {
            let fails = || Fails { writing };
            let line = || Line { number: 1, price: fails() };
            let order = || Order { id: 1, lines: vec![line()] };
            assert_eq!(fault(codec, &fails()), reason);
            assert_eq!(fault(codec, &line()), format!("{reason} (in `Line.price`)"));
            assert_eq!(fault(codec, &order()), format!("{reason} (in `Line.price`, at `.lines[0].price`)"));
            let event = fault(codec, &(0, Event::Ordered(order())));
            assert_eq!(event, format!("{reason} (in `Line.price`, at `.1::Ordered.lines[0].price`)"));
            let priced = fault(codec, &Event::Priced { price: fails() });
            assert!(priced.starts_with(&format!("{reason} (in `Event.price`")), "{priced}");
            let pair = fault(codec, &Event::Pair(1, fails()));
            assert!(pair.starts_with(&format!("{reason} (in `Event.1`")), "{pair}");
            assert_eq!(fault(codec, &Event::Single(fails())), format!("{reason} (in `Event::Single`)"));
            assert_eq!(fault(codec, &vec![(1, fails())]), format!("{reason} (at `[0].1`)"));
        }
    }
}

#[test]
fn errors_of_serde_itself_are_told() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(try_from = "u8", into = "u8")]
    struct Even(u8);
    impl TryFrom<u8> for Even {
        type Error = String;
        fn try_from(number: u8) -> Result<Self, String> {
            if number.is_multiple_of(2) { Ok(Self(number)) } else { Err(format!("{number} is odd")) }
        }
    }
    impl std::convert::From<Even> for u8 {
        fn from(even: Even) -> Self {
            even.0
        }
    }
    impl Clone for Even {
        fn clone(&self) -> Self {
            Self(self.0)
        }
    }
    for codec in BOTH {
        assert_eq!(fault(codec, &(1, Even(3))), "3 is odd (at `.1`)");
        let number = encoded(codec, &300_u16).unwrap();
        let refused = codec.decode_value::<Vec<u8>>(&number, Vec::new()).unwrap_err();
        assert!(!refused.is_empty());
    }
}

#[test]
fn mismatched_reads_and_writes_are_refused() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Written {
        a: u8,
        b: u8,
    }
    let bytes = encoded(Codec::Postcard, &Written { a: 1, b: 2 }).unwrap();
    let refused =
        Codec::Postcard.decode_value::<std::collections::BTreeMap<String, u8>>(&bytes, Vec::new()).unwrap_err();
    assert!(refused.starts_with("`Serialize` wrote a struct, but `Deserialize` reads a map"), "{refused}");
    for codec in BOTH {
        let bytes = encoded(codec, &(1_u8, 2_u8)).unwrap();
        let refused = codec.decode_value::<(u8,)>(&bytes, Vec::new()).unwrap_err();
        assert!(refused.contains("were left over: `Serialize` wrote more than `Deserialize` reads"), "{refused}");
    }
}

#[test]
fn panic_names_the_trait_that_panicked() {
    #[derive(Debug)]
    struct Panics(bool);
    impl Serialize for Panics {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            if self.0 { panic!("not today") } else { to.serialize_u8(7) }
        }
    }
    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("not here")
        }
    }
    for codec in BOTH {
        let error = encoded(codec, &Panics(true)).unwrap_err();
        assert!(error.starts_with("its `Serialize` panicked at ") && error.ends_with(": not today"), "{error}");
        let error = arrived(codec, &Panics(false)).unwrap_err();
        assert!(error.starts_with("its `Deserialize` panicked at ") && error.ends_with(": not here"), "{error}");
        let error = crate::ipc::shared::Shared::new(Panics(true), codec).map(drop).unwrap_err().to_string();
        assert!(error.contains("could not be encoded: its `Serialize` panicked at "), "{error}");
    }
}

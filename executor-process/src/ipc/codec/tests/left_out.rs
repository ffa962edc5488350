//! Fields that are left out, or have another name, on one side or both: no value arrives in another field.

use super::*;

derived! {
    struct Skipping {
        #[serde(skip_serializing_if = "is_default", default)]
        first: Option<u8>,
        second: u8,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        third: Vec<Skipping>,
        #[serde(skip_serializing_if = "Option::is_none")]
        fourth: Option<u8>,
    }
    enum SkippingVariant {
        Plain,
        Fields {
            #[serde(skip_serializing_if = "is_default", default)]
            first: u8,
            #[serde(default)]
            second: u8,
        },
    }
}

/// The fields behind the one that is left out stay where they are.
#[test]
fn left_out_fields_move_no_others() {
    let of = |first, third: &[Skipping], fourth| Skipping { first, second: 2, third: third.to_vec(), fourth };
    let inner = of(None, &[], Some(4));
    for first in [None, Some(1)] {
        for third in [&[][..], std::slice::from_ref(&inner)] {
            for fourth in [None, Some(4)] {
                arrives(&of(first, third, fourth));
                arrives(&(1, Some(vec![of(first, third, fourth), inner.clone()]), "behind".to_owned()));
            }
        }
    }
    for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        arrives(&[SkippingVariant::Fields { first, second }, SkippingVariant::Plain]);
    }
}

#[test]
fn skipped_fields_are_made_anew() {
    derived! {
        struct Skips {
            #[serde(skip)]
            first: u8,
            second: u8,
            #[serde(skip)]
            third: Option<u8>,
        }
        struct Tuple(u8, #[serde(skip)] u8, u8);
        struct Newtype(#[serde(skip)] u8);
        enum Variant { Newtype(#[serde(skip)] u8), Tuple(#[serde(skip)] u8, u8), Fields { #[serde(skip)] first: u8, second: u8 } }
    }
    arrives(&Skips { first: 0, second: 2, third: None });
    arrives(&vec![Tuple(1, 0, 3); 2]);
    arrives(&vec![Newtype(0); 2]);
    arrives(&[Variant::Newtype(0), Variant::Tuple(0, 2), Variant::Fields { first: 0, second: 2 }]);
}

/// Serde tells of these fields on one side only.
#[test]
fn fields_skipped_one_way_need_names() {
    derived! {
        struct NotWritten {
            #[serde(skip_serializing, default)]
            first: u8,
            #[serde(default)]
            second: u8,
            #[serde(default)]
            third: u8,
        }
        struct NotRead {
            #[serde(skip_deserializing)]
            first: u8,
            second: u8,
        }
        struct Tuple(#[serde(skip_serializing_if = "is_default", default)] u8, #[serde(default)] u8);
        enum Variant { Tuple(#[serde(skip_serializing_if = "is_default", default)] u8, #[serde(default)] u8) }
    }
    arrives_with_names(&NotWritten { first: 0, second: 2, third: 3 });
    arrives_with_names(&NotRead { first: 0, second: 2 });
    arrives(&[Tuple(1, 2)]);
    arrives(&[Variant::Tuple(1, 2)]);
    is_refused(&Tuple(0, 2), "1 fields of `Tuple` are written, but another number is read");
    is_refused(&Variant::Tuple(0, 2), "1 fields of `Variant` are written, but another number is read");
}

/// As many fields are left out when they are written as when they are read.
#[test]
fn fields_never_change_places() {
    derived! {
        struct Skips {
            #[serde(skip_serializing, default)]
            first: u8,
            second: u8,
            #[serde(skip_deserializing)]
            third: u8,
            fourth: u8,
        }
        #[serde(tag = "t")]
        struct Tagged {
            x: u8,
            #[serde(skip_serializing, default)]
            y: u8,
        }
        #[serde(from = "Read", into = "Written")]
        struct Converted { x: u8, y: u8 }
        struct Written { x: u8, y: u8 }
        struct Read { y: u8, x: u8 }
        enum Variant { Fields {
            #[serde(skip_serializing, default)]
            first: u8,
            second: u8,
            #[serde(skip_deserializing)]
            third: u8,
            fourth: u8,
        } }
        struct TwoNames {
            #[serde(rename(serialize = "out", deserialize = "in"))]
            first: u8,
            second: u8,
        }
        struct Swapped {
            #[serde(rename(serialize = "first", deserialize = "second"))]
            one: u8,
            #[serde(rename(serialize = "second", deserialize = "first"))]
            two: u8,
        }
    }
    impl std::convert::From<Read> for Converted {
        fn from(Read { y, x }: Read) -> Self {
            Self { x, y }
        }
    }
    impl std::convert::From<Converted> for Written {
        fn from(Converted { x, y }: Converted) -> Self {
            Self { x, y }
        }
    }
    let inner = Skips { first: 0, second: 2, third: 0, fourth: 4 };
    arrives_with_names(&inner);
    arrives_with_names(&vec![(1, inner); 3]);
    arrives_with_names(&Tagged { x: 1, y: 0 });
    arrives_with_names(&Converted { x: 1, y: 2 });
    arrives_with_names(&Variant::Fields { first: 0, second: 2, third: 0, fourth: 4 });
    let refused = arrived(Codec::Postcard, &TwoNames { first: 1, second: 2 }).unwrap_err();
    assert!(refused.contains("fields of `TwoNames` are written and read under different names"), "{refused}");
    let refused = arrived(Codec::Postcard, &Swapped { one: 1, two: 2 }).unwrap_err();
    assert!(refused.contains("fields of `Swapped` are written and read under different names"), "{refused}");
}

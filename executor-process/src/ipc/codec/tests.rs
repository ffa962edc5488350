//! Serde's types and attributes, with both codecs.

// Types of theirs are what is tested: `Option<Option<_>>`, maps to units, and some that only one test has.
#![allow(clippy::option_option, clippy::zero_sized_map_values, clippy::items_after_statements)]

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::*;

macro_rules! derived {
    ($($item:item)*) => {$(
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        $item
    )*};
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

mod attributes;
mod claims;
mod faults;
mod in_place;
mod left_out;

const BOTH: [Codec; 2] = [Codec::Postcard, Codec::MessagePack];

fn encoded(codec: Codec, value: &impl Serialize) -> Result<Vec<u8>, String> {
    codec.encode(value).map(|payload| payload.bytes().to_vec())
}

/// `value`, encoded and decoded again, or the error.
fn arrived<T: Serialize + DeserializeOwned>(codec: Codec, value: &T) -> Result<T, String> {
    codec.decode_value(&encoded(codec, value)?, Vec::new())
}

#[track_caller]
fn arrives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    for codec in BOTH {
        assert_eq!(arrived(codec, value).as_ref(), Ok(value), "{codec:?}");
    }
}

/// Refused by the default codec, with words that tell of the other, by which it arrives.
#[track_caller]
fn arrives_with_names<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let refused = arrived(Codec::Postcard, value).unwrap_err();
    assert!(refused.contains("use `Codec::MessagePack`") || refused.contains("and `Codec::MessagePack`"), "{refused}");
    assert_eq!(arrived(Codec::MessagePack, value).as_ref(), Ok(value));
}

#[track_caller]
fn is_refused<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, because: &str) {
    for codec in BOTH {
        let refused = arrived(codec, value).unwrap_err();
        assert!(refused.contains(because), "{codec:?}: {refused}");
    }
}

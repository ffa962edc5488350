//! Records of items and results that are one number, written and read without serde: what a codec sets up for each value takes many times
//! as long as the number itself.
//!
//! The bytes are those that [`Codec::Postcard`] writes, so what is refused here, the codec reads, and says what is wrong with it.

use std::any::{Any, TypeId};

use crate::ipc::codec::Codec;
use crate::protocol::item_record::{DONE, MORE, short_head};

/// The most bytes of a record: its head, and a `u64` at seven bits a byte.
const LONGEST: usize = 11;

/// The record of a number.
#[derive(Clone, Copy)]
pub(crate) struct ShortRecord {
    /// The bytes, the first one lowest. Those behind the record are 0.
    pub(crate) bytes: u128,
    pub(crate) len: usize,
}

impl ShortRecord {
    #[inline]
    fn of_bytes(bytes: u128, len: usize) -> Self {
        Self { bytes: bytes << 8 | u128::from(short_head(DONE, len)), len: 1 + len }
    }

    /// Seven bits a byte, the lowest first.
    #[inline]
    fn of_number(value: u64) -> Self {
        if value >> 28 != 0 {
            return Self::of_long_number(value);
        }
        // Without a loop, whose steps would wait for each other.
        let len = (70 - (value | 1).leading_zeros()) / 7;
        let septets = value & 0x7f | (value & 0x3f80) << 1 | (value & 0x1f_c000) << 2 | (value & 0xfe0_0000) << 3;
        let more = 0x8080_8080 & ((1 << (8 * (len - 1))) - 1);
        Self::of_bytes(u128::from(septets | more), len as usize)
    }

    fn of_long_number(mut value: u64) -> Self {
        let (mut bytes, mut len) = (0_u128, 0);
        while value >= u64::from(MORE) {
            bytes |= u128::from(value & 0x7f | u64::from(MORE)) << (8 * len);
            value >>= 7;
            len += 1;
        }
        bytes |= u128::from(value) << (8 * len);
        Self::of_bytes(bytes, len + 1)
    }

    /// The first eight bytes.
    #[inline]
    pub(crate) fn low(self) -> u64 {
        (self.bytes & 0xffff_ffff_ffff_ffff) as u64
    }

    #[inline]
    fn append_to(self, to: &mut Vec<u8>) {
        let start = to.len();
        // A copy of a length that the compiler knows takes one instruction.
        if self.len <= 8 {
            to.extend_from_slice(&self.low().to_le_bytes());
        } else {
            to.extend_from_slice(&self.bytes.to_le_bytes());
        }
        to.truncate(start + self.len);
    }
}

/// The number, if there is nothing else in `bytes`.
#[inline]
fn read_number(bytes: &[u8]) -> Option<u64> {
    let is_last = |byte: u8| byte < MORE;
    let septet = |byte: u8| u64::from(byte & !MORE);
    match *bytes {
        [a] if is_last(a) => Some(a.into()),
        [a, b] if !is_last(a) && is_last(b) => Some(septet(a) | septet(b) << 7),
        [a, b, c] if !is_last(a & b) && is_last(c) => Some(septet(a) | septet(b) << 7 | septet(c) << 14),
        _ => read_long_number(bytes),
    }
}

fn read_long_number(bytes: &[u8]) -> Option<u64> {
    let (last, first) = bytes.split_last()?;
    if *last >= MORE || bytes.len() >= LONGEST - 2 {
        return None; // the codec reads numbers that are longer than usual
    }
    let mut number = u64::from(*last);
    for byte in first.iter().rev() {
        if *byte < MORE {
            return None;
        }
        number = number << 7 | u64::from(*byte & !MORE);
    }
    Some(number)
}

/// How a type is written.
trait Number: Sized {
    fn record(self) -> ShortRecord;
    fn read(bytes: &[u8]) -> Option<Self>;
}

/// The types, as functions of a type that may be one of them. The compiler knows which it is, and leaves the others out.
macro_rules! numbers {
    ($($number:ty),*) => {
        /// Whether `T` is a type of number that is written here.
        #[inline]
        pub(crate) fn is_number<T: 'static>(codec: Codec) -> bool {
            codec == Codec::Postcard && ($(TypeId::of::<T>() == TypeId::of::<$number>())||*)
        }

        /// The record of a number. `None` for any other type.
        #[inline]
        pub(crate) fn record<T: 'static>(codec: Codec, value: &T) -> Option<ShortRecord> {
            if !is_number::<T>(codec) {
                return None;
            }
            let value: &dyn Any = value;
            $(if let Some(number) = value.downcast_ref::<$number>() {
                return Some(number.record());
            })*
            None
        }

        /// The number whose record has the bytes. `None` for any other type, and for bytes that the codec has to look at.
        #[inline]
        pub(crate) fn read<T: 'static>(codec: Codec, bytes: &[u8]) -> Option<T> {
            if !is_number::<T>(codec) {
                return None;
            }
            let mut value: Option<T> = None;
            let place: &mut dyn Any = &mut value;
            $(if let Some(place) = place.downcast_mut::<Option<$number>>() {
                *place = Number::read(bytes);
                return value;
            })*
            None
        }
    };
}
numbers! { u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64, bool, () }

macro_rules! integers {
    ($($number:ident, $widen:expr;)*) => {$(impl Number for $number {
        #[inline]
        fn record(self) -> ShortRecord {
            ShortRecord::of_number($widen(self))
        }

        #[inline]
        fn read(bytes: &[u8]) -> Option<Self> {
            Self::try_from(read_number(bytes)?).ok()
        }
    })*};
}
integers! { u16, u64::from; u32, u64::from; u64, u64::from; usize, |number| number as u64; }

macro_rules! signed_integers {
    ($($number:ident, $widen:expr;)*) => {$(impl Number for $number {
        /// The sign goes to the lowest bit, so that numbers near zero are short.
        #[inline]
        fn record(self) -> ShortRecord {
            let value: i64 = $widen(self);
            ShortRecord::of_number((value << 1 ^ value >> 63).cast_unsigned())
        }

        #[inline]
        fn read(bytes: &[u8]) -> Option<Self> {
            let number = read_number(bytes)?;
            Self::try_from((number >> 1).cast_signed() ^ -(number & 1).cast_signed()).ok()
        }
    })*};
}
signed_integers! { i16, i64::from; i32, i64::from; i64, i64::from; isize, |number| number as i64; }

macro_rules! of_fixed_size {
    ($($number:ty, $bits:ty, $to_bits:expr, $from_bits:expr;)*) => {$(impl Number for $number {
        #[inline]
        fn record(self) -> ShortRecord {
            let bits: $bits = $to_bits(self);
            ShortRecord::of_bytes(bits.into(), size_of::<$bits>())
        }

        #[inline]
        fn read(bytes: &[u8]) -> Option<Self> {
            $from_bits(<$bits>::from_le_bytes(bytes.try_into().ok()?))
        }
    })*};
}
of_fixed_size! {
    u8, u8, u8::from, Some;
    i8, u8, i8::cast_unsigned, |bits: u8| Some(bits.cast_signed());
    f32, u32, f32::to_bits, |bits| Some(f32::from_bits(bits));
    f64, u64, f64::to_bits, |bits| Some(f64::from_bits(bits));
    bool, u8, u8::from, |bits: u8| (bits < 2).then_some(bits == 1);
    (), u8, |()| 0, |bits: u8| (bits == 0).then_some(());
}

/// Appends the record of an item that is a number. False for any other item.
#[inline]
pub(crate) fn append<T: 'static>(codec: Codec, value: &T, to: &mut Vec<u8>) -> bool {
    let Some(record) = record(codec, value) else { return false };
    record.append_to(to);
    true
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::protocol::item_record;

    /// The record is the one of the codec, and comes back, from each of both.
    fn is_as_coded<T: Serialize + DeserializeOwned + Copy + Debug + 'static>(value: T) {
        let (mut coded, mut short) = (Vec::new(), Vec::new());
        let codec = Codec::Postcard;
        item_record::append(&mut coded, |bytes| codec.encode_unguarded(&value, bytes).map(|_| DONE)).unwrap();
        assert!(append(codec, &value, &mut short));
        assert_eq!(short, coded, "{value:?}");
        let (tag, bytes) = item_record::next(&mut &coded[..]).unwrap();
        let decoded: T = codec.decode_unguarded(bytes, Vec::new()).unwrap();
        let read = read::<T>(codec, bytes).unwrap_or(decoded);
        assert_eq!(
            (tag, format!("{read:?}"), format!("{decoded:?}")),
            (DONE, format!("{value:?}"), format!("{value:?}"))
        );
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_the_codec_writes_them(number: u64, shift in 0_u32..64, double: f64, single: f32) {
            let number = number >> shift;
            let signed = number.cast_signed();
            let low = number.to_le_bytes()[0];
            is_as_coded(number);
            is_as_coded(signed);
            is_as_coded(-(signed >> 1));
            is_as_coded(usize::try_from(number).unwrap());
            is_as_coded(isize::try_from(signed).unwrap());
            is_as_coded(u32::try_from(number >> 32).unwrap());
            is_as_coded(i32::try_from(signed >> 32).unwrap());
            is_as_coded(u16::try_from(number >> 48).unwrap());
            is_as_coded(i16::try_from(signed >> 48).unwrap());
            is_as_coded(low);
            is_as_coded(low.cast_signed());
            is_as_coded(double);
            is_as_coded(single);
            is_as_coded(low < 128);
            is_as_coded(());
        }

        #[test]
        fn damaged_bytes_are_left_to_the_codec(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let codec = Codec::Postcard;
            let coded = codec.decode_unguarded::<u64>(&bytes, Vec::new()).ok();
            prop_assert!(read::<u64>(codec, &bytes).is_none_or(|number| Some(number) == coded));
            let coded = codec.decode_unguarded::<i16>(&bytes, Vec::new()).ok();
            prop_assert!(read::<i16>(codec, &bytes).is_none_or(|number| Some(number) == coded));
        }
    }

    #[test]
    fn bytes_that_are_no_bool_are_left_to_the_codec() {
        for byte in 0..=u8::MAX {
            let codec = Codec::Postcard;
            assert_eq!(read::<bool>(codec, &[byte]), codec.decode_unguarded(&[byte], Vec::new()).ok());
            assert_eq!(read::<()>(codec, &[byte]), codec.decode_unguarded(&[byte], Vec::new()).ok());
        }
        assert_eq!(read::<bool>(Codec::Postcard, &[]), None);
    }

    #[test]
    fn other_types_and_codecs_are_left_to_the_codec() {
        assert!(record(Codec::Postcard, &"text").is_none() && record(Codec::Postcard, &(7_u64,)).is_none());
        assert!(record(Codec::MessagePack, &7_u64).is_none());
        assert_eq!(read::<u64>(Codec::MessagePack, &[7]), None);
    }
}

//! Fast encoding of `Vec<u8>` and of `Vec`s of other numbers. For authors of executors.
//!
//! Serde encodes each number of a `Vec` by itself, which is many times slower than a copy. So if the only argument or the result of a job is a
//! `Vec` of numbers, it is encoded as bytes: with [`InOnePiece`] on one side, and [`deserialize`] on the other. Numbers larger than a byte are
//! little-endian, in blocks.

mod numbers;

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

use serde_core::de::{Error, SeqAccess, Visitor};
use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

/// The most bytes that are allocated because the encoded form claims them.
const LARGEST_HINT: usize = 4096;

/// Serializes a `Vec` of numbers, or a tuple of one such `Vec`, as bytes, and any other value as usual. The numbers are `u8` to `u64`, `i8` to
/// `i64`, `f32` and `f64`.
///
/// ```
/// use executor::extend::bytes::InOnePiece;
///
/// let (bytes, numbers, text) = (vec![1_u8, 2], vec![1_u16, 2], "text".to_owned());
/// assert_eq!(postcard::to_stdvec(&InOnePiece(&bytes))?, [2, 1, 2]);
/// assert_eq!(postcard::to_stdvec(&InOnePiece(&numbers))?, [1, 4, 1, 0, 2, 0]); // one block, of four bytes
/// assert_eq!(postcard::to_stdvec(&InOnePiece(&text))?, postcard::to_stdvec(&text)?);
/// # Ok::<(), postcard::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct InOnePiece<'a, T>(pub &'a T);

impl<T: Serialize + 'static> Serialize for InOnePiece<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Known when it is compiled: most types need not be asked for.
        if size_of::<T>() != size_of::<Vec<u8>>() {
            return self.0.serialize(to);
        }
        let value: &dyn Any = self.0;
        if let Some(bytes) = value.downcast_ref::<Vec<u8>>() {
            return to.serialize_bytes(bytes);
        }
        if let Some((bytes,)) = value.downcast_ref::<(Vec<u8>,)>() {
            return (Bytes(bytes),).serialize(to);
        }
        numbers::serialize(value, to).unwrap_or_else(|to| self.0.serialize(to))
    }
}

/// Deserializes a value that [`InOnePiece`] serialized.
///
/// # Errors
///
/// The errors of `from`, and an error if the input is not a `T`.
pub fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + 'static,
    D: Deserializer<'de>,
{
    if size_of::<T>() != size_of::<Vec<u8>>() {
        return T::deserialize(from);
    }
    let mut value: Option<T> = None;
    let place: &mut dyn Any = &mut value;
    if let Some(place) = place.downcast_mut::<Option<Vec<u8>>>() {
        *place = Some(ByteBuf::deserialize(from)?.0);
    } else if let Some(place) = place.downcast_mut::<Option<(Vec<u8>,)>>() {
        let (ByteBuf(bytes),) = Deserialize::deserialize(from)?;
        *place = Some((bytes,));
    } else {
        match numbers::deserialize(place, from) {
            Ok(deserialized) => deserialized?,
            Err(from) => return T::deserialize(from),
        }
    }
    match value {
        Some(value) => Ok(value),
        None => unreachable!("one of its types was put there"),
    }
}

/// At least as many bytes as [`InOnePiece`] writes of a `Vec` of numbers or a tuple of one such `Vec`, in postcard or MessagePack. 0 for any other
/// value.
#[doc(hidden)]
pub fn size_hint<T: 'static>(value: &T) -> usize {
    if size_of::<T>() != size_of::<Vec<u8>>() {
        return 0;
    }
    let value: &dyn Any = value;
    let bytes = match (value.downcast_ref::<Vec<u8>>(), value.downcast_ref::<(Vec<u8>,)>()) {
        (Some(bytes), _) | (_, Some((bytes,))) => Some(bytes.len()),
        _ => numbers::size(value),
    };
    // Each block has its length before it.
    bytes.map_or(0, |bytes| bytes + 16 * (1 + bytes / numbers::BLOCK))
}

/// How memory is made and seen: for large values, by a crate that may contain unsafe code.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Called with the start and the length of new memory for many numbers, before they are written there: it may ask for large pages.
    pub advise: fn(*mut u8, usize),
    /// Returns the little-endian bytes of a `Vec` of numbers, where they lie so.
    pub bytes_of: fn(&dyn Any) -> Option<&[u8]>,
}

impl Memory {
    /// Uses it from now on, in all of the process. Only the first one is used.
    pub fn install(self) {
        let _ = MEMORY.set(self);
    }
}

static MEMORY: OnceLock<Memory> = OnceLock::new();

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self.0)
    }
}

struct ByteBuf(Vec<u8>);

impl<'de> Deserialize<'de> for ByteBuf {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_byte_buf(BytesVisitor).map(Self)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("byte array")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        Ok(text.as_bytes().to_vec())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Vec<u8>, E> {
        Ok(text.into_bytes())
    }

    /// Formats without bytes, such as JSON, write a list of numbers.
    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::with_capacity(from.size_hint().unwrap_or_default().min(LARGEST_HINT));
        while let Some(byte) = from.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde_core::de::DeserializeOwned;

    use super::*;

    fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: &T) -> usize {
        let bytes = postcard::to_stdvec(&InOnePiece(value)).unwrap();
        let mut postcard = postcard::Deserializer::from_bytes(&bytes);
        assert_eq!(deserialize::<T, _>(&mut postcard).as_ref(), Ok(value));
        let text = serde_json::to_string(&InOnePiece(value)).unwrap();
        assert_eq!(deserialize::<T, _>(&mut serde_json::Deserializer::from_str(&text)).unwrap(), *value);
        bytes.len()
    }

    #[test]
    fn everything_comes_back() {
        assert_eq!(comes_back(&vec![0_u8, 127, 255]), 4);
        assert_eq!(comes_back(&(vec![0_u8, 127, 255],)), 4);
        assert_eq!(comes_back(&(vec![0_u8, 127, 255], 7_u8)), 5);
        assert_eq!(comes_back(&vec![0_i32, 127, 255]), 14);
        assert_eq!(comes_back(&vec![Some(0_i32), Some(127), None]), 7);
        assert_eq!(comes_back(&Vec::<f64>::new()), 1);
        assert_eq!(comes_back(&(vec![f32::MIN, f32::INFINITY],)), 10);
        assert_eq!(comes_back(&"text".to_owned()), 5);
        assert_eq!(comes_back(&Vec::<u8>::new()), 1);
    }

    #[test]
    fn numbers_of_all_types_come_back() {
        macro_rules! come_back {
            ($($number:ty)*) => {$(
                for len in [1, 3, 16 * 1024 / size_of::<$number>(), 10_000] {
                    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_precision_loss)]
                    let numbers: Vec<$number> = (0..len).map(|number| ((number % 100) as $number) - (7 as $number)).collect();
                    let bytes = comes_back(&numbers);
                    assert!(bytes - size_of_val(&numbers[..]) < 2 + 3 * bytes.div_ceil(16 * 1024), "{bytes}");
                    assert_eq!(comes_back(&(numbers,)), bytes);
                }
            )*};
        }
        come_back! { i8 i16 i32 i64 f32 f64 }
        let unsigned =
            [comes_back(&vec![u64::MAX; 10]), comes_back(&vec![u32::MAX; 10]), comes_back(&vec![u16::MAX; 10])];
        assert_eq!(unsigned, [82, 42, 22]);
    }

    #[test]
    fn numbers_have_just_the_room_that_they_take() {
        let numbers = vec![7_u32; 10_001];
        let bytes = postcard::to_stdvec(&InOnePiece(&numbers)).unwrap();
        let came: Vec<u32> = deserialize(&mut postcard::Deserializer::from_bytes(&bytes)).unwrap();
        assert!(came == numbers && came.capacity() == 10_001);
    }

    #[test]
    fn size_hint_is_no_less_than_what_is_written() {
        fn check<T: Serialize + 'static>(value: &T, numbers: usize) {
            let hint = size_hint(value);
            assert!(
                (postcard::to_stdvec(&InOnePiece(value)).unwrap().len()..=numbers * 3 / 2 + 16).contains(&hint),
                "{hint}"
            );
        }
        for len in [0, 1, 100, 5000, 100_000] {
            check(&vec![7_u8; len], len);
            check(&(vec![7_u8; len],), len);
            check(&vec![7_u16; len], 2 * len);
            check(&(vec![7.5_f64; len],), 8 * len);
        }
        assert_eq!((size_hint(&7), size_hint(&"text".to_owned()), size_hint(&(vec![1_u8], 2))), (0, 0, 0));
    }

    #[test]
    fn incomplete_numbers_are_refused() {
        for bytes in [&[1, 3, 1, 2, 3][..], &[1, 9, 1], &[2, 2, 1, 2], &[9]] {
            assert!(deserialize::<Vec<u16>, _>(&mut postcard::Deserializer::from_bytes(bytes)).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn bytes_of_other_types_are_refused() {
        assert!(deserialize::<Vec<u8>, _>(&mut postcard::Deserializer::from_bytes(&[9, 1, 2])).is_err());
        assert!(deserialize::<(Vec<u8>,), _>(&mut serde_json::Deserializer::from_str("[300]")).is_err());
    }
}

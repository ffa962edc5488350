//! Values as bytes, and bytes as values, without a copy. Unsafe, because the bytes are looked at as another type.
#![allow(unsafe_code)]

use std::any::{Any, type_name};
use std::error::Error;
use std::fmt;
use std::mem::ManuallyDrop;
use std::slice;

/// Types that are the same as their bytes: the numbers, and with the feature `bytemuck` every `bytemuck::Pod`.
///
/// Such values have no padding and no pointers, and any bytes of their size are a value. So a [`Blob`](crate::Blob) can be seen as a
/// slice of them, in any process of the same program, without a copy. The trait cannot be implemented otherwise.
pub trait Plain: Copy + Send + Sync + 'static + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        #[cfg(not(feature = "bytemuck"))]
        impl sealed::Sealed for $number {}
        #[cfg(not(feature = "bytemuck"))]
        impl Plain for $number {}
    )*};
}
numbers! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 }

#[cfg(feature = "bytemuck")]
impl<T: bytemuck::Pod> sealed::Sealed for T {}
#[cfg(feature = "bytemuck")]
#[cfg_attr(docsrs, doc(cfg(feature = "bytemuck")))]
impl<T: bytemuck::Pod + Send + Sync> Plain for T {}

/// The bytes cannot be seen as values of that type. Returned by [`Blob::cast`](crate::Blob::cast).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CastError {
    len: usize,
    name: &'static str,
    reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// The length is no multiple of this size.
    Length(usize),
    /// The first byte is not at a multiple of this.
    Alignment(usize),
}

impl fmt::Display for CastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { len, name, reason } = self;
        match reason {
            Reason::Length(0) => write!(f, "{len} bytes cannot be a slice of `{name}`, which has no bytes"),
            Reason::Length(size) => write!(
                f,
                "{len} bytes are not a whole number of `{name}`: each has {size} bytes, and {} are left over",
                len % size
            ),
            Reason::Alignment(to) => write!(
                f,
                "{len} bytes cannot be a slice of `{name}`: they start at an address that is not a multiple of {to}, its \
                 alignment; copy them into a `Vec<{name}>`"
            ),
        }
    }
}

impl Error for CastError {}

fn check<T: Plain>(start: *const u8, len: usize) -> Result<usize, CastError> {
    let fails = |reason| Err(CastError { len, name: type_name::<T>(), reason });
    let (size, alignment) = (size_of::<T>(), align_of::<T>());
    if len == 0 {
        return Ok(0);
    }
    if size == 0 || !len.is_multiple_of(size) {
        return fails(Reason::Length(size));
    }
    if !start.addr().is_multiple_of(alignment) {
        return fails(Reason::Alignment(alignment));
    }
    Ok(len / size)
}

/// The bytes as values.
pub(crate) fn cast<T: Plain>(bytes: &[u8]) -> Result<&[T], CastError> {
    match check::<T>(bytes.as_ptr(), bytes.len())? {
        0 => Ok(&[]),
        // SAFETY: the pointer is aligned, and `len` values fill the bytes, which are initialised and borrowed for as long. Any bytes are a
        // value of a `Plain` type.
        len => Ok(unsafe { slice::from_raw_parts(bytes.as_ptr().cast(), len) }),
    }
}

/// The same, to write to.
pub(crate) fn cast_mut<T: Plain>(bytes: &mut [u8]) -> Result<&mut [T], CastError> {
    match check::<T>(bytes.as_ptr(), bytes.len())? {
        0 => Ok(&mut []),
        // SAFETY: as in `cast`; the borrow is exclusive, and a `Plain` value has no padding, so the bytes stay initialised.
        len => Ok(unsafe { slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), len) }),
    }
}

/// The little-endian bytes of a `Vec` of numbers, and the size of each. `None` where `numbers` is none, or has them in another order.
pub(crate) fn bytes_of_numbers(numbers: &dyn Any) -> Option<(&[u8], usize)> {
    macro_rules! bytes_of_vec {
        ($($number:ty)*) => {
            None$(.or_else(|| {
                numbers.downcast_ref::<Vec<$number>>().map(|numbers| (bytes_of(numbers), size_of::<$number>()))
            }))*
        };
    }
    if cfg!(target_endian = "big") {
        return None;
    }
    bytes_of_vec! { f64 f32 i64 u64 i32 u32 i16 u16 i8 u8 }
}

/// The values as others of the same size and alignment.
pub(crate) fn cast_vec<A: Plain, B: Plain>(values: Vec<A>) -> Vec<B> {
    const { assert!(size_of::<A>() == size_of::<B>() && align_of::<A>() == align_of::<B>()) };
    let mut values = ManuallyDrop::new(values);
    // SAFETY: the memory is given up by `values`, and was made for values of this size and alignment. Any bytes are a value of a `Plain` type.
    unsafe { Vec::from_raw_parts(values.as_mut_ptr().cast(), values.len(), values.capacity()) }
}

/// The values as bytes.
pub(crate) fn bytes_of<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: all bytes of the values are initialised, since a `Plain` value has no padding; and bytes have no alignment.
    unsafe { slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn values_are_their_bytes() {
        let mut numbers = [1.5_f64, -2.5, 0.0];
        let bytes = bytes_of(&numbers).to_vec();
        assert_eq!(bytes, numbers.map(f64::to_ne_bytes).concat());
        let again: &[f64] = cast(bytes_of(&numbers)).unwrap();
        assert_eq!(again, numbers);
        let mut bytes = bytes_of(&numbers).to_vec();
        cast_mut::<u8>(&mut bytes).unwrap().fill(0);
        numbers.fill(0.0);
        assert_eq!(bytes, bytes_of(&numbers));
        assert_eq!((cast::<f64>(&[]), cast_mut::<u16>(&mut [])), (Ok(&[][..]), Ok(&mut [][..])));
    }

    #[test]
    fn bytes_of_numbers_are_little_endian() {
        let bytes = bytes_of_numbers(&vec![1.5_f64, -2.5]).map(|(bytes, size)| (bytes.to_vec(), size));
        let expected = || ([1.5_f64, -2.5].map(f64::to_le_bytes).concat(), 8);
        assert_eq!(bytes, cfg!(target_endian = "little").then(expected));
        assert_eq!(bytes_of_numbers(&vec![7_i8]), bytes_of_numbers(&vec![7_u8]));
        assert_eq!((bytes_of_numbers(&vec!['a']), bytes_of_numbers(&1.5)), (None, None));
    }

    #[test]
    fn misfits_say_why() {
        let numbers = [0_u64; 2];
        let bytes = bytes_of(&numbers);
        assert_eq!(
            cast::<u64>(&bytes[..15]).unwrap_err().to_string(),
            "15 bytes are not a whole number of `u64`: each has 8 bytes, and 7 are left over"
        );
        assert_eq!(
            cast::<u64>(&bytes[1..9]).unwrap_err().to_string(),
            "8 bytes cannot be a slice of `u64`: they start at an address that is not a multiple of 8, its alignment; copy \
             them into a `Vec<u64>`"
        );
        assert!(cast_mut::<u16>(&mut bytes.to_vec()[..3]).is_err());
    }
}

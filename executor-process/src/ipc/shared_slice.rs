//! Numbers in shared memory.

use std::any::type_name;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::ipc::blob::Blob;
use crate::ipc::plain::{self, CastError, Plain};

/// Immutable numbers in shared memory, which reach another process without being copied: a [`Blob`] that dereferences to `[T]`.
///
/// It can be wherever a `Blob` can be: in a job's arguments, its result, an item of a `map` or a message of a channel. A clone shares the
/// same memory. As with a `Blob`, each one that is not empty uses one file descriptor in every process that has it.
///
/// ```
/// use executor::{ProcessPool, RemoteError, SharedSlice, call};
///
/// /// Adds the vectors. The result is written where the caller reads it.
/// fn add(a: SharedSlice<f64>, b: SharedSlice<f64>) -> Result<SharedSlice<f64>, RemoteError> {
///     Ok(SharedSlice::build(a.len(), |sums| {
///         for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b.iter())) {
///             *sum = a + b;
///         }
///     })?)
/// }
///
/// let pool = ProcessPool::new(1)?;
/// let (a, b) = (SharedSlice::from(&[1.0, 2.0]), SharedSlice::from(&[0.5, 0.25]));
/// let sums = pool.submit(call!(add(a, b))).result()??;
/// assert_eq!(sums[..], [1.5, 2.25]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A `Blob` of any other origin, such as [`Blob::from_file`], is converted by `SharedSlice::try_from(blob)`.
pub struct SharedSlice<T> {
    /// Its bytes are a whole number of `T`, and are aligned.
    blob: Blob,
    of: PhantomData<T>,
}

impl<T: Plain> SharedSlice<T> {
    /// Copies `values` into new shared memory.
    ///
    /// # Errors
    ///
    /// If the system has no memory or no file descriptor left, or `T` has no bytes, as `()`.
    pub fn copy_of(values: &[T]) -> io::Result<Self> {
        check_countable::<T>(values.len())?;
        Self::checked(Blob::copy_of(plain::bytes_of(values))?)
    }

    /// Makes `len` values in shared memory, and lets `fill` write them in place. All bytes are zero at first.
    ///
    /// # Errors
    ///
    /// If the system has no memory or no file descriptor left, or `T` has no bytes, as `()`; `fill` is then not called.
    pub fn build(len: usize, fill: impl FnOnce(&mut [T])) -> io::Result<Self> {
        check_countable::<T>(len)?;
        let Some(bytes) = len.checked_mul(size_of::<T>()) else { return Err(io::ErrorKind::OutOfMemory.into()) };
        let (mut fill, mut filled) = (Some(fill), Ok(()));
        let blob = Blob::build(bytes, |bytes| match (plain::cast_mut(bytes), fill.take()) {
            (Ok(values), Some(fill)) => fill(values),
            (cast, _) => filled = cast.map(drop),
        })?;
        filled.map_err(io::Error::other)?;
        Self::checked(blob)
    }

    /// The bytes of the values.
    pub fn into_blob(self) -> Blob {
        self.blob
    }

    fn checked(blob: Blob) -> io::Result<Self> {
        Self::try_from(blob).map_err(io::Error::other)
    }
}

/// Values without bytes leave nothing by which the receiver could count them.
fn check_countable<T>(len: usize) -> io::Result<()> {
    if len == 0 || size_of::<T>() > 0 {
        return Ok(());
    }
    let text = format!("{len} values of `{}` have no bytes to share: pass their number", type_name::<T>());
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

/// Fails if the bytes are not a whole number of `T`; see [`Blob::cast`].
impl<T: Plain> TryFrom<Blob> for SharedSlice<T> {
    type Error = CastError;

    fn try_from(blob: Blob) -> Result<Self, CastError> {
        blob.cast::<T>()?;
        Ok(Self { blob, of: PhantomData })
    }
}

impl<T: Plain> Deref for SharedSlice<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // It was checked when `self` was made.
        self.blob.cast().unwrap_or_default()
    }
}

impl<T: Plain> AsRef<[T]> for SharedSlice<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

/// Copies the values, like [`copy_of`](SharedSlice::copy_of). Panics if that fails.
impl<T: Plain> From<&[T]> for SharedSlice<T> {
    fn from(values: &[T]) -> Self {
        Self::copy_of(values)
            .unwrap_or_else(|error| panic!("no shared memory for {} bytes of numbers: {error}", size_of_val(values)))
    }
}

/// Copies the values, like [`copy_of`](SharedSlice::copy_of). Panics if that fails.
impl<T: Plain, const N: usize> From<&[T; N]> for SharedSlice<T> {
    fn from(values: &[T; N]) -> Self {
        Self::from(&values[..])
    }
}

/// Copies the values into shared memory, like [`copy_of`](SharedSlice::copy_of). Panics if that fails.
impl<T: Plain> From<Vec<T>> for SharedSlice<T> {
    fn from(values: Vec<T>) -> Self {
        Self::from(&values[..])
    }
}

impl<'a, T: Plain> IntoIterator for &'a SharedSlice<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> Clone for SharedSlice<T> {
    fn clone(&self) -> Self {
        Self { blob: self.blob.clone(), of: PhantomData }
    }
}

impl<T> Default for SharedSlice<T> {
    fn default() -> Self {
        Self { blob: Blob::default(), of: PhantomData }
    }
}

impl<T: Plain + PartialEq> PartialEq for SharedSlice<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Plain> fmt::Debug for SharedSlice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedSlice({} × {})", self.len(), type_name::<T>())
    }
}

impl<T> Serialize for SharedSlice<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.blob.serialize(serializer)
    }
}

impl<'de, T: Plain> Deserialize<'de> for SharedSlice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Blob::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::ipc::codec::Codec;

    #[test]
    fn it_is_its_values() {
        let three = SharedSlice::from(&[1.5, 2.5, 3.5]);
        assert_eq!(three[..], [1.5, 2.5, 3.5]);
        assert_eq!(three, SharedSlice::build(3, |values| values.copy_from_slice(&[1.5, 2.5, 3.5])).unwrap());
        assert_eq!(three.clone().as_ptr(), three.as_ptr(), "a clone is the same memory");
        assert!((three.iter().sum::<f64>() - 7.5).abs() < 1e-9);
        assert!(SharedSlice::<u16>::default().is_empty() && SharedSlice::<u16>::build(0, |_| {}).unwrap().is_empty());
        assert_eq!(format!("{three:?}"), "SharedSlice(3 × f64)");
        assert_eq!(SharedSlice::<u32>::try_from(three.into_blob()).unwrap().len(), 6);
        let too_large = SharedSlice::<u64>::build(usize::MAX, |_| {}).unwrap_err();
        assert_eq!(too_large.kind(), io::ErrorKind::OutOfMemory);
    }

    #[cfg(feature = "bytemuck")]
    #[test]
    fn values_without_bytes_are_refused() {
        let text = "5 values of `()` have no bytes to share: pass their number";
        assert_eq!(SharedSlice::copy_of(&[(); 5]).unwrap_err().to_string(), text);
        assert_eq!(SharedSlice::<()>::build(5, |_| panic!("it is called")).unwrap_err().to_string(), text);
        assert!(SharedSlice::<()>::copy_of(&[]).unwrap().is_empty());
    }

    #[test]
    fn it_arrives_without_a_copy_or_says_why_not() {
        for codec in [Codec::Postcard, Codec::MessagePack] {
            let sent = SharedSlice::from(vec![1_i32, -2, 3]);
            let payload = codec.encode(&sent).unwrap();
            assert!(payload.len() < 8, "its bytes are elsewhere");
            assert_eq!(codec.decode_payload::<SharedSlice<i32>>(&payload).unwrap(), sent);
            let error = codec.decode_payload::<SharedSlice<f64>>(&payload).unwrap_err();
            assert!(error.contains("12 bytes are not a whole number of `f64`"), "{error}");
        }
    }
}

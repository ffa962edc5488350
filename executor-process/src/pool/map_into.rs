//! `map` into a buffer of the caller's.

use executor_core::JobError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ipc::plain::Plain;
use crate::ipc::shared_slice::SharedSlice;
use crate::pool::handle::ProcessHandle;

impl ProcessHandle {
    /// Applies `f` to each item as [`map`](Self::map) does, and writes the results into `buffer`, one behind the other in the items' order.
    /// Blocks until all are written, or one has failed.
    ///
    /// A result is one `T`, a `Vec<T>`, or a [`SharedSlice<T>`](crate::SharedSlice): for large results the last is the fastest, since the worker
    /// writes it where it is copied from, once.
    ///
    /// ```
    /// use executor::{ProcessPool, RemoteError, SharedSlice};
    ///
    /// /// A row of a table of products.
    /// fn row(n: u32) -> Result<SharedSlice<f64>, RemoteError> {
    ///     Ok(SharedSlice::build(4, |row| row.iter_mut().zip(1..).for_each(|(place, m)| *place = f64::from(n * m)))?)
    /// }
    ///
    /// let pool = ProcessPool::new(2)?;
    /// let mut table = vec![0.0; 3 * 4];
    /// pool.map_into(1..=3, |n| row(n).unwrap(), &mut table)?;
    /// assert_eq!(table[4..8], [2.0, 4.0, 6.0, 8.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the first item that failed; or [`JobError::Failed`] if the results do not fill the buffer exactly. The buffer may then hold
    /// some of the results. Items that have not started are cancelled.
    #[track_caller]
    pub fn map_into<I, R, T>(&self, items: I, f: fn(I::Item) -> R, buffer: &mut [T]) -> Result<(), JobError>
    where
        I: IntoIterator<Item: Serialize + DeserializeOwned + Send + 'static>,
        R: AsPart<T> + Serialize + DeserializeOwned + Send + 'static,
        T: Plain,
    {
        fill(self.map(items, f), buffer)
    }
}

/// A result of [`map_into`](crate::ProcessHandle::map_into): one `T`, a `Vec<T>` or a [`SharedSlice<T>`](SharedSlice).
pub trait AsPart<T>: sealed::Sealed<T> {
    /// The values that go into the buffer.
    fn as_part(&self) -> &[T];
}

mod sealed {
    pub trait Sealed<T> {}
}

impl<T: Plain> sealed::Sealed<T> for T {}
impl<T: Plain> AsPart<T> for T {
    fn as_part(&self) -> &[T] {
        std::slice::from_ref(self)
    }
}

impl<T: Plain> sealed::Sealed<T> for Vec<T> {}
impl<T: Plain> AsPart<T> for Vec<T> {
    fn as_part(&self) -> &[T] {
        self
    }
}

impl<T: Plain> sealed::Sealed<T> for SharedSlice<T> {}
impl<T: Plain> AsPart<T> for SharedSlice<T> {
    fn as_part(&self) -> &[T] {
        self
    }
}

/// Writes the results one behind the other.
///
/// # Errors
///
/// The first of the results', and when they do not fill the buffer.
fn fill<T: Plain, R: AsPart<T>>(
    results: impl Iterator<Item = Result<R, JobError>>,
    buffer: &mut [T],
) -> Result<(), JobError> {
    let (len, mut rest) = (buffer.len(), buffer);
    for result in results {
        let result = result?;
        let part = result.as_part();
        let left = rest.len();
        let Some((place, behind)) = rest.split_at_mut_checked(part.len()) else {
            let found = len - left + part.len();
            return Err(JobError::failed(format!(
                "the results are {found} values or more, but the buffer has room for {len}"
            )));
        };
        place.copy_from_slice(part);
        rest = behind;
    }
    if rest.is_empty() {
        return Ok(());
    }
    Err(JobError::failed(format!("the results are {} values, but the buffer has room for {len}", len - rest.len())))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn filled<R: AsPart<u8>>(results: Vec<Result<R, JobError>>, len: usize) -> Result<Vec<u8>, String> {
        let mut buffer = vec![9; len];
        fill(results.into_iter(), &mut buffer).map(|()| buffer).map_err(|error| error.to_string())
    }

    #[test]
    fn results_of_all_kinds_fill_a_buffer() {
        assert!(filled::<u8>(vec![], 0).unwrap().is_empty());
        assert_eq!(filled(vec![Ok(1), Ok(2)], 2).unwrap(), [1, 2]);
        assert_eq!(filled(vec![Ok(vec![1]), Ok(vec![]), Ok(vec![2, 3])], 3).unwrap(), [1, 2, 3]);
        assert_eq!(filled(vec![Ok(SharedSlice::from(&[1, 2]))], 2).unwrap(), [1, 2]);
    }

    #[test]
    fn misfits_and_failed_items_are_errors() {
        let lists = || vec![Ok(vec![1, 2]), Ok(vec![3, 4])];
        assert_eq!(filled(lists(), 3).unwrap_err(), "the results are 4 values or more, but the buffer has room for 3");
        assert_eq!(filled(lists(), 5).unwrap_err(), "the results are 4 values, but the buffer has room for 5");
        assert_eq!(filled(vec![Ok(1), Err(JobError::failed("no")), Ok(3)], 3).unwrap_err(), "no");
    }
}

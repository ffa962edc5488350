//! Waiting for several futures at once.

use std::sync::Arc;
use std::time::Duration;

use crate::drive::WaitDeadline;
use crate::error::JobError;
use crate::future::Future;
use crate::set::Ended;
use crate::set::as_completed;

/// The condition that ends a [`wait`](wait()). A cancelled job counts as ended with an error.
///
/// ```
/// use executor::{Future, JobError, Until, promise, wait};
///
/// let (_slow, pending) = promise();
/// let waited = wait([pending, Future::failed(JobError::cancelled()), Future::ready(7)], Until::FirstOk);
/// assert_eq!((waited.done.len(), waited.pending.len()), (2, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Until {
    /// One of the jobs has ended.
    FirstDone,
    /// One of the jobs has ended with a result, or all have ended.
    FirstOk,
    /// One of the jobs has ended with an error, or all have ended.
    FirstError,
    /// All jobs have ended.
    AllDone,
}

/// The futures that were passed to [`wait`](wait()), split by whether their jobs have ended. Each part keeps the order of the futures.
#[derive(Debug)]
#[must_use = "this holds the futures: if it is dropped, the outcomes are lost"]
pub struct Waited<T> {
    /// Futures whose jobs have ended. Their `result` does not block.
    pub done: Vec<Future<T>>,
    /// Futures whose jobs have not ended.
    pub pending: Vec<Future<T>>,
}

/// Blocks until the jobs of `futures` fulfil the condition `until`. Returns all futures, split into done and pending. Without
/// futures, returns at once.
///
/// ```
/// use executor::{Future, Until, promise, wait};
///
/// let (_slow, pending) = promise::<u32>();
/// let waited = wait([pending, Future::ready(7)], Until::FirstDone);
/// assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
/// ```
pub fn wait<T>(futures: impl IntoIterator<Item = Future<T>>, until: Until) -> Waited<T> {
    wait_for(futures, until, &WaitDeadline::new(None))
}

/// Like [`wait`](wait()), but blocks for at most `limit`.
///
/// ```
/// use std::time::Duration;
/// use executor::{Until, promise, wait_timeout};
///
/// let (_slow, future) = promise::<u32>();
/// let waited = wait_timeout([future], Until::AllDone, Duration::from_millis(1));
/// assert_eq!((waited.done.len(), waited.pending.len()), (0, 1));
/// ```
pub fn wait_timeout<T>(futures: impl IntoIterator<Item = Future<T>>, until: Until, limit: Duration) -> Waited<T> {
    wait_for(futures, until, &WaitDeadline::new(Some(limit)))
}

fn wait_for<T>(futures: impl IntoIterator<Item = Future<T>>, until: Until, wait_deadline: &WaitDeadline) -> Waited<T> {
    let futures: Vec<_> = futures.into_iter().collect();
    if until == Until::AllDone && wait_deadline.deadline().is_none() {
        // All of them are waited for, so each may run here.
        futures.iter().for_each(Future::wait);
    }
    let ended = Arc::new(Ended::default());
    for (key, future) in futures.iter().enumerate() {
        ended.listen_to(future, key);
    }
    let mut is_done = vec![false; futures.len()];
    for _ in 0..futures.len() {
        let Some(key) = ended.next(wait_deadline, || &futures) else { break };
        is_done[key] = true;
        let is_enough = match until {
            Until::FirstDone => true,
            Until::FirstOk => futures[key].state().settle() == Some(true),
            Until::FirstError => futures[key].state().settle() == Some(false),
            Until::AllDone => false,
        };
        if is_enough {
            break;
        }
    }
    // Others may have ended meanwhile: they are as done as those that were waited for.
    while let Some(key) = ended.ready() {
        is_done[key] = true;
    }
    let mut waited = Waited { done: Vec::new(), pending: Vec::new() };
    for (future, is_done) in futures.into_iter().zip(is_done) {
        if is_done { waited.done.push(future) } else { waited.pending.push(future) }
    }
    waited
}

/// Waits for all jobs, and returns their outcomes in the order of the futures. Blocks.
///
/// ```
/// use executor::{Future, join_all};
///
/// let outcomes = join_all([Future::ready(1), Future::ready(2)]);
/// assert!(matches!(outcomes[..], [Ok(1), Ok(2)]));
/// ```
pub fn join_all<T>(futures: impl IntoIterator<Item = Future<T>>) -> Vec<Result<T, JobError>> {
    // All of them are there before the first is waited for: the iterator may be what submits them.
    let futures: Vec<_> = futures.into_iter().collect();
    futures.into_iter().map(Future::result).collect()
}

/// Waits until all jobs have a result, or one has ended with an error. Blocks. Returns the results in the order of the futures.
///
/// ```
/// use executor::{Future, JobError, try_join_all};
///
/// assert_eq!(try_join_all([Future::ready(1), Future::ready(2)])?, [1, 2]);
/// assert!(try_join_all([Future::ready(1), Future::failed(JobError::cancelled())]).is_err());
/// # Ok::<(), JobError>(())
/// ```
///
/// # Errors
///
/// The error of the first job that ends with an error. The jobs that have not started by then are cancelled; running jobs go on, and
/// their outcomes are dropped.
#[expect(clippy::missing_panics_doc, reason = "each future ends once")]
pub fn try_join_all<T>(futures: impl IntoIterator<Item = Future<T>>) -> Result<Vec<T>, JobError> {
    let mut ended = as_completed(futures);
    let mut results: Vec<Option<T>> = (0..ended.len()).map(|_| None).collect();
    while let Some((index, outcome)) = ended.next() {
        match outcome {
            Ok(value) => results[index] = Some(value),
            Err(error) => {
                ended.into_set().cancel_all();
                return Err(error);
            }
        }
    }
    Ok(results.into_iter().map(|value| value.expect("each future ended once, and well")).collect())
}

//! A set of futures that is drained as their jobs end, and may grow meanwhile.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::current;
use crate::current::activity::{ActivityKind, MOST_IDS};
use crate::drive::WaitDeadline;
use crate::error::JobError;
use crate::future::Future;
use crate::notify::{Listener, Watch};
use crate::panics::wake_catching;
use crate::sync::{Condvar, Mutex};

/// A set of futures, drained in the order in which their jobs end. It may grow while it is drained, as in a crawler, where each result
/// leads to further jobs.
///
/// If the set is dropped, the jobs that have not ended still run.
///
/// ```
/// use executor::{Future, JobSet};
///
/// let mut set = JobSet::new();
/// set.insert(Future::ready(3));
/// let mut sum = 0;
/// while let Some((_, outcome)) = set.next() {
///     let n: u32 = outcome?;
///     sum += n;
///     if n > 0 {
///         set.insert(Future::ready(n - 1));
///     }
/// }
/// assert_eq!(sum, 3 + 2 + 1);
/// # Ok::<(), executor::JobError>(())
/// ```
pub struct JobSet<T> {
    futures: HashMap<usize, Future<T>>,
    next_key: usize,
    ended: Arc<Ended>,
}

impl<T> JobSet<T> {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self { futures: HashMap::new(), next_key: 0, ended: Arc::default() }
    }

    /// Adds a future. Returns its key: 0 for the first, 1 for the second, and so on. Does not block.
    pub fn insert(&mut self, future: Future<T>) -> usize {
        let key = self.next_key;
        self.next_key += 1;
        self.ended.listen_to(&future, key);
        self.futures.insert(key, future);
        key
    }

    /// Blocks until a job ends, removes its future, and returns its key and outcome. A cancelled job counts as ended. Returns `None` if the
    /// set is empty.
    #[expect(clippy::should_implement_trait, reason = "a set that grows while it is drained is no iterator")]
    pub fn next(&mut self) -> Option<(usize, Result<T, JobError>)> {
        if self.futures.is_empty() {
            return None;
        }
        self.next_within(&WaitDeadline::new(None))
    }

    /// Like [`next`](JobSet::next), but waits for at most `limit`. Returns `None` also if no job ends in that time.
    pub fn next_timeout(&mut self, limit: Duration) -> Option<(usize, Result<T, JobError>)> {
        if self.futures.is_empty() {
            return None;
        }
        self.next_within(&WaitDeadline::new(Some(limit)))
    }

    fn next_within(&mut self, wait_deadline: &WaitDeadline) -> Option<(usize, Result<T, JobError>)> {
        let key = self.ended.next(wait_deadline, || self.futures.values())?;
        Some(self.remove(key))
    }

    /// Like [`next`](JobSet::next), for async code: ready with `None` if the set is empty.
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use executor::{Future, JobSet};
    ///
    /// async fn sum(mut set: JobSet<u32>) -> u32 {
    ///     let mut sum = 0;
    ///     while let Some((_, outcome)) = poll_fn(|context| set.poll_next(context)).await {
    ///         sum += outcome.unwrap_or_default();
    ///     }
    ///     sum
    /// }
    /// # use std::task::{Context, Poll, Waker};
    /// # let mut set = JobSet::new();
    /// # set.insert(Future::ready(3));
    /// # let polled = std::pin::pin!(sum(set)).poll(&mut Context::from_waker(Waker::noop()));
    /// # assert_eq!(polled, Poll::Ready(3));
    /// ```
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<(usize, Result<T, JobError>)>> {
        if self.futures.is_empty() {
            return Poll::Ready(None);
        }
        let polled = self.ended.poll_next(context);
        match polled {
            Poll::Pending => current::pending(self.address()),
            Poll::Ready(_) => current::over(self.address()),
        }
        polled.map(|key| Some(self.remove(key)))
    }

    /// Cancels every job that has not started. [`next`](JobSet::next) still returns their outcomes. Does not block.
    pub fn cancel_all(&self) {
        for future in self.futures.values() {
            future.cancel();
        }
    }

    /// Returns how many futures are in the set.
    pub fn len(&self) -> usize {
        self.futures.len()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.futures.is_empty()
    }

    /// Tells one set from others for as long as it is there.
    fn address(&self) -> usize {
        Arc::as_ptr(&self.ended).addr()
    }

    fn remove(&mut self, key: usize) -> (usize, Result<T, JobError>) {
        let future = self.futures.remove(&key).expect("a job ends once, and its future stays until then");
        (key, future.result())
    }
}

impl<T> Drop for JobSet<T> {
    fn drop(&mut self) {
        current::over(self.address());
    }
}

impl<T> Default for JobSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JobSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobSet").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Returns an iterator over the outcomes of `futures` in the order in which their jobs end, each with its index. Each `next` blocks until
/// another job has ended. A cancelled job counts as ended.
///
/// If the iterator is dropped, the remaining jobs still run.
///
/// ```
/// use executor::{Future, as_completed, promise};
///
/// let (_slow, pending) = promise();
/// let first = as_completed([pending, Future::ready(7)]).next();
/// assert!(matches!(first, Some((1, Ok(7)))));
/// ```
pub fn as_completed<T>(futures: impl IntoIterator<Item = Future<T>>) -> AsCompleted<T> {
    let mut set = JobSet::new();
    for future in futures {
        set.insert(future);
    }
    AsCompleted(set)
}

/// An iterator over outcomes in the order in which jobs end. Returned by [`as_completed`].
#[derive(Debug)]
#[must_use = "an iterator does nothing until it is asked"]
pub struct AsCompleted<T>(JobSet<T>);

impl<T> AsCompleted<T> {
    /// Returns the futures that are left, as a set.
    pub fn into_set(self) -> JobSet<T> {
        self.0
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = (usize, Result<T, JobError>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl<T> ExactSizeIterator for AsCompleted<T> {}

/// The keys of jobs that have ended, in that order, and who waits for the next.
#[derive(Default)]
pub(crate) struct Ended {
    keys: Mutex<Keys>,
    arrived: Condvar,
}

#[derive(Default)]
struct Keys {
    ready: VecDeque<usize>,
    waker: Option<Waker>,
}

impl Ended {
    pub(crate) fn listen_to<T>(self: &Arc<Self>, future: &Future<T>, key: usize) {
        if future.state().watch(Watch::Set(self.clone(), key)).is_err() {
            self.ended(key);
        }
    }

    /// The next key, if there is one.
    pub(crate) fn ready(&self) -> Option<usize> {
        self.keys.lock().ready.pop_front()
    }

    /// The next key, waiting for it as long as `wait_deadline` lasts. It is one of `futures`.
    pub(crate) fn next<'a, T: 'a, F>(&self, wait_deadline: &WaitDeadline, futures: impl Fn() -> F) -> Option<usize>
    where
        F: IntoIterator<Item = &'a Future<T>>,
    {
        let queue_ids = || futures().into_iter().map(|future| future.state().queue_id());
        let is_over = || !self.keys.lock().ready.is_empty();
        let deadline = wait_deadline.deadline();
        if is_over()
            || wait_deadline.drive(queue_ids, &|_| false, &is_over)
            || deadline.is_some_and(|deadline| Instant::now() >= deadline)
        {
            return self.ready();
        }
        // A few of them: there may be very many.
        let mut ids: Vec<_> = futures().into_iter().take(MOST_IDS + 1).map(Future::id).collect();
        let has_more = ids.len() > MOST_IDS;
        ids.truncate(MOST_IDS);
        let _blocked = current::block_in(ActivityKind::WaitForAnyJob { ids, has_more }, deadline);
        let mut keys = self.keys.lock();
        loop {
            if let Some(key) = keys.ready.pop_front() {
                return Some(key);
            }
            keys = match deadline {
                None => self.arrived.wait(keys),
                Some(deadline) if Instant::now() >= deadline => return None,
                Some(deadline) => self.arrived.wait_until(keys, deadline),
            };
        }
    }

    fn poll_next(&self, context: &mut Context<'_>) -> Poll<usize> {
        let waker = context.waker().clone();
        let mut keys = self.keys.lock();
        if let Some(key) = keys.ready.pop_front() {
            return Poll::Ready(key);
        }
        let before = keys.waker.replace(waker);
        drop(keys);
        drop(before);
        Poll::Pending
    }
}

impl Listener for Ended {
    fn ended(&self, key: usize) {
        let mut keys = self.keys.lock();
        keys.ready.push_back(key);
        let waker = keys.waker.take();
        drop(keys);
        self.arrived.notify_all();
        if let Some(waker) = waker {
            wake_catching(waker);
        }
    }
}

//! `map`: a function applied to items on an executor, a bounded number of them at a time.

mod input;

use std::collections::VecDeque;
use std::fmt;

use self::input::Input;
use crate::error::JobError;
use crate::future::Future;
use crate::set::JobSet;

/// For authors of executors: submits the items of a [`Map`].
pub trait Mapper<A> {
    /// The return type of the function.
    type Output: Send + 'static;

    /// The outcomes of a chunk, one for each item, in the items' order. The iterator may be lazy.
    type Outcomes: Iterator<Item = Result<Self::Output, JobError>> + Send + 'static;

    /// Submits one item.
    fn submit(&mut self, item: A) -> Future<Self::Output>;

    /// Submits several items as one job, or as several jobs if one cannot hold all of them. Returns each job's future with the number of
    /// its items, in the items' order.
    fn submit_chunk(&mut self, items: Vec<A>) -> Vec<(Future<Self::Outcomes>, usize)>;

    /// Returns how many items can be processed at once.
    fn workers(&self) -> usize;

    /// Returns whether a job has a time limit. If so, items are submitted one by one, so that each item gets the limit.
    fn is_limited(&self) -> bool {
        false
    }

    /// Returns how many items the next chunk should have, unless the caller sets that. `None` means one by one.
    fn chunk(&self) -> Option<usize> {
        None
    }
}

/// An iterator over the results of a function that is applied to many items on a pool, in the items' order. Returned by `map`.
///
/// It is lazy: the first `next` takes items from the input and submits them. From then on, twice as many items as there are workers
/// are in flight ([`buffered`](Map::buffered) changes that). So the input may be endless.
///
/// Each `next` blocks until its item is done, and returns the result, or the [`JobError`] of that item alone. Dropping the iterator
/// cancels the items that have not started.
///
/// ```
/// use executor::ThreadPool;
///
/// let pool = ThreadPool::new(4);
/// let squares: Result<Vec<u64>, _> = pool.map(1.., |n: u64| n * n).buffered(8).take(3).collect();
/// assert_eq!(squares?, [1, 4, 9]);
///
/// let halves: Vec<_> = pool.map([4, 0, 2], |n: u32| 8 / n).collect();
/// assert!(matches!(halves[..], [Ok(2), Err(_), Ok(4)])); // one item panicked
/// # Ok::<(), executor::JobError>(())
/// ```
///
/// # Panics
///
/// If the input's `next` panics: `next` first returns the results of all earlier items, and then panics with the same payload.
#[must_use = "an iterator does nothing until it is asked"]
pub struct Map<I: Iterator, M: Mapper<I::Item>> {
    items: Input<I>,
    mapper: M,
    buffered: Option<usize>,
    chunk: Option<usize>,
    in_flight: InFlight<M::Output, M::Outcomes>,
    /// Items in `in_flight`.
    flying: usize,
    /// The chunk that ended last.
    ended: Result<M::Outcomes, JobError>,
    /// How many of its items are left.
    ready: usize,
}

enum Flight<R, O> {
    One(Future<R>),
    Chunk(Future<O>, usize),
}

/// Cancels what has not started when it is dropped.
struct InFlight<R, O>(VecDeque<Flight<R, O>>);

impl<R, O> Drop for InFlight<R, O> {
    fn drop(&mut self) {
        for flight in &self.0 {
            match flight {
                Flight::One(future) => future.cancel(),
                Flight::Chunk(future, _) => future.cancel(),
            };
        }
    }
}

impl<I: Iterator, M: Mapper<I::Item>> Map<I, M> {
    /// For authors of executors: creates the map of `items` by `mapper`.
    pub fn new(items: I, mapper: M) -> Self {
        let (in_flight, ended) = (InFlight(VecDeque::new()), Err(JobError::cancelled()));
        Self { items: Input::new(items), mapper, buffered: None, chunk: None, in_flight, flying: 0, ended, ready: 0 }
    }

    /// Sets how many items are in flight, at least 1. Default: twice the number of workers, times the chunk size.
    pub fn buffered(mut self, n: usize) -> Self {
        self.buffered = Some(n.max(1));
        self
    }

    /// Sets how many items are submitted as one job, at least 1. A panic or crash still fails one item only. Default: 1 for threads; for
    /// processes, as many as take about 1 ms, as measured while the map runs.
    ///
    /// If jobs have a time limit ([`JobOptions::timeout`](crate::JobOptions::timeout)), items are submitted one by one in any case, so that
    /// each item gets the limit.
    pub fn chunk_size(mut self, n: usize) -> Self {
        self.chunk = Some(n.max(1));
        self
    }

    /// `None` for items one by one.
    fn chunk(&self) -> Option<usize> {
        match self.chunk {
            _ if self.mapper.is_limited() => None,
            Some(n) => Some(n).filter(|&n| n > 1),
            None => self.mapper.chunk(),
        }
    }

    /// Returns the results in the order in which items finish, each with the index of its item. Items are submitted one by one, whatever
    /// the chunk size.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(4);
    /// for (index, length) in pool.map(["a", "bcd"], str::len).unordered() {
    ///     assert_eq!(length?, [1, 3][index]);
    /// }
    /// # Ok::<(), executor::JobError>(())
    /// ```
    pub fn unordered(self) -> Unordered<I, M> {
        let limit = self.limit();
        Unordered { items: self.items, mapper: self.mapper, limit, set: JobSet::new() }
    }

    fn limit(&self) -> usize {
        self.buffered.unwrap_or_else(|| (2 * self.mapper.workers()).saturating_mul(self.chunk().unwrap_or(1))).max(1)
    }

    fn fill(&mut self) {
        let (limit, chunk) = (self.limit(), self.chunk());
        while self.flying < limit {
            if let Some(chunk) = chunk {
                let room = chunk.min(limit - self.flying);
                let items = self.items.take(room);
                if items.is_empty() {
                    break;
                }
                self.flying += items.len();
                let jobs = self.mapper.submit_chunk(items);
                self.in_flight.0.extend(jobs.into_iter().map(|(future, len)| Flight::Chunk(future, len)));
            } else {
                let Some(item) = self.items.next() else { break };
                self.flying += 1;
                self.in_flight.0.push_back(Flight::One(self.mapper.submit(item)));
            }
        }
    }

    /// The next outcome of the chunk that ended last.
    #[inline]
    fn next_ready(&mut self) -> Option<Result<M::Output, JobError>> {
        if self.ready == 0 {
            return None;
        }
        self.ready -= 1;
        match &mut self.ended {
            Ok(outcomes) => outcomes.next(),
            Err(error) => Some(Err(error.clone())),
        }
    }

    /// The outcome of the next item in flight, behind those of the chunk that ended last.
    fn next_in_flight(&mut self) -> Option<Result<M::Output, JobError>> {
        self.fill();
        let Some(flight) = self.in_flight.0.pop_front() else {
            self.items.resume_panic();
            return None;
        };
        match flight {
            Flight::One(future) => {
                let outcome = future.result();
                self.flying -= 1;
                Some(outcome)
            }
            Flight::Chunk(future, len) => {
                self.ended = future.result();
                self.flying -= len;
                self.ready = len;
                self.next_ready()
            }
        }
    }

    fn left(&self) -> usize {
        self.flying + self.ready
    }
}

impl<I: Iterator, M: Mapper<I::Item>> Iterator for Map<I, M> {
    type Item = Result<M::Output, JobError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.next_ready() {
            None => self.next_in_flight(),
            outcome => outcome,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.items.size_hint();
        let left = self.left();
        (low.saturating_add(left), high.and_then(|high| high.checked_add(left)))
    }
}

impl<I: ExactSizeIterator, M: Mapper<I::Item>> ExactSizeIterator for Map<I, M> {}

impl<I: Iterator, M: Mapper<I::Item>> fmt::Debug for Map<I, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("in_flight", &self.flying).finish_non_exhaustive()
    }
}

/// An iterator over the results of a map in the order in which items finish, each with the index of its item. Returned by
/// [`Map::unordered`].
#[must_use = "an iterator does nothing until it is asked"]
pub struct Unordered<I: Iterator, M: Mapper<I::Item>> {
    items: Input<I>,
    mapper: M,
    limit: usize,
    set: JobSet<M::Output>,
}

impl<I: Iterator, M: Mapper<I::Item>> Iterator for Unordered<I, M> {
    type Item = (usize, Result<M::Output, JobError>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.set.len() < self.limit {
            let Some(item) = self.items.next() else { break };
            self.set.insert(self.mapper.submit(item));
        }
        if self.set.is_empty() {
            self.items.resume_panic();
        }
        self.set.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.items.size_hint();
        (low.saturating_add(self.set.len()), high.and_then(|high| high.checked_add(self.set.len())))
    }
}

impl<I: ExactSizeIterator, M: Mapper<I::Item>> ExactSizeIterator for Unordered<I, M> {}

impl<I: Iterator, M: Mapper<I::Item>> Drop for Unordered<I, M> {
    fn drop(&mut self) {
        self.set.cancel_all();
    }
}

impl<I: Iterator, M: Mapper<I::Item>> fmt::Debug for Unordered<I, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unordered").field("in_flight", &self.set.len()).finish_non_exhaustive()
    }
}

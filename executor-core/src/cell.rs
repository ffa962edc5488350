//! The job cell: the one allocation that a queue and a future share. For authors of executors.
//!
//! An executor makes a cell of each job, queues it as `Arc<dyn Run>`, and [runs](Run::run) it:
//!
//! ```
//! use std::sync::{Arc, mpsc};
//! use executor::Future;
//! use executor::extend::cell::Run;
//!
//! let (queue, jobs) = mpsc::channel::<Arc<dyn Run>>();
//! let worker = std::thread::spawn(move || jobs.into_iter().for_each(|job| drop(job.run())));
//!
//! let (cell, future) = Future::of_job(|| 6 * 7);
//! queue.send(cell).expect("the worker is there");
//! assert_eq!(future.result()?, 42);
//! # drop(queue);
//! # worker.join().unwrap();
//! # Ok::<(), executor::JobError>(())
//! ```
//!
//! A cell holds the payload while the job waits, and the outcome when it has ended:
//!
//! ```text
//!            claim               finish
//!   Queued ─────────> Running ──────────> Ended ───> Taken
//!    ^ │ └── withdraw (cancel, fail) ───────^ ^
//!    │ │ dispatch                    finish │ │ withdraw, if the dispatch can be revoked
//!    │ └────────────> Dispatched ───────────┴─┘
//!    └── take back ───────┘
//! ```
//!
//! A dispatched job is in another queue, such as that of a worker process, perhaps behind other jobs. The [`Dispatch`] knows whether the
//! job has started there, and can revoke it until then.
//!
//! A queue sees the cell as [`Run`] (the job runs on the thread that takes it) or as [`Task`] (the job runs elsewhere), and as
//! [`QueuedControl`]. Any other thread sees it as [`Control`], and the future as the private trait `JoinState`.
//!
//! Every step is one transition under the cell's own lock. It decides races: exactly one of `claim`, `cancel` and `fail` gets the payload,
//! and exactly one `finish` sets the outcome. No user code runs under the lock: the payload, the outcome, wakers and callbacks are moved
//! out first.
//!
//! `stage.rs` has the transitions. This file has the code around each: lock, transition, unlock, drop, notify. `in_place.rs` runs a job,
//! and `join.rs` has what its future needs. `ended.rs` is for jobs that never were in a queue.
//!
//! Many cells may wait at once, so a cell is small: beyond the payload or the outcome, whichever is larger, it has six words, two of them
//! the counts of its `Arc`. A box of its own holds the fields that few jobs have: a watcher, a thread that sleeps until
//! the end, measured times.
//!
//! # Which thread may access which field
//!
//! - `inner`: any thread, under its lock, for one transition or query. The thread that withdraws a job releases the lock to drop the
//!   payload, and locks again to conclude. Between the two, no other transition is possible.
//! - `word`: written under the lock of `inner`, read by any thread without it. The id is constant. The flag to stop is set by any thread
//!   that cancels or aborts, and never cleared. The flag of the end is set once, when the outcome is in `inner` and counted: true is
//!   final, and false means nothing.
//! - `kind`: constant.

mod control;
mod ended;
mod facts;
mod in_place;
mod join;
mod kind;
#[cfg(all(test, loom))]
mod loom_models;
mod stage;
mod traits;
mod word;

use std::sync::Arc;

use crate::current::activity::{self, ActivityKind};
use crate::error::JobError;
use crate::job::Job;
use crate::job_counters::{Failure, Moment};
use crate::notify::{Audience, Signal, Tell, Watch};
use crate::panics::{call_catching, drop_catching, wake_catching};
use crate::queue_id::QueueId;
use crate::registry;
use crate::sync::{Condvar, Mutex, MutexGuard};

pub use crate::control::{Control, QueuedControl};
pub use crate::notify::{Captures, Notify};
pub(crate) use ended::Ended;
pub use kind::{JobKind, Kind, PayloadKind};
use stage::{Claim, Dispatched, Finish, Handover, Leftovers, Return, Stage, Take};
pub(crate) use traits::JoinState;
pub use traits::{Abort, Dispatch, NamesJob, Run, Steer, Task};
use word::Word;

/// The cell of a job with payload `P` and raw outcome `O`, whose future is of `T`. `K` has its functions.
pub struct Cell<P: 'static, O: 'static, T, K = PayloadKind<P, O, T>> {
    word: Word,
    kind: K,
    inner: Mutex<Inner<P, O, T>>,
}

/// The cell of a job that runs on the thread that takes it from the queue.
pub type JobCell<J> = Cell<J, <J as Job>::Output, <J as Job>::Output, JobKind>;

struct Inner<P, O, T> {
    stage: Stage<P, O, T>,
    extra: Option<Box<Extra<T>>>,
}

/// The fields that few jobs have.
struct Extra<T> {
    watch: Watch<T>,
    /// Since when the job waits, where that is measured and the payload has no place for it.
    since: Moment,
    /// The threads that sleep until the end.
    sleepers: Option<Arc<Condvar>>,
}

impl<T> Default for Extra<T> {
    fn default() -> Self {
        Self { watch: Watch::NoWatcher, since: Moment::default(), sleepers: None }
    }
}

impl<P, O, T> Inner<P, O, T> {
    fn new(stage: Stage<P, O, T>) -> Mutex<Self> {
        Mutex::new(Self { stage, extra: None })
    }

    fn extra(&mut self) -> &mut Extra<T> {
        self.extra.get_or_insert_default()
    }

    /// Replaces the watcher.
    fn set_watch(&mut self, watch: Watch<T>) -> Watch<T> {
        std::mem::replace(&mut self.extra().watch, watch)
    }
}

impl<P: 'static, O: 'static, T> Cell<P, O, T> {
    /// Creates the cell of a queued job. `decode_fn` converts the raw outcome into the result.
    pub fn queued(payload: P, decode_fn: fn(O) -> Result<T, JobError>) -> Self {
        Self::new(Stage::queued(payload), PayloadKind::of(decode_fn))
    }

    /// Makes errors use the name that the payload gives the job.
    #[must_use]
    pub fn named(self) -> Self
    where
        P: NamesJob,
    {
        Self { kind: self.kind.named(), ..self }
    }
}

impl<P: 'static, O: 'static, T, K: Kind<P, O, T>> Cell<P, O, T, K> {
    fn new(stage: Stage<P, O, T>, kind: K) -> Self {
        Self { word: Word::new(false), kind, inner: Inner::new(stage) }
    }

    /// Puts the job into the queue `queue_id`, whose [`JobDeparture`](crate::queue_id::JobDeparture) is called if the job leaves the queue
    /// without being taken from it.
    #[must_use]
    pub fn at(mut self, queue_id: QueueId) -> Self {
        self.inner.get_mut().stage.set_queue_id(queue_id);
        self
    }

    /// Looks at the payload of a job that was not claimed, under the lock: `f` must run no code of a user's.
    pub(crate) fn with_payload<R>(&self, f: impl FnOnce(&mut P) -> R) -> Option<R> {
        self.inner.lock().stage.payload().map(f)
    }

    /// The place where it is kept since when the job waits.
    fn since_mut<'a>(&self, inner: &'a mut Inner<P, O, T>) -> &'a mut Moment {
        match inner.stage.payload().and_then(|payload| self.kind.since(payload)) {
            Some(since) => since,
            None => &mut inner.extra.get_or_insert_default().since,
        }
    }

    /// Makes an end visible, and says whom to tell: outside the lock, on a thread of the caller's choice.
    fn publish(&self, inner: MutexGuard<'_, Inner<P, O, T>>, leftovers: Leftovers<P, O, T>) -> Audience {
        let audience = self.publish_plainly(inner);
        if !leftovers.are_plain() {
            drop_catching(leftovers);
        }
        audience
    }

    /// The same where nothing is left to be dropped.
    #[inline]
    fn publish_plainly(&self, mut inner: MutexGuard<'_, Inner<P, O, T>>) -> Audience {
        let audience = match inner.extra.as_mut() {
            Some(extra) => Audience { signal: extra.watch.signal(), sleepers: extra.sleepers.take() },
            None => Audience::NONE,
        };
        self.word.set_ended();
        audience
    }

    /// Ends a running or dispatched job. The outcome of one that has ended is dropped.
    pub(crate) fn end(&self, outcome: Result<O, JobError>) -> Option<Signal> {
        self.end_with(outcome, None).map(Audience::wake)
    }

    #[inline]
    fn end_with(&self, outcome: Result<O, JobError>, of_parts: Option<Failure>) -> Option<Audience> {
        let ending = registry::ending(outcome.as_ref().map(|_| ()), of_parts);
        let mut inner = self.inner.lock();
        let outcome = match outcome.map(|raw| inner.stage.finish_plainly(raw)) {
            Ok(Ok(())) => {
                // Before it can be seen: an end that is seen is counted.
                registry::count(inner.stage.queue_id(), ending, true);
                return Some(self.publish_plainly(inner));
            }
            Ok(Err(raw)) => Ok(raw),
            Err(error) => Err(error),
        };
        match inner.stage.finish(outcome, || self.kind.name(None)) {
            Finish::Ended(leftovers) => {
                registry::count(inner.stage.queue_id(), ending, true);
                Some(self.publish(inner, leftovers))
            }
            Finish::TooLate(outcome) => {
                drop(inner);
                drop_catching(outcome);
                None
            }
        }
    }

    /// The job, as a thread that waits for it tells others. In a measured pool, with the name of a job that has not started.
    fn as_waited_for(&self) -> ActivityKind {
        if cfg!(any(loom, shuttle)) {
            // A model records no activities, and each lock multiplies its runs.
            return ActivityKind::Blocked;
        }
        let mut inner = self.inner.lock();
        let is_measured = inner.stage.is_measured();
        let payload = inner.stage.payload().filter(|_| is_measured);
        let description = payload.and_then(|payload| self.kind.describe(payload)).map(Box::new);
        ActivityKind::WaitForJob { id: self.word.id(), description, queue_id: inner.stage.queue_id() }
    }

    #[inline]
    pub(crate) fn tell(&self, signal: Signal) {
        match signal {
            Signal::NoWatcher => {}
            Signal::Task(waker) => wake_catching(waker),
            Signal::Set(listener, key) => listener.ended(key),
            Signal::Callback => self.call_back(),
        }
    }

    /// Runs the callback. The lock is let go before each piece of the user's code: decoding, then the callback.
    fn call_back(&self) {
        let mut inner = self.inner.lock();
        if let Watch::Call(callback) = inner.set_watch(Watch::NoWatcher) {
            let (taken, is_measured) = (inner.stage.take(), inner.stage.is_measured());
            drop(inner);
            if let Some(outcome) = self.opened(taken) {
                let _callback = is_measured.then(|| activity::begin(ActivityKind::Callback(self.word.id())));
                call_catching(callback, outcome);
            }
        }
    }

    /// A panic while the outcome is decoded is the outcome.
    fn opened(&self, taken: Take<O, T>) -> Option<Result<T, JobError>> {
        match taken {
            Take::Raw(raw) => Some(self.kind.decode(raw)),
            Take::Opened(value) => Some(Ok(value)),
            Take::Failed(error) => Some(Err(*error)),
            Take::Nothing => None,
        }
    }
}

impl<P, O, T, K> Task<P, O> for Cell<P, O, T, K>
where
    P: Send + 'static,
    O: Send + 'static,
    T: Send + 'static,
    K: Kind<P, O, T> + 'static,
{
    fn claim(&self, abort: Option<Arc<dyn Abort>>) -> Option<P> {
        let abort = abort.map(Box::new);
        let claim = self.inner.lock().stage.claim(abort);
        match claim {
            Claim::Claimed(payload) => Some(payload),
            Claim::Refused(abort) => {
                drop(abort);
                None
            }
        }
    }

    fn dispatch(&self, dispatch: Arc<dyn Dispatch>) -> Option<P> {
        let dispatched = Box::new(Dispatched::to(dispatch));
        let handover = self.inner.lock().stage.dispatch(dispatched, |payload| self.kind.name(Some(payload)));
        match handover {
            Handover::Given(payload) => Some(payload),
            Handover::Refused(dispatch) => {
                drop(dispatch);
                None
            }
        }
    }

    fn take_back(&self, payload: P) -> Result<(), P> {
        let back = self.inner.lock().stage.take_back(self.word.id(), payload);
        match back {
            Return::Back(dispatch) => {
                drop(dispatch);
                Ok(())
            }
            Return::Refused(payload) => Err(payload),
        }
    }

    fn finish_with(self: Arc<Self>, outcome: Result<O, JobError>, of_parts: Option<Failure>) -> Notify {
        match self.end_with(outcome, of_parts) {
            None => Notify::none(),
            Some(audience) => Notify::to(self, audience),
        }
    }
}

impl<P: Send + 'static, O: Send + 'static, T: Send, K: Kind<P, O, T>> Tell for Cell<P, O, T, K> {
    fn tell(&self, signal: Signal) {
        Cell::tell(self, signal);
    }
}

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
//! `stage.rs` has the transitions. This file has the code around each: lock, transition, unlock, drop, notify. `in_place.rs` runs a job.
//!
//! # Which thread may access which field
//!
//! - `inner`: any thread, under its lock, for one transition or query. The thread that withdraws a job releases the lock to drop the
//!   payload, and locks again to conclude. Between the two, no other transition is possible.
//! - `stop`: set by any thread that cancels (under the lock) or aborts (before the lock), and never cleared. The job, and threads that
//!   work for it, read it without the lock.
//! - `has_ended`: set once, under the lock, when the outcome is in `inner` and counted. A waiting thread reads it without the lock: true is
//!   final, and false means nothing.
//! - `id`, `decode_fn` and `kind`: constant.

mod control;
mod in_place;
#[cfg(all(test, loom))]
mod loom_models;
mod stage;
mod traits;

use std::sync::Arc;
use std::time::Instant;

use crate::current;
use crate::current::activity::{self, ActivityKind};
use crate::error::{JobError, JobName};
use crate::job_counters::{Failure, Moment};
use crate::notify::{Signal, Tell, Watch};
use crate::observe::job::JobDescription;
use crate::panics::{catch, drop_catching};
use crate::queue_id::QueueId;
use crate::registry::{self, InlineRun};
use crate::status::JobId;
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering, spin};

pub use crate::control::{Control, QueuedControl};
pub use crate::notify::{Captures, Notify};
use stage::{Claim, Finish, Handover, Leftovers, Return, Stage, Take};
pub(crate) use traits::JoinState;
pub use traits::{Abort, Dispatch, NamesJob, Run, Steer, Task};

/// The cell of a job with payload `P` and raw outcome `O`, whose future is of `T`.
pub struct Cell<P: 'static, O: 'static, T> {
    id: JobId,
    /// Makes the result from the raw outcome, on the thread that takes the result.
    decode_fn: fn(O) -> Result<T, JobError>,
    kind: &'static Kind<P, O>,
    stop: AtomicBool,
    /// Set with the outcome, for those who look before they lock.
    has_ended: AtomicBool,
    inner: Mutex<Inner<P, O, T>>,
    ended: Condvar,
}

/// The functions of a job, the same for all jobs of its type.
struct Kind<P, O> {
    /// Runs the payload, where that is done in place.
    run_fn: Option<fn(P) -> Result<O, JobError>>,
    name_fn: NameFn<P>,
    /// The job's name, tag and place of submission. It may run under the cell's lock.
    describe: fn(&P) -> Option<JobDescription>,
}

/// The job's name, for an error; without the payload, as far as its type tells. It runs under the cell's lock.
type NameFn<P> = fn(Option<&P>) -> Option<JobName>;

struct Inner<P, O, T> {
    stage: Stage<P, O, T>,
    watch: Watch<T>,
    /// Whose queue it waits in.
    queue_id: Option<QueueId>,
    /// Since when it waits there, where that is measured.
    since: Moment,
}

impl<P: 'static, O: 'static, T> Cell<P, O, T> {
    /// Creates the cell of a queued job. `decode_fn` converts the raw outcome into the result.
    pub fn queued(payload: P, decode_fn: fn(O) -> Result<T, JobError>) -> Self {
        Self::new(Stage::queued(payload), decode_fn)
    }

    /// Makes errors use the name that the payload gives the job.
    #[must_use]
    pub fn named(mut self) -> Self
    where
        P: NamesJob,
    {
        self.kind = const { &Kind { run_fn: None, name_fn: P::job_name, describe: P::describe } };
        self
    }

    /// Puts the job into the queue `queue_id`, whose [`JobDeparture`](crate::queue_id::JobDeparture) is called if the job leaves the queue
    /// without being taken from it.
    #[must_use]
    pub fn at(mut self, queue_id: QueueId) -> Self {
        self.inner.get_mut().queue_id = Some(queue_id);
        self
    }

    pub(crate) fn ended(outcome: Result<T, JobError>, decode_fn: fn(O) -> Result<T, JobError>) -> Self {
        Self::new(Stage::ended(outcome), decode_fn)
    }

    fn new(stage: Stage<P, O, T>, decode_fn: fn(O) -> Result<T, JobError>) -> Self {
        let has_ended = AtomicBool::new(stage.has_ended());
        let (queue_id, since) = (None, Moment::default());
        let inner = Inner { stage, watch: Watch::NoWatcher, queue_id, since };
        let (inner, ended) = (Mutex::new(inner), Condvar::default());
        let kind = const { &Kind { run_fn: None, name_fn: |_| None, describe: |_| None } };
        Self { id: JobId::next(), decode_fn, kind, stop: AtomicBool::new(false), has_ended, inner, ended }
    }

    /// Looks at the payload of a job that was not claimed, under the lock: `f` must run no code of a user's.
    pub(crate) fn with_payload<R>(&self, f: impl FnOnce(&mut P) -> R) -> Option<R> {
        self.inner.lock().stage.payload().map(f)
    }

    /// Makes an end visible, and says whom to tell: outside the lock, on a thread of the caller's choice.
    fn publish(&self, mut inner: MutexGuard<'_, Inner<P, O, T>>, leftovers: Leftovers<P, O, T>) -> Signal {
        let signal = inner.watch.signal();
        // Release: a wait that ends by this flag alone sees what the job did, as one that ends under the lock does.
        self.has_ended.store(true, Ordering::Release);
        drop(inner);
        self.ended.notify_all();
        drop_catching(leftovers);
        signal
    }

    /// Ends a running or dispatched job. The outcome of one that has ended is dropped.
    pub(crate) fn end(&self, outcome: Result<O, JobError>) -> Option<Signal> {
        self.end_with(outcome, None)
    }

    fn end_with(&self, outcome: Result<O, JobError>, of_parts: Option<Failure>) -> Option<Signal> {
        let ending = registry::ending(outcome.as_ref().map(|_| ()), of_parts);
        let mut inner = self.inner.lock();
        match inner.stage.finish(outcome, self.kind.name_fn) {
            Finish::Ended(leftovers) => {
                // Before it can be seen: an end that is seen is counted.
                registry::count(inner.queue_id, ending, true);
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
        let is_measured = inner.since.instant().is_some();
        let payload = inner.stage.payload().filter(|_| is_measured);
        let description = payload.and_then(|payload| (self.kind.describe)(payload)).map(Box::new);
        ActivityKind::WaitForJob { id: self.id, description, queue_id: inner.queue_id }
    }

    pub(crate) fn tell(&self, signal: Signal) {
        match signal {
            Signal::NoWatcher => {}
            Signal::Task(waker) => drop_catching(catch(|| waker.wake())),
            Signal::Set(listener, key) => listener.ended(key),
            Signal::Callback => self.call_back(),
        }
    }

    /// Runs the callback. The lock is let go before each piece of the user's code: decoding, then the callback.
    fn call_back(&self) {
        let mut inner = self.inner.lock();
        if let Watch::Call(callback) = std::mem::replace(&mut inner.watch, Watch::NoWatcher) {
            let (taken, is_measured) = (inner.stage.take(), inner.since.instant().is_some());
            drop(inner);
            if let Some(outcome) = self.opened(taken) {
                let _callback = is_measured.then(|| activity::begin(ActivityKind::Callback(self.id)));
                // If the callback panics, the panic hook has reported it; no caller is left to be told.
                drop_catching(catch(|| callback(outcome)));
            }
        }
    }

    /// A panic while the outcome is decoded is the outcome.
    fn opened(&self, taken: Take<O, T>) -> Option<Result<T, JobError>> {
        match taken {
            // A job that runs in place leaves the result itself: there is nothing to decode.
            Take::Raw(raw) if self.kind.run_fn.is_some() => Some(raw.and_then(self.decode_fn)),
            Take::Raw(raw) => Some(raw.and_then(|raw| catch(|| (self.decode_fn)(raw))?)),
            Take::Opened(outcome) => Some(outcome),
            Take::Nothing => None,
        }
    }
}

impl<P, O, T> Task<P, O> for Cell<P, O, T>
where
    P: Send + 'static,
    O: Send + 'static,
    T: Send + 'static,
{
    fn claim(&self, abort: Option<Arc<dyn Abort>>) -> Option<P> {
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
        let handover = self.inner.lock().stage.dispatch(dispatch, self.kind.name_fn);
        match handover {
            Handover::Given(payload) => Some(payload),
            Handover::Refused(dispatch) => {
                drop(dispatch);
                None
            }
        }
    }

    fn take_back(&self, payload: P) -> Result<(), P> {
        let back = self.inner.lock().stage.take_back(self.id, payload);
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
            Some(signal) => Notify::new(self, signal),
        }
    }
}

impl<P: Send + 'static, O: Send + 'static, T: Send> Tell for Cell<P, O, T> {
    fn tell(&self, signal: Signal) {
        Cell::tell(self, signal);
    }
}

impl<P: Send + 'static, O: Send + 'static, T: Send + 'static> JoinState<T> for Cell<P, O, T> {
    fn into_control(self: Arc<Self>) -> Arc<dyn Control> {
        self
    }

    fn take(&self) -> Option<Result<T, JobError>> {
        let taken = self.inner.lock().stage.take();
        self.opened(taken)
    }

    fn settle(&self) -> Option<bool> {
        let taken = self.inner.lock().stage.take();
        let outcome = self.opened(taken)?;
        let is_ok = outcome.is_ok();
        self.inner.lock().stage.put_back(outcome);
        Some(is_ok)
    }

    fn queue_id(&self) -> Option<QueueId> {
        QueuedControl::queue_id(self)
    }

    fn run_here(self: Arc<Self>, queue_id: QueueId) -> bool {
        if self.kind.run_fn.is_none() {
            return false;
        }
        let Some(started) = self.start(Some(queue_id)) else { return false };
        registry::removed_to_run(queue_id);
        let _inline = InlineRun::enter(Some(queue_id));
        let _outer = activity::waits_in_place();
        self.run_payload(started);
        true
    }

    fn wait(&self, deadline: Option<Instant>) -> bool {
        // Acquire: see `publish`.
        if spin(|| self.has_ended.load(Ordering::Acquire)) {
            return true;
        }
        let _blocked = current::block_in(self.as_waited_for(), deadline);
        let mut inner = self.inner.lock();
        while !inner.stage.has_ended() {
            inner = match deadline {
                None => self.ended.wait(inner),
                Some(deadline) if Instant::now() >= deadline => return false,
                Some(deadline) => self.ended.wait_until(inner, deadline),
            };
        }
        true
    }

    fn watch(&self, watch: Watch<T>) -> Result<(), Watch<T>> {
        let mut inner = self.inner.lock();
        if inner.stage.has_ended() {
            return Err(watch);
        }
        let before = std::mem::replace(&mut inner.watch, watch);
        drop(inner);
        drop(before);
        Ok(())
    }

    fn is_watched_by(&self, waker: &std::task::Waker) -> bool {
        matches!(&self.inner.lock().watch, Watch::Task(known) if known.will_wake(waker))
    }

    fn detach(&self) {
        let mut inner = self.inner.lock();
        let outcome = inner.stage.detach();
        let watch = std::mem::replace(&mut inner.watch, Watch::NoWatcher);
        drop(inner);
        // As quietly as where the job ends later: which of the two it is, is chance.
        drop_catching(outcome);
        drop_catching(watch);
    }
}

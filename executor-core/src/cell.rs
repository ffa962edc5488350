//! The job cell: the one allocation that a queue and a future share. For those who write executors.
//!
//! A cell holds the payload while the job waits, and the outcome when it has ended:
//!
//! ```text
//!            claim               finish
//!   Queued ─────────> Running ──────────> Ended ───> Taken
//!    ^ │ └── withdraw (cancel, fail) ───────^ ^
//!    │ │ lend                        finish │ │ withdraw, if the lease can be revoked
//!    │ └───────────────> Lent ──────────────┴─┘
//!    └── take back ───────┘
//! ```
//!
//! A job is lent to who may start it or not, such as another process that has jobs before it: there, the [`Lease`] says whether
//! it has started, and revokes it if not.
//!
//! The queue sees it as [`Run`] (a job that runs in place) or [`Task`] (one that somebody else runs), the future as
//! `Outcome`; both as [`Control`]. Every step is one transition under the cell's own lock, which says who won: one
//! `claim`, `cancel` or `fail` gets the payload, one `finish` gets to say the outcome. No code of a user's runs under it:
//! payload, outcome, wakers and callbacks are moved out first.

mod control;
#[cfg(all(test, loom))]
mod loom_models;
mod seen_as;
mod stage;

use std::sync::Arc;
use std::time::Instant;

use crate::current;
use crate::error::JobError;
use crate::home::HomeId;
use crate::job::Job;
use crate::notify::{Signal, Tell, Watch};
use crate::panics::{self, catch, drop_quietly};
use crate::registry::{self, Aside};
use crate::status::JobId;
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering, spin};
use crate::tally::{self, Failure, Moment};

pub use crate::control::Control;
pub use crate::notify::{Captures, Notify};
pub(crate) use seen_as::Outcome;
pub use seen_as::{Abort, Lease, Run, Task};
use stage::{End, Stage};

/// The cell of a job with payload `P` and raw outcome `O`, whose future is of `T`.
pub struct Cell<P, O, T> {
    id: JobId,
    /// Makes the result from the raw outcome, on the thread that takes the result.
    open: fn(O) -> Result<T, JobError>,
    /// Runs the payload, where that is done in place.
    work: Option<fn(P) -> Result<O, JobError>>,
    stop: AtomicBool,
    /// Set with the outcome, for those who look before they lock.
    has_ended: AtomicBool,
    inner: Mutex<Inner<P, O, T>>,
    ended: Condvar,
}

struct Inner<P, O, T> {
    stage: Stage<P, O, T>,
    end: End,
    watch: Watch<T>,
    detached: bool,
    /// Whose queue it waits in.
    home: Option<HomeId>,
    /// Since when it waits there, where that is measured.
    since: Moment,
}

impl<P, O, T> Cell<P, O, T> {
    /// A cell for a job that waits to be claimed. `open` makes the result from the raw outcome.
    pub fn queued(payload: P, open: fn(O) -> Result<T, JobError>) -> Self {
        Self::new(Stage::Queued(payload), open)
    }

    /// The same in the queue of `home`, which is told if the job leaves it otherwise.
    #[must_use]
    pub fn at(mut self, home: HomeId) -> Self {
        self.inner.get_mut().home = Some(home);
        self
    }

    pub(crate) fn ended(outcome: Result<T, JobError>, open: fn(O) -> Result<T, JobError>) -> Self {
        let cell = Self::new(Stage::Opened(outcome), open);
        let mut inner = cell.inner.lock();
        if let Stage::Opened(Err(JobError::Cancelled)) = inner.stage {
            inner.end = End::NeverStarted;
        }
        drop(inner);
        cell
    }

    fn new(stage: Stage<P, O, T>, open: fn(O) -> Result<T, JobError>) -> Self {
        let has_ended = AtomicBool::new(stage.has_ended());
        let (home, since) = (None, Moment::default());
        let inner = Inner { stage, end: End::Other, watch: Watch::Nobody, detached: false, home, since };
        let (inner, ended) = (Mutex::new(inner), Condvar::default());
        Self { id: JobId::next(), open, work: None, stop: AtomicBool::new(false), has_ended, inner, ended }
    }

    /// Looks at the payload of a job that was not claimed, under the lock: `f` must run no code of a user's.
    pub(crate) fn with_payload<R>(&self, f: impl FnOnce(&mut P) -> R) -> Option<R> {
        match &mut self.inner.lock().stage {
            Stage::Queued(payload) => Some(f(payload)),
            _ => None,
        }
    }

    fn start(&self, as_stage: Stage<P, O, T>) -> Option<(P, Moment)> {
        Self::start_locked(&mut self.inner.lock(), as_stage)
    }

    /// Starts the job if it waits in the queue of `home`, which counts those that leave: in one step with the look, for the queue may give
    /// it away.
    fn start_from(&self, home: HomeId) -> Option<(P, Moment)> {
        let mut inner = self.inner.lock();
        if inner.home == Some(home) { Self::start_locked(&mut inner, Stage::Running(None)) } else { None }
    }

    /// The payload, and since when it waited.
    fn start_locked(inner: &mut Inner<P, O, T>, as_stage: Stage<P, O, T>) -> Option<(P, Moment)> {
        if !matches!(inner.stage, Stage::Queued(_)) {
            return None;
        }
        match std::mem::replace(&mut inner.stage, as_stage) {
            Stage::Queued(payload) => Some((payload, inner.since)),
            _ => None,
        }
    }

    /// Makes the outcome visible, and says whom to tell: outside the lock, on a thread of the caller's choice.
    fn publish(
        &self,
        mut inner: MutexGuard<'_, Inner<P, O, T>>,
        outcome: Result<O, JobError>,
        of_parts: Option<Failure>,
    ) -> Signal {
        if inner.end == End::Other && matches!(outcome, Err(JobError::Cancelled)) {
            inner.end = End::Aborted;
        }
        // Before it can be seen: who has seen it is counted.
        registry::count(inner.home, &outcome, of_parts, !matches!(inner.stage, Stage::Withdrawn(_)));
        let (stage, unwanted) =
            if inner.detached { (Stage::Taken, Some(outcome)) } else { (Stage::Ended(outcome), None) };
        let before = std::mem::replace(&mut inner.stage, stage);
        let signal = inner.watch.signal();
        // Release: a wait that ends by this flag alone sees what the job did, as one that ends under the lock does.
        self.has_ended.store(true, Ordering::Release);
        drop(inner);
        self.ended.notify_all();
        drop(before);
        drop_quietly(unwanted);
        signal
    }

    /// Ends a running or lent job. The outcome of one that has ended is dropped.
    pub(crate) fn end(&self, outcome: Result<O, JobError>) -> Option<Signal> {
        self.end_with(outcome, None)
    }

    fn end_with(&self, outcome: Result<O, JobError>, of_parts: Option<Failure>) -> Option<Signal> {
        let inner = self.inner.lock();
        if matches!(inner.stage, Stage::Running(_) | Stage::Lent(_)) {
            return Some(self.publish(inner, outcome, of_parts));
        }
        drop(inner);
        drop_quietly(outcome);
        None
    }

    pub(crate) fn tell(&self, signal: Signal) {
        match signal {
            Signal::Nobody => {}
            Signal::Task(waker) => drop_quietly(catch(|| waker.wake())),
            Signal::Set(listener, key) => listener.ended(key),
            Signal::Callback => self.call_back(),
        }
    }

    /// Runs the callback. The lock is let go before each piece of the user's code: decoding, then the callback.
    fn call_back(&self) {
        let mut inner = self.inner.lock();
        if let Watch::Call(callback) = std::mem::replace(&mut inner.watch, Watch::Nobody) {
            let outcome = inner.stage.take_outcome();
            drop(inner);
            if let Some(outcome) = outcome {
                let outcome = self.opened(outcome);
                // If the callback panics, the panic hook has reported it; no caller is left to be told.
                drop_quietly(catch(|| callback(outcome)));
            }
        }
    }

    /// A panic while the outcome is decoded is the outcome.
    fn opened(&self, stage: Stage<P, O, T>) -> Result<T, JobError> {
        match stage {
            // A job that runs in place leaves the result itself: there is nothing to decode.
            Stage::Ended(raw) if self.work.is_some() => raw.and_then(self.open),
            Stage::Ended(raw) => raw.and_then(|raw| catch(|| (self.open)(raw))?),
            Stage::Opened(outcome) => outcome,
            _ => unreachable!("only an outcome is opened"),
        }
    }
}

impl<J: Job> Cell<J, J::Output, J::Output> {
    /// A cell for a job that runs in place.
    pub fn of_job(job: J) -> Self {
        Self { work: Some(panics::run::<J>), ..Self::queued(job, Ok) }
    }
}

impl<J: Job> Run for Cell<J, J::Output, J::Output> {
    fn run(self: Arc<Self>) -> bool {
        let Some(job) = self.start(Stage::Running(None)) else { return false };
        self.run_payload(job);
        true
    }
}

impl<P: Send + 'static, O: Send + 'static, T: Send + 'static> Cell<P, O, T> {
    /// Brings a claimed job to its outcome on this thread.
    fn run_payload(self: Arc<Self>, (payload, since): (P, Moment)) {
        let work = self.work.expect("a job that runs in place knows how");
        let context = current::enter(current::Job::of(self.clone()));
        let begun = (!since.is_none()).then(Instant::now);
        let outcome = work(payload);
        if current::is_forked() {
            // A job that forks returns in both processes. The outcome is said in the other one; here, this cell's lock may be held for ever.
            return std::mem::forget((self, context, outcome));
        }
        if let Some(begun) = begun {
            Control::took(&*self, begun, begun.elapsed());
        }
        let of_parts = tally::take_failure_of_parts();
        drop(context);
        if let Some(signal) = self.end_with(outcome, of_parts) {
            self.tell(signal);
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
        self.start(Stage::Running(abort)).map(|(payload, _)| payload)
    }

    fn lend(&self, lease: Arc<dyn Lease>) -> Option<P> {
        self.start(Stage::Lent(lease)).map(|(payload, _)| payload)
    }

    fn take_back(&self, payload: P) -> Result<(), P> {
        let mut inner = self.inner.lock();
        match &inner.stage {
            Stage::Lent(lease) if lease.revoke(self.id) => {
                let lease = std::mem::replace(&mut inner.stage, Stage::Queued(payload));
                drop(inner);
                drop(lease);
                Ok(())
            }
            _ => Err(payload),
        }
    }

    fn finish_with(self: Arc<Self>, outcome: Result<O, JobError>, of_parts: Option<Failure>) -> Notify {
        match self.end_with(outcome, of_parts) {
            None => Notify::nobody(),
            Some(signal) => Notify::new(self, signal),
        }
    }
}

impl<P: Send, O: Send, T: Send> Tell for Cell<P, O, T> {
    fn tell(&self, signal: Signal) {
        Cell::tell(self, signal);
    }
}

impl<P: Send + 'static, O: Send + 'static, T: Send + 'static> Outcome<T> for Cell<P, O, T> {
    fn take(&self) -> Option<Result<T, JobError>> {
        let outcome = self.inner.lock().stage.take_outcome()?;
        Some(self.opened(outcome))
    }

    fn settle(&self) -> Option<bool> {
        let outcome = self.inner.lock().stage.take_outcome()?;
        let outcome = self.opened(outcome);
        let is_ok = outcome.is_ok();
        self.inner.lock().stage = Stage::Opened(outcome);
        Some(is_ok)
    }

    fn run_here(self: Arc<Self>, home: HomeId) -> bool {
        if self.work.is_none() {
            return false;
        }
        let Some(payload) = self.start_from(home) else { return false };
        registry::left_to_run(home);
        let _aside = Aside::enter(Some(home));
        self.run_payload(payload);
        true
    }

    fn wait(&self, deadline: Option<Instant>) -> bool {
        // Acquire: see `publish`.
        if spin(|| self.has_ended.load(Ordering::Acquire)) {
            return true;
        }
        let _blocked = current::block();
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
        inner.detached = true;
        let outcome = inner.stage.take_outcome();
        let watch = std::mem::replace(&mut inner.watch, Watch::Nobody);
        drop(inner);
        // As quietly as where the job ends later: which of the two it is, is chance.
        drop_quietly(outcome);
        drop_quietly(watch);
    }
}

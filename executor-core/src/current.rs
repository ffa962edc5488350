//! Facts that a running job can ask for about itself, and state that its worker keeps for it.
//!
//! ```
//! use executor::current;
//!
//! // Outside a job, there is nothing to tell.
//! assert_eq!(current::id(), None);
//! assert!(!current::stop_requested());
//! ```

mod context;
mod polls;
mod stack;

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::control::Control;
use crate::label::Label;
use crate::queue_id::QueueId;
use crate::status::JobId;
use crate::sync::thread_local;

pub(crate) use self::polls::{over, pending};

pub use self::context::{Context, context};
pub use self::stack::{begin_stack, nested};

thread_local! {
    static JOB: RefCell<Option<Job>> = const { RefCell::new(None) };
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
    static BLOCKS: RefCell<Blocks> = const { RefCell::new(Blocks { host: None, guards: 0, series: 0 }) };
}

/// The id of the job that this thread runs. `None` outside a job.
pub fn id() -> Option<JobId> {
    with_job(|job| job.id)
}

/// How many times the job was started, this time included: 1, unless it is retried. `None` outside a job.
pub fn attempt() -> Option<u32> {
    with_job(|job| job.attempt)
}

/// When the time allowed for the job is over. `None` where it has no limit, and outside a job.
pub fn deadline() -> Option<Instant> {
    with_job(|job| job.deadline).flatten()
}

/// Whether somebody asked the job to stop. A long job on a thread looks now and then, and returns early. Threads that do a part of
/// the job, such as rayon's, have a job only where its [`context`] is carried there.
pub fn stop_requested() -> bool {
    control().is_some_and(|control| control.stop_requested())
        || context::stopping().is_some_and(|host| host.is_stopping())
}

/// The name that the job was given. `None` where it has none, and outside a job.
pub fn name() -> Option<Arc<str>> {
    with_job(|job| job.label.as_ref()?.name.clone()).flatten()
}

/// The tag that the job's options give it, such as a request. `None` without a tag, and outside a job.
pub fn tag() -> Option<Arc<str>> {
    with_job(|job| job.label.as_ref()?.tag.clone()).flatten()
}

/// For those who write executors: the running job itself.
pub fn control() -> Option<Arc<dyn Control>> {
    with_job(|job| job.control.clone()).flatten()
}

/// For those who write executors: the running job is called so, and has so long. Outside a job, does nothing.
pub fn describe(label: Option<Arc<Label>>, deadline: Option<Instant>) {
    let before = JOB.try_with(|job| {
        let mut job = job.borrow_mut();
        let job = job.as_mut()?;
        job.deadline = deadline.or(job.deadline);
        std::mem::replace(&mut job.label, label)
    });
    drop(before);
}

/// The name of the worker that this thread is. `None` on a thread that is no worker.
pub fn worker_name() -> Option<Arc<str>> {
    with_worker(|worker| worker.name.clone())
}

/// The state that the pool's initializer made for this worker, if it is an `S`. The state stays on its worker, so it needs
/// no `Send`; put it in a `RefCell` to change it.
///
/// A job that waits for another job of its pool may run that one in place, on the same worker, with the same state. So let go of a
/// borrow of the `RefCell` before [`Future::result`](crate::Future::result), `wait` or `join_all`: if it is still borrowed, the
/// inner job panics with "already borrowed".
///
/// ```
/// use std::cell::RefCell;
/// use executor::current;
///
/// // In a job:
/// if let Some(state) = current::state::<RefCell<Vec<u32>>>() {
///     state.borrow_mut().push(1); // the borrow ends here, before the job waits for others
/// }
/// ```
pub fn state<S: 'static>() -> Option<Rc<S>> {
    with_worker(|worker| worker.state.clone()?.downcast().ok())
}

// A thread that is ending has lost these values while others, older, are being dropped: it is in no job, and no worker.

fn with_job<R>(f: impl FnOnce(&Job) -> R) -> Option<R> {
    JOB.try_with(|job| job.borrow().as_ref().map(f)).ok().flatten()
}

fn with_worker<R>(f: impl FnOnce(&Worker) -> Option<R>) -> Option<R> {
    WORKER.try_with(|worker| worker.borrow().as_ref().and_then(f)).ok().flatten()
}

fn swap_job(job: Option<Job>) -> Option<Job> {
    JOB.try_with(|current| current.replace(job)).ok().flatten()
}

/// For those who write executors: what the functions of this module tell a job.
#[derive(Clone)]
pub struct Job {
    /// The job's id.
    pub id: JobId,
    /// How many times it was started.
    pub attempt: u32,
    /// When its time is over.
    pub deadline: Option<Instant>,
    /// Tells whether the job should stop.
    pub control: Option<Arc<dyn Control>>,
    /// How it is called.
    pub label: Option<Arc<Label>>,
}

impl Job {
    /// A job that is run for the first time, with no time limit.
    pub fn of(control: Arc<dyn Control>) -> Self {
        Self { id: control.id(), attempt: 1, deadline: None, control: Some(control), label: None }
    }
}

/// Puts the job that ran on this thread before back in its place.
#[must_use = "the thread is in the job until this is dropped"]
pub struct Scope(Option<Job>);

/// For those who write executors: this thread runs `job` until the scope is dropped. Scopes nest.
pub fn enter(job: Job) -> Scope {
    Scope(swap_job(Some(job)))
}

impl Drop for Scope {
    fn drop(&mut self) {
        let outer = self.0.take();
        if outer.is_none() {
            polls::end_job();
        }
        // The old value is dropped outside the borrow: it may hold the last reference to a cell.
        let done = swap_job(outer);
        drop(done);
    }
}

/// For those who write executors: what a worker keeps for its jobs.
pub struct Worker {
    /// Its name. `None` where the thread is no worker, but runs a job in place of one.
    pub name: Option<Arc<str>>,
    /// The state that the initializer made.
    pub state: Option<Rc<dyn Any>>,
    /// The pool that the worker is of.
    pub host: Option<Arc<dyn Host>>,
}

/// For those who write executors: what a pool does while jobs on its workers wait.
pub trait Host: Send + Sync {
    /// The queue whose jobs the worker may run in place.
    fn queue_id(&self) -> QueueId;
    /// Whether the worker may run jobs of `queue_id` in place: those of its own queue, and of pools that share its threads.
    fn may_run(&self, queue_id: QueueId) -> bool {
        queue_id == self.queue_id()
    }
    /// Calls `run`, which runs a job of the queue `queue_id` in place, and counts the job for its own pool meanwhile. Returns what `run` does.
    fn run_in_place(&self, queue_id: QueueId, run: &mut dyn FnMut() -> bool) -> bool {
        let _ = queue_id;
        run()
    }
    /// The calling worker is about to block.
    fn block(&self);
    /// The calling worker goes on.
    fn unblock(&self);
    /// Whether every job should stop.
    fn is_stopping(&self) -> bool;
    /// Whether this process is a fork of the one that the pool belongs to. No thread of the pool is here then, and any lock may be held for ever.
    fn is_forked(&self) -> bool {
        false
    }
}

/// The guards of this thread that say that it blocks. The pool is told of the first and of the last one.
struct Blocks {
    /// The pool that was told.
    host: Option<Arc<dyn Host>>,
    guards: usize,
    /// Tells the guards that count from those that a job has left behind.
    series: u64,
}

impl Blocks {
    /// One guard more, of a thread whose pool is `host`. Returns the series, and whether the pool is to be told.
    fn add(&mut self, host: &Arc<dyn Host>) -> (u64, bool) {
        self.guards += 1;
        let is_first = self.guards == 1;
        if is_first {
            self.host = Some(host.clone());
        }
        (self.series, is_first)
    }

    /// One guard of the `series` less. Returns the pool that is to be told, if it was the last.
    fn remove(&mut self, series: u64) -> Option<Arc<dyn Host>> {
        if series != self.series {
            return None;
        }
        self.guards -= 1;
        if self.guards == 0 { self.host.take() } else { None }
    }

    /// No guard counts any more. Returns the pool that is to be told, if there was one.
    fn end(&mut self) -> Option<Arc<dyn Host>> {
        let host = self.host.take()?;
        self.guards = 0;
        self.series += 1;
        Some(host)
    }
}

/// The worker goes on when this is dropped, unless another such guard of its thread is left. It stays on its thread.
#[must_use = "the worker counts as blocked until this is dropped"]
pub struct Blocked {
    /// `None` on a thread of no pool.
    series: Option<u64>,
    _stays: PhantomData<*const ()>,
}

/// For jobs that wait for what this library does not know, such as a lock or a channel, and for those who write executors: tells
/// the pool of this worker, which may start a spare thread meanwhile. Does nothing on other threads.
///
/// Guards nest, and a job that holds one may wait by this library: the worker counts as blocked once, from the first guard to the
/// last. One that a job leaves behind, forgotten or in a thread-local, counts no longer than the job.
pub fn block() -> Blocked {
    let host = with_worker(|worker| worker.host.clone());
    let series = host.and_then(|host| {
        let (series, is_first) = BLOCKS.try_with(|blocks| blocks.borrow_mut().add(&host)).ok()?;
        if is_first {
            host.block();
        }
        Some(series)
    });
    Blocked { series, _stays: PhantomData }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // A thread that is ending has lost the count, and its pool counts it out.
        let last = self.series.and_then(|series| BLOCKS.try_with(|blocks| blocks.borrow_mut().remove(series)).ok()?);
        if let Some(host) = last {
            host.unblock();
        }
    }
}

/// For those who write executors: this worker has no job, so what guards one has left behind count no more.
pub fn end_blocks() {
    let host = BLOCKS.try_with(|blocks| blocks.borrow_mut().end()).ok().flatten();
    if let Some(host) = host {
        host.unblock();
    }
}

/// For those who write executors: the queue whose jobs may be run in place on this thread, if it is a worker.
pub fn queue_id() -> Option<QueueId> {
    with_worker(|worker| worker.host.as_ref().map(|host| host.queue_id()))
}

/// For those who write executors: whether jobs that wait in the queue `queue_id` may be run in place on this thread.
pub fn may_run(queue_id: QueueId) -> bool {
    with_worker(|worker| worker.host.as_ref().map(|host| host.may_run(queue_id))).unwrap_or_default()
}

/// Whether the job that this thread runs belongs to the process from which this one was forked.
pub(crate) fn is_forked() -> bool {
    with_worker(|worker| worker.host.as_ref().map(|host| host.is_forked())).unwrap_or_default()
}

/// Runs `f` with `queue_id`, where the job that is waited for is queued, if its jobs may be run in place here, and if that is not too deep.
pub(crate) fn in_place(queue_id: impl FnOnce() -> Option<QueueId>, f: impl FnOnce(QueueId) -> bool) -> bool {
    let found = with_worker(|worker| {
        let host = worker.host.as_ref()?;
        Some((host.clone(), queue_id().filter(|&queue_id| host.may_run(queue_id))?))
    });
    let Some((host, queue_id)) = found else { return false };
    let mut f = Some(f);
    let mut run = || f.take().is_some_and(|f| f(queue_id));
    nested(|| host.run_in_place(queue_id, &mut run)).unwrap_or(false)
}

/// For those who write executors: what the initializer made for this worker.
pub fn set_state(state: Option<Rc<dyn Any>>) {
    let before = WORKER.try_with(|current| {
        let mut worker = current.borrow_mut();
        worker.as_mut().and_then(|worker| std::mem::replace(&mut worker.state, state))
    });
    drop(before);
}

/// For those who write executors: this worker is counted by its pool no more. It keeps its name and its state.
pub fn leave_host() {
    let host = WORKER.try_with(|current| current.borrow_mut().as_mut().and_then(|worker| worker.host.take()));
    drop(host);
}

/// For those who write executors: this thread is a worker from now on, or, with `None`, no longer.
pub fn set_worker(worker: Option<Worker>) {
    drop(replace_worker(worker));
}

/// For those who write executors: the same, and what the thread was before, to be put back.
pub fn replace_worker(worker: Option<Worker>) -> Option<Worker> {
    WORKER.try_with(|current| current.replace(worker)).ok().flatten()
}

//! For code inside a job: the job's id, name, time limit and stop request, and the state of its worker.
//!
//! ```
//! use executor::current;
//!
//! // Outside a job, there is nothing to report.
//! assert_eq!(current::id(), None);
//! assert!(!current::stop_requested());
//! ```

pub mod activity;
mod block;
mod context;
mod polls;
mod stack;

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::control::Control;
use crate::label::Label;
use crate::queue_id::QueueId;
use crate::status::JobId;
use crate::sync::thread_local;

pub(crate) use self::polls::{over, pending};

pub use self::block::{Blocked, block, block_in, end_blocks};
pub use self::context::{Context, context};
pub use self::stack::{begin_stack, nested};

thread_local! {
    static JOB: RefCell<Option<Job>> = const { RefCell::new(None) };
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
    static TEMPLATE_STATE: RefCell<Option<Rc<dyn Any>>> = const { RefCell::new(None) };
}

/// Returns the id of the job that this thread runs. `None` outside a job.
pub fn id() -> Option<JobId> {
    with_job(|job| job.id)
}

/// Returns how many times the job has been started, including this time: more than 1 after a
/// [`retry`](crate::JobOptions::retry). `None` outside a job.
pub fn attempt() -> Option<u32> {
    with_job(|job| job.attempt)
}

/// Returns when the job's time limit ends: pass it on to calls that accept a deadline. `None` if the job has no
/// [`timeout`](crate::JobOptions::timeout), and outside a job.
///
/// ```
/// use std::time::{Duration, Instant};
/// use executor::{JobOptions, ThreadPool, current};
///
/// let pool = ThreadPool::new(1);
/// let limited = pool.with(JobOptions::new().timeout(Duration::from_secs(60)));
/// let left = limited.submit(|| current::deadline().map(|end| end - Instant::now())).result()?;
/// assert!(left > Some(Duration::ZERO) && left <= Some(Duration::from_secs(60)));
/// # Ok::<(), executor::JobError>(())
/// ```
pub fn deadline() -> Option<Instant> {
    with_job(|job| job.deadline).flatten()
}

/// Returns whether the job should stop, because it was aborted, its time limit is over, or a
/// [shutdown](crate::ShutdownPolicy::kill) stops all jobs of its pool.
///
/// A job on a thread cannot be stopped by force: let a long job check this from time to time, and return early. Other threads that
/// work for the job, such as rayon's, need its [`context`]. False outside a job.
///
/// ```
/// use executor::{ThreadPool, current};
///
/// let pool = ThreadPool::new(1);
/// let endless = pool.submit(|| while !current::stop_requested() { std::thread::yield_now() });
/// endless.abort(); // cancels the job, or asks it to stop
/// endless.wait();
/// ```
pub fn stop_requested() -> bool {
    control().is_some_and(|control| control.stop_requested())
        || context::stopping().is_some_and(|host| host.is_stopping())
}

/// Returns the name that the job was given with [`JobOptions::name`](crate::JobOptions::name). `None` if it has none, and outside a job.
///
/// ```
/// use executor::{JobOptions, ThreadPool, current};
///
/// let pool = ThreadPool::new(1);
/// let named = pool.with(JobOptions::new().name("page 12").tag("request 7"));
/// let names = named.submit(|| (current::name(), current::tag())).result()?;
/// assert_eq!(names, (Some("page 12".into()), Some("request 7".into())));
/// # Ok::<(), executor::JobError>(())
/// ```
pub fn name() -> Option<Arc<str>> {
    with_job(|job| job.label.as_ref()?.name.clone()).flatten()
}

/// Returns the tag that the job was given with [`JobOptions::tag`](crate::JobOptions::tag). `None` if it has none, and outside a job.
pub fn tag() -> Option<Arc<str>> {
    with_job(|job| job.label.as_ref()?.tag.clone()).flatten()
}

/// For authors of executors: returns the running job itself.
pub fn control() -> Option<Arc<dyn Control>> {
    with_job(|job| job.control.clone()).flatten()
}

/// For authors of executors: sets the label and the deadline of the running job. Does nothing outside a job.
pub fn describe(label: Option<Arc<Label>>, deadline: Option<Instant>) {
    let before = JOB.try_with(|job| {
        let mut job = job.borrow_mut();
        let job = job.as_mut()?;
        job.deadline = deadline.or(job.deadline);
        std::mem::replace(&mut job.label, label)
    });
    drop(before);
}

/// Returns the name of the worker that this thread is, such as `executor-0`. In a process pool, this is the name of the worker process.
/// `None` on a thread that is not a worker.
pub fn worker_name() -> Option<Arc<str>> {
    with_worker(|worker| worker.name.clone())
}

/// Returns the state that the pool's initializer created for this worker, or else the state that the pool's template created before this
/// worker was forked. `None` if neither is an `S`, if there are none, and on a thread that is not a worker.
///
/// The state stays on its worker, so it need not be `Send`. To change it, use a `Cell` or a `RefCell`.
///
/// A job that waits for another job of its pool may run that job in place, on the same worker, with the same state. So end a borrow
/// of the `RefCell` before [`Future::result`](crate::Future::result), `wait` or `join_all`: otherwise, the inner job panics with
/// "already borrowed".
///
/// ```
/// use std::cell::RefCell;
/// use executor::{ThreadPool, current};
///
/// let pool = ThreadPool::builder().threads(1).initializer(|| RefCell::new(Vec::<u32>::new())).build()?;
/// let push = |n: u32| {
///     let state = current::state::<RefCell<Vec<u32>>>().expect("the initializer creates one");
///     state.borrow_mut().push(n); // the borrow ends here, before the job could wait for others
///     state.borrow().len()
/// };
/// assert_eq!(pool.submit(move || push(1)).result()?, 1);
/// assert_eq!(pool.submit(move || push(2)).result()?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn state<S: 'static>() -> Option<Rc<S>> {
    let own = with_worker(|worker| worker.state.clone()?.downcast().ok());
    own.or_else(|| TEMPLATE_STATE.try_with(|state| state.borrow().clone()).ok().flatten()?.downcast().ok())
}

// A thread that is ending has lost these values while others, older, are being dropped: it is in no job, and no worker.

fn with_job<R>(f: impl FnOnce(&Job) -> R) -> Option<R> {
    JOB.try_with(|job| job.borrow().as_ref().map(f)).ok().flatten()
}

#[inline]
fn with_worker<R>(f: impl FnOnce(&Worker) -> Option<R>) -> Option<R> {
    WORKER.try_with(|worker| worker.borrow().as_ref().and_then(f)).ok().flatten()
}

/// For authors of executors: the values that the functions of this module return.
#[derive(Clone)]
pub struct Job {
    /// The job's id.
    pub id: JobId,
    /// How many times the job was started.
    pub attempt: u32,
    /// When the job's time limit ends.
    pub deadline: Option<Instant>,
    /// Tells whether the job should stop.
    pub control: Option<Arc<dyn Control>>,
    /// The job's name and tag.
    pub label: Option<Arc<Label>>,
}

impl Job {
    /// A job on its first run, without a time limit.
    #[inline]
    pub fn of(control: Arc<dyn Control>) -> Self {
        Self { id: control.id(), attempt: 1, deadline: None, control: Some(control), label: None }
    }
}

/// For authors of executors: the job that this thread is in.
pub fn job() -> Option<Job> {
    with_job(Job::clone)
}

/// While this exists, the thread is in a job. Dropping it restores the job that the thread was in before.
#[must_use = "the thread is in the job until this is dropped"]
pub struct Scope(Option<Box<Job>>);

/// For authors of executors: makes `job` the current job of this thread, until the returned scope is dropped. Scopes nest.
#[inline]
pub fn enter(job: Job) -> Scope {
    enter_with(|| job)
}

/// The same for a [`Job::of`] this job, which is made where it is kept.
#[inline]
pub(crate) fn enter_job_of(control: Arc<dyn Control>) -> Scope {
    enter_with(|| Job::of(control))
}

#[inline]
fn enter_with(job: impl FnOnce() -> Job) -> Scope {
    let outer = JOB.try_with(|current| {
        let mut current = current.borrow_mut();
        // Most jobs run in no other one: then the old value is neither moved nor boxed.
        if current.is_none() {
            *current = Some(job());
            return None;
        }
        current.replace(job()).map(Box::new)
    });
    Scope(outer.ok().flatten())
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        if let Some(outer) = self.0.take() {
            let done = JOB.try_with(|current| current.replace(Some(*outer)));
            return drop(done);
        }
        polls::end_job();
        // The values of the job are dropped outside the borrow: they may hold the last reference to a cell.
        let done = JOB.try_with(|current| {
            let mut current = current.borrow_mut();
            let done = current.as_mut().map(|job| (job.control.take(), job.label.take()));
            // Not `take`: all else of the job needs not be moved.
            *current = None;
            done
        });
        drop(done);
    }
}

/// For authors of executors: the data that a worker keeps for its jobs.
pub struct Worker {
    /// The worker's name. `None` if the thread is not a worker, but runs a job in place of one.
    pub name: Option<Arc<str>>,
    /// The state that the initializer created.
    pub state: Option<Rc<dyn Any>>,
    /// The pool that the worker belongs to.
    pub host: Option<Arc<dyn Host>>,
}

/// For authors of executors: a pool, as seen by the jobs on its workers.
pub trait Host: Send + Sync {
    /// The queue whose jobs the worker may run in place.
    fn queue_id(&self) -> QueueId;
    /// Whether the worker may run jobs of `queue_id` in place: those of its own queue, and of pools that share its threads.
    fn may_run(&self, queue_id: QueueId) -> bool {
        queue_id == self.queue_id()
    }
    /// Calls `run`, which runs a job of the queue `queue_id` in place, and meanwhile counts the job for its own pool. Returns the result of `run`.
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

/// For authors of executors: returns the queue whose jobs may run in place on this thread, if the thread is a worker.
pub fn queue_id() -> Option<QueueId> {
    with_worker(|worker| worker.host.as_ref().map(|host| host.queue_id()))
}

/// For authors of executors: returns whether jobs of the queue `queue_id` may run in place on this thread.
pub fn may_run(queue_id: QueueId) -> bool {
    with_worker(|worker| worker.host.as_ref().map(|host| host.may_run(queue_id))).unwrap_or_default()
}

/// Whether the job that this thread runs belongs to the process from which this one was forked.
#[inline]
pub(crate) fn is_forked() -> bool {
    with_worker(|worker| worker.host.as_ref().map(|host| host.is_forked())).unwrap_or_default()
}

/// Runs `f` with `queue_id`, where the job that is waited for is queued, if its jobs may be run in place here, and if that is not too deep.
#[inline]
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

/// For authors of executors: sets the state that the initializer created for this worker.
pub fn set_state(state: Option<Rc<dyn Any>>) {
    let before = WORKER.try_with(|current| {
        let mut worker = current.borrow_mut();
        worker.as_mut().and_then(|worker| std::mem::replace(&mut worker.state, state))
    });
    drop(before);
}

/// For authors of executors: takes the state away from this worker.
pub fn take_state() -> Option<Rc<dyn Any>> {
    WORKER.try_with(|current| current.borrow_mut().as_mut().and_then(|worker| worker.state.take())).ok().flatten()
}

/// For authors of executors: sets the state that a template created for this process and for those that are forked from it. [`state`]
/// prefers the state that the initializer created.
pub fn set_template_state(state: Option<Rc<dyn Any>>) {
    let before = TEMPLATE_STATE.try_with(|current| current.replace(state));
    drop(before);
}

/// For authors of executors: the pool no longer counts this worker. It keeps its name and its state.
pub fn leave_host() {
    let host = WORKER.try_with(|current| current.borrow_mut().as_mut().and_then(|worker| worker.host.take()));
    drop(host);
}

/// For authors of executors: makes this thread a worker, or with `None`, no longer one.
pub fn set_worker(worker: Option<Worker>) {
    drop(replace_worker(worker));
}

/// For authors of executors: like [`set_worker`], but returns the previous value, to be restored later.
pub fn replace_worker(worker: Option<Worker>) -> Option<Worker> {
    WORKER.try_with(|current| current.replace(worker)).ok().flatten()
}

//! The setting of a template, from which workers are forked.

use std::sync::Arc;

use executor_core::{BuildError, Portable};

use super::ProcessPoolBuilder;
use super::function::Function;
use crate::pool::handle::ProcessPool;
use crate::supervisor::lifetime::LifetimeLimits;
use crate::supervisor::start::{NotStarted, Template, WorkerSettings};

impl ProcessPoolBuilder {
    /// Sets a job that runs once, in a process of its own (the template), from which all workers are then forked. Use it to load a large table or model: the
    /// workers share the memory that `load` made, and each starts in a fraction of a millisecond.
    ///
    /// Jobs read what `load` returned with [`current::state`](executor_core::current::state). Memory is copied page by page when a worker writes to
    /// it, so read-only data is held once for all workers. Note that cloning an `Rc` or `Arc` writes to its count.
    ///
    /// [`build`](Self::build) starts the template and blocks until `load` has returned, for at most [`start_limit`](Self::start_limit). A
    /// worker that crashes, is recycled or is ended by `idle_timeout` is replaced by a fork. The template ends with the pool. If it dies before,
    /// the next start of a worker starts the template again, and that death counts towards the [`restart_budget`](Self::restart_budget).
    ///
    /// With an [`initializer`](Self::initializer) too, each forked worker runs that. Connections, threads and random number generators belong
    /// there, because a fork shares or lacks what `load` left:
    ///
    /// - **Threads.** Only the thread that ran `load` exists in a worker. `build` refuses a template with other threads, and names them.
    /// - **Locks.** A lock that `load` holds, such as a leaked guard, is locked in each worker for ever. The locks of this crate,
    ///   the allocator's and ipc-channel's are free.
    /// - **Files and sockets** that `load` has open are open in each worker, and share one position or stream. Handles of a
    ///   [`Manager`](crate::Manager) connect anew.
    /// - **Random numbers.** Generators that `load` seeded, and the hash keys of its thread, are the same in all workers. So are addresses
    ///   (ASLR): a job that learns those of its worker knows those of the others.
    /// - **Functions of `pthread_atfork(3)`** are not called. Timers and child processes of the template are not the workers' own.
    /// - **At the end of a worker**, what `load` returned is not dropped; it is dropped in the template only. Functions of `atexit(3)` that
    ///   `load` registered run in the template and in each worker.
    ///
    /// Environment variables, `nice` and [`memory_limit`](Self::memory_limit) apply to the template, and workers inherit them: a worker's limit
    /// includes what `load` allocated. For [`recycle_above`](Self::recycle_above), that memory does not count. The template is not among
    /// [`pids`](crate::ProcessHandle::pids); a [`dump`](crate::ProcessHandle::dump) shows it as `name-template`.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use executor::{ProcessPool, call, current};
    ///
    /// type Table = HashMap<u64, String>;
    ///
    /// fn load() -> Table { (0..100_000).map(|n| (n, n.to_string())).collect() }
    ///
    /// fn look_up(key: u64) -> Option<String> { current::state::<Table>()?.get(&key).cloned() }
    ///
    /// let pool = ProcessPool::builder().processes(2).template(call!(load())).build()?;
    /// assert_eq!(pool.submit(call!(look_up(77))).result()?.as_deref(), Some("77"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`build`](Self::build) fails if `load` panics, ends its process, takes longer than `start_limit` or leaves threads behind; if the C
    /// library is not glibc; and with [`keep_failed`](Self::keep_failed) if there is an initializer too, since a saved job
    /// has room for one of the two.
    pub fn template<P: Portable>(mut self, load: P) -> Self {
        self.template = Some(Function::new(load));
        self
    }
}

/// The template of a pool whose workers have these settings.
pub(super) fn of(load: Function, worker: &WorkerSettings, pool: &str) -> Result<Arc<Template>, BuildError> {
    if worker.initializer.is_some() && worker.keep_failed.is_some() {
        let allowed = "without one of the two: a saved job has room for one";
        return Err(BuildError::setting("keep_failed", "with a `template` and an `initializer`", allowed));
    }
    let settings = WorkerSettings {
        codec: worker.codec,
        threads: worker.threads,
        environment: worker.environment.clone(),
        span: LifetimeLimits::default(),
        start_limit: worker.start_limit,
        grace: worker.grace,
        initializer: Some(load.encoded("template", worker.codec)?),
        is_template: true,
        template: None,
        // It is no worker.
        pids: Arc::default(),
        roster: Arc::clone(&worker.roster),
        keep_failed: None,
        delivery: Arc::clone(&worker.delivery),
        capture: worker.capture.clone(),
        traces: worker.traces,
    };
    Ok(Arc::new(Template::new(settings, pool, Arc::clone(&worker.pids))))
}

/// Starts the template of `pool`, if it has one.
pub(super) fn start(pool: &ProcessPool) -> Result<(), BuildError> {
    let Some(template) = &pool.handle().0.template else { return Ok(()) };
    template
        .start()
        .map_err(|error: NotStarted| BuildError::host("template", format!("could not be started: {}", error.reason())))
}

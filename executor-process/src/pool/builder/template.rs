//! The setting of a template, from which workers are forked.

use std::sync::Arc;

use executor_core::{BuildError, Portable};

use super::ProcessPoolBuilder;
use super::function::Function;
use crate::pool::handle::ProcessPool;
use crate::supervisor::lifetime::LifetimeLimits;
use crate::supervisor::start::{NotStarted, Template, WorkerSettings};

impl ProcessPoolBuilder {
    /// Sets a job that runs once, in a process of its own, the template. All workers are forked from that process. Use
    /// it to load a large table or model: the workers share the memory that `load` made. A fork is much faster
    /// than the start of a program. Its time grows with the memory that `load` made, whose page tables are copied.
    /// Default: no template.
    ///
    /// Jobs read what `load` returned with [`current::state`](executor_core::current::state). If a worker writes to a
    /// page of that memory, the kernel copies the page for this worker; cloning an `Rc` or an `Arc` writes to its count.
    ///
    /// [`build`](Self::build) starts the template, and blocks until `load` has returned, for at most
    /// [`start_limit`](Self::start_limit). A worker that crashes or is recycled is replaced by a fork. The template
    /// ends with the pool. If the template dies before, the next start of a worker starts the template again, and the
    /// death counts towards the [`restart_budget`](Self::restart_budget).
    ///
    /// If there is an [`initializer`](Self::initializer) too, each forked worker runs the initializer. Open connections
    /// and start threads there, because a worker shares or lacks what `load` left:
    ///
    /// - **Threads.** A worker has only the thread that ran `load`. `build` refuses a template with other threads, and
    ///   names these.
    /// - **Locks.** A lock that `load` still holds, such as one with a leaked guard, is locked in each worker for ever.
    ///   The locks of this crate, of the allocator and of ipc-channel are free.
    /// - **Files and sockets.** Those that `load` has left open are open in each worker, with one position or stream for
    ///   all. Handles of a [`Manager`](crate::Manager) connect anew.
    /// - **Random numbers.** Generators that `load` seeded, and the keys of hash maps, are the same in all workers. The
    ///   addresses of functions and data (ASLR) are the same, too.
    /// - **Functions of `pthread_atfork(3)`** are not called. Timers and child processes of the template are not those of
    ///   the workers.
    /// - **Destructors.** The value that `load` returned is dropped in the template, and in no worker. Functions that
    ///   `load` has given to `atexit(3)` are called in the template and in each worker.
    ///
    /// Records that `load` logs reach this program's logger if `load` calls `forward_logs` first (feature `log`).
    ///
    /// Environment variables, `nice` and [`memory_limit`](Self::memory_limit) are those of the template: the memory
    /// limit of a worker includes what `load` allocated. [`recycle_above`](Self::recycle_above) does not count that
    /// memory. [`pids`](crate::ProcessHandle::pids) does not list the template; a
    /// [`dump`](crate::ProcessHandle::dump) shows it as `name-template`.
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
    /// [`build`](Self::build) fails if `load` panics, ends its process, takes longer than `start_limit` or leaves
    /// threads behind; and if the C library is not glibc. With [`keep_failed`](Self::keep_failed), a pool can have a
    /// template or an initializer, but not both: a saved job has room for one.
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

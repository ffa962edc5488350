//! The settings of a rayon pool, and how its threads start.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use executor_core::dump::OnStall;
use executor_core::{BuildError, Panicked, QueueLimit, Stall, current};

use crate::builder::MOST_THREADS;
use crate::rayon_pool::RayonPool;
use crate::runner::InPlace;
use crate::scheduler::{Config, Scheduler, Supply, cure};
use crate::submit::{SubmitPolicy, Submitter};

/// Builds a [`RayonPool`]. Every setting has a default.
///
/// ```
/// use executor::{QueueLimit, RayonPool, WhenFull};
///
/// let pool = RayonPool::builder().threads(2).queue(QueueLimit::bounded(100, WhenFull::Block)).build()?;
/// assert_eq!(pool.submit(rayon::current_num_threads).result()?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "settings do nothing until they are built"]
pub struct RayonPoolBuilder {
    threads: Option<usize>,
    queue: QueueLimit,
    policy: SubmitPolicy,
    measure: bool,
    on_stall: Option<OnStall>,
    #[cfg(feature = "tracing")]
    traces: bool,
}

impl RayonPool {
    /// Creates a pool of `threads` threads, and starts all of them. They are named `rayon-0`, `rayon-1` and so on.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if `threads` is 0, greater than 65,536 or greater than [`rayon::max_num_threads`], or if the system refuses to
    /// start that many threads. For rayon's "as many as cores", use [`default_size`](RayonPool::default_size).
    pub fn new(threads: usize) -> Result<Self, BuildError> {
        Self::builder().threads(threads).build()
    }

    /// Creates a pool of rayon's default size: `RAYON_NUM_THREADS`, or one thread for each core.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if the system refuses to start that many threads.
    pub fn default_size() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// Creates a pool over an existing [`rayon::ThreadPool`], or an `Arc` of one that other code uses too.
    ///
    /// A shutdown waits for the jobs that were submitted through this pool, then drops its reference. Rayon ends the threads some time
    /// after the last reference is dropped. On any thread of `pool`, a shutdown does not wait.
    ///
    /// A job's [`worker_name`](executor_core::current::worker_name) is the name of its thread, or `rayon-0` and so on if the thread
    /// has none.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use executor::RayonPool;
    ///
    /// let shared = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build()?);
    /// let pool = RayonPool::over(shared.clone());
    /// assert_eq!(pool.submit(rayon::current_num_threads).result()?, 2);
    /// drop(pool);
    /// assert_eq!(shared.install(|| 7), 7); // the threads are still there
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn over(pool: impl Into<Arc<rayon::ThreadPool>>) -> Self {
        Self::builder().over(pool.into(), Vec::new())
    }

    /// Returns a builder with the default settings. Finish with [`build`](RayonPoolBuilder::build) or
    /// [`build_over`](RayonPoolBuilder::build_over).
    pub fn builder() -> RayonPoolBuilder {
        RayonPoolBuilder::new()
    }
}

impl Default for RayonPool {
    /// Creates a pool of rayon's default size: `RAYON_NUM_THREADS`, or one thread for each core.
    ///
    /// # Panics
    ///
    /// If the system refuses to start the threads. [`default_size`](RayonPool::default_size) returns this as an error.
    fn default() -> Self {
        Self::default_size().unwrap_or_else(|error| panic!("{error}"))
    }
}

impl RayonPoolBuilder {
    fn new() -> Self {
        Self::default()
    }

    /// Sets how many threads the pool starts: 1 to 65,536, and at most [`rayon::max_num_threads`]. Default: `RAYON_NUM_THREADS`, or one
    /// for each core.
    pub fn threads(mut self, n: usize) -> Self {
        self.threads = Some(n);
        self
    }

    /// Limits how many jobs may wait, and sets what happens to a job that finds the queue full. Default: no limit.
    pub fn queue(mut self, queue: QueueLimit) -> Self {
        self.queue = queue;
        self.policy.when_full = queue.when_full();
        self
    }

    /// Sets a function that is called when a job given to [`execute`](crate::ThreadHandle::execute) panics; see
    /// [`ThreadPoolBuilder::panic_handler`](crate::ThreadPoolBuilder::panic_handler). Default: only the panic hook reports the panic.
    pub fn panic_handler(mut self, f: impl Fn(&Panicked) + Send + Sync + 'static) -> Self {
        self.policy.panic_handler = Some(Arc::new(f));
        self
    }

    /// Sets code that runs around each job, with a context that is captured where the job is submitted; see
    /// [`ThreadPoolBuilder::wrap_jobs`](crate::ThreadPoolBuilder::wrap_jobs). It runs on the job's own thread, not on the threads of its
    /// parallel parts.
    pub fn wrap_jobs<C, A>(mut self, capture: C) -> Self
    where
        C: Fn() -> A + Send + Sync + 'static,
        A: Fn(&mut dyn FnMut()) + Send + Sync + 'static,
    {
        self.policy.wrap_jobs(capture);
        self
    }

    /// Runs each job in a span of the crate `tracing`, whose parent is the span in which the job was submitted; see
    /// [`ThreadPoolBuilder::trace_jobs`](crate::ThreadPoolBuilder::trace_jobs). The field `executor` is `rayon`.
    #[cfg(feature = "tracing")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub fn trace_jobs(mut self) -> Self {
        self.traces = true;
        self
    }

    /// Sets whether [`stats`](crate::ThreadHandle::stats) includes how long jobs waited and ran; see
    /// [`ThreadPoolBuilder::measure`](crate::ThreadPoolBuilder::measure). Default: false.
    pub fn measure(mut self, measures: bool) -> Self {
        self.measure = measures;
        self
    }

    /// Sets a function that is called when a job runs for longer than `limit`, or when jobs wait and none has started for longer; see
    /// [`ThreadPoolBuilder::on_stall`](crate::ThreadPoolBuilder::on_stall). Default: none.
    pub fn on_stall(mut self, limit: Duration, f: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        self.on_stall = Some(OnStall::new(limit, f));
        self
    }

    /// Creates the pool with threads of its own, and starts all of them. They are named `rayon-0`, `rayon-1` and so on.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a setting has a value that is not allowed, or if the system refuses to start that many threads.
    pub fn build(self) -> Result<RayonPool, BuildError> {
        let most = MOST_THREADS.min(rayon::max_num_threads());
        if let Some(threads) = self.threads.filter(|threads| !(1..=most).contains(threads)) {
            return Err(BuildError::setting("threads", threads, format_args!("from 1 to {most}")));
        }
        self.check_queue()?;
        let (pool, started) = start(self.threads.unwrap_or(0))?;
        Ok(self.over(pool, started))
    }

    /// Creates the pool over an existing [`rayon::ThreadPool`], or an `Arc` of one; see [`RayonPool::over`]. Ignores
    /// [`threads`](Self::threads).
    ///
    /// # Errors
    ///
    /// [`BuildError`] if the [`queue`](Self::queue) has a limit of 0.
    pub fn build_over(self, pool: impl Into<Arc<rayon::ThreadPool>>) -> Result<RayonPool, BuildError> {
        self.check_queue()?;
        Ok(self.over(pool.into(), Vec::new()))
    }

    fn check_queue(&self) -> Result<(), BuildError> {
        match self.queue.capacity() {
            Some(0) => Err(BuildError::setting("queue", 0, "at least 1")),
            _ => self.on_stall.as_ref().map_or(Ok(()), OnStall::check),
        }
    }

    fn over(
        #[cfg_attr(not(feature = "tracing"), expect(unused_mut))] mut self,
        pool: Arc<rayon::ThreadPool>,
        started: Vec<JoinHandle<()>>,
    ) -> RayonPool {
        #[cfg(feature = "tracing")]
        if self.traces {
            self.policy.trace_jobs("rayon".into());
        }
        let Self { queue, policy, measure, on_stall, .. } = self;
        let (kind, capacity) = ("RayonPool", queue.capacity());
        let config = Config { capacity, kind, on_stall, ..Config::new("rayon", pool.current_num_threads()) };
        let config = config.with_measure(measure);
        let options = Submitter::default_options(&config, &policy);
        let scheduler = Scheduler::over(Supply::Rayon(pool), started, config, |_| InPlace::new(None));
        RayonPool::of(Submitter { scheduler, policy, options })
    }
}

/// A pool whose threads can be joined: rayon does not say when those that it starts have ended.
fn start(threads: usize) -> Result<(Arc<rayon::ThreadPool>, Vec<JoinHandle<()>>), BuildError> {
    let mut started = Vec::new();
    let built = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .spawn_handler(|thread| {
            let name = format!("rayon-{}", thread.index());
            let body = move || {
                current::begin_stack(None);
                thread.run();
            };
            started.push(thread::Builder::new().name(name).spawn(body)?);
            Ok(())
        })
        .build();
    match built {
        Ok(pool) => Ok((Arc::new(pool), started)),
        Err(error) => {
            let count = started.len();
            // Rayon has told those that did start to end.
            for thread in started {
                drop(thread.join());
            }
            let problem =
                format!("could not all be started: the system refused after {count} ({error}); {}", cure(&error));
            Err(BuildError::host("threads", problem))
        }
    }
}

impl fmt::Debug for RayonPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RayonPoolBuilder");
        shown.field("threads", &self.threads).field("queue", &self.queue).finish_non_exhaustive()
    }
}

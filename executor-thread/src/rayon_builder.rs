//! The settings of a rayon pool, and how its threads start.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use executor_core::{BuildError, Panicked, QueueLimit, current};

use crate::builder::MOST_THREADS;
use crate::rayon_pool::RayonPool;
use crate::runner::InPlace;
use crate::scheduler::{Config, Scheduler, Supply, cure};
use crate::submit::{SubmitPolicy, Submitter};

/// The settings of a [`RayonPool`].
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
}

impl RayonPool {
    /// A pool of `threads` threads, which start now. They are called `rayon-0`, `rayon-1`, and so on.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when `threads` is 0 (which is rayon's word for "as many as cores": that is
    /// [`default_size`](RayonPool::default_size)), when it is over 65,536 or what rayon can have, and when the system
    /// refuses to start as many.
    pub fn new(threads: usize) -> Result<Self, BuildError> {
        Self::builder().threads(threads).build()
    }

    /// A pool of as many threads as rayon finds right: `RAYON_NUM_THREADS`, or one for each core.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the system refuses to start as many threads.
    pub fn default_size() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// Submits to `pool`, a [`rayon::ThreadPool`] or an `Arc` of one.
    ///
    /// A shutdown waits for the jobs that were submitted here, and lets go of the pool; rayon ends its threads some time
    /// after the last owner has. On a thread of `pool`, in whatever code, a shutdown does not wait. A job's
    /// [`worker_name`](executor_core::current::worker_name) is the name of its thread, or `rayon-0` and so on.
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

    /// Settings first, then [`build`](RayonPoolBuilder::build) or [`build_over`](RayonPoolBuilder::build_over).
    pub fn builder() -> RayonPoolBuilder {
        RayonPoolBuilder::new()
    }
}

impl Default for RayonPool {
    /// A pool of as many threads as rayon finds right.
    ///
    /// # Panics
    ///
    /// When the system refuses to start them. [`default_size`](RayonPool::default_size) returns the same as an error.
    fn default() -> Self {
        Self::default_size().unwrap_or_else(|error| panic!("{error}"))
    }
}

impl RayonPoolBuilder {
    fn new() -> Self {
        Self::default()
    }

    /// How many threads start: from 1 to 65,536, or what rayon can have. Default: `RAYON_NUM_THREADS`, or one for each core.
    pub fn threads(mut self, n: usize) -> Self {
        self.threads = Some(n);
        self
    }

    /// How many jobs may wait, and what happens to the next one. Default: as many as there is memory for.
    pub fn queue(mut self, queue: QueueLimit) -> Self {
        self.queue = queue;
        self.policy.when_full = queue.when_full();
        self
    }

    /// Called when a job given to `execute` panics; see [`ThreadPoolBuilder::panic_handler`](crate::ThreadPoolBuilder::panic_handler). Default: the panic
    /// hook alone reports.
    pub fn panic_handler(mut self, f: impl Fn(&Panicked) + Send + Sync + 'static) -> Self {
        self.policy.panic_handler = Some(Arc::new(f));
        self
    }

    /// Measures how long jobs wait and how long they run; see [`ThreadPoolBuilder::measure`](crate::ThreadPoolBuilder::measure). Default: false.
    pub fn measure(mut self, measures: bool) -> Self {
        self.measure = measures;
        self
    }

    /// The pool, with threads of its own, which start now. They are called `rayon-0`, `rayon-1`, and so on.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the setting that cannot be, its value, and what is allowed; or the system refuses to start as many threads.
    pub fn build(self) -> Result<RayonPool, BuildError> {
        let most = MOST_THREADS.min(rayon::max_num_threads());
        if let Some(threads) = self.threads.filter(|threads| !(1..=most).contains(threads)) {
            return Err(BuildError::setting("threads", threads, format_args!("from 1 to {most}")));
        }
        self.check_queue()?;
        let (pool, started) = start(self.threads.unwrap_or(0))?;
        Ok(self.over(pool, started))
    }

    /// The pool, on the threads of `pool`, a [`rayon::ThreadPool`] or an `Arc` of one; see [`RayonPool::over`]. [`threads`](Self::threads) does not count here.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the [`queue`](Self::queue) is for 0 jobs.
    pub fn build_over(self, pool: impl Into<Arc<rayon::ThreadPool>>) -> Result<RayonPool, BuildError> {
        self.check_queue()?;
        Ok(self.over(pool.into(), Vec::new()))
    }

    fn check_queue(&self) -> Result<(), BuildError> {
        match self.queue.capacity() {
            Some(0) => Err(BuildError::setting("queue", 0, "at least 1")),
            _ => Ok(()),
        }
    }

    fn over(self, pool: Arc<rayon::ThreadPool>, started: Vec<JoinHandle<()>>) -> RayonPool {
        let Self { queue, policy, measure, .. } = self;
        let config = Config { capacity: queue.capacity(), measure, ..Config::new("rayon", pool.current_num_threads()) };
        let scheduler = Scheduler::over(Supply::Rayon(pool), started, config, |_| InPlace::new(None));
        RayonPool::of(Submitter { scheduler, policy, options: None })
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

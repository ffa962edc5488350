//! The settings of a thread pool.

use std::any::Any;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use executor_core::{BuildError, Panicked, QueueLimit};

use crate::pool::ThreadPool;
use crate::runner::{InPlace, Initializer};
use crate::scheduler::{Config, Scheduler};
use crate::submit::{SubmitPolicy, Submitter};

/// More threads than any machine should have; a number beyond is a mistake, such as `-1` cast to `usize`.
pub(crate) const MOST_THREADS: usize = 65_536;

/// Less would not hold the standard library's own frames in a debug build.
const SMALLEST_STACK: usize = 64 * 1024;

/// The settings of a [`ThreadPool`].
///
/// ```
/// use executor::{ThreadPool, current};
///
/// let pool = ThreadPool::builder()
///     .threads(2)
///     .name("reader")
///     .initializer(|| vec![0_u8; 4096]) // each worker has its own buffer
///     .build()?;
/// let size = pool.submit(|| current::state::<Vec<u8>>().map(|buffer| buffer.len()));
/// assert_eq!(size.result()?, Some(4096));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "settings do nothing until they are built"]
pub struct ThreadPoolBuilder {
    config: Config,
    initializer: Option<Initializer>,
    policy: SubmitPolicy,
}

impl ThreadPool {
    /// A pool of up to `threads` threads.
    ///
    /// # Panics
    ///
    /// When `threads` is 0, or over 65,536. [`builder`](ThreadPool::builder) returns the same as an error.
    #[track_caller]
    pub fn new(threads: usize) -> Self {
        match Self::builder().threads(threads).build() {
            Ok(pool) => pool,
            Err(error) => panic!("{error}"),
        }
    }

    /// Settings first, then [`build`](ThreadPoolBuilder::build).
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::new()
    }
}

impl Default for ThreadPool {
    /// A pool of `min(32, cores + 4)` threads, as `CPython`'s `ThreadPoolExecutor` has: enough to overlap waiting, few
    /// enough to be kind.
    fn default() -> Self {
        Self::builder().build().unwrap_or_else(|error| panic!("{error}"))
    }
}

impl ThreadPoolBuilder {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            config: Config::new("executor", (cores + 4).min(32)),
            initializer: None,
            policy: SubmitPolicy::default(),
        }
    }

    /// How many jobs run at once: 1 to 65,536. Default: `min(32, cores + 4)`.
    pub fn threads(mut self, n: usize) -> Self {
        self.config.workers = n;
        self
    }

    /// The name of the threads, to which a number is added: `name-0`. Default: `executor`.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.config.name = name.into();
        self
    }

    /// The stack of each thread, in bytes: at least 64 KiB. Default: the standard library's (2 MiB).
    ///
    /// Jobs that wait for each other are run in place until half of it is used; deeper waits get a spare thread.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.config.stack_size = Some(bytes);
        self
    }

    /// Makes a state for each worker, before its first job, or by [`prestart`](crate::ThreadHandle::prestart), on its own thread. Jobs reach it by
    /// [`current::state`](executor_core::current::state). If it panics, the job that waited for it ends as
    /// [`JobError::Broken`](executor_core::JobError::Broken), and the next one tries again.
    ///
    /// A job that waits for another one may run it in place, with the same state: hold no borrow of it across a wait.
    pub fn initializer<S: 'static>(mut self, make: impl Fn() -> S + Send + Sync + 'static) -> Self {
        self.initializer = Some(Arc::new(move || -> Rc<dyn Any> { Rc::new(make()) }));
        self
    }

    /// How many of the threads stay, once they have started, however long they are idle. Default: 0.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::builder().threads(8).min_threads(2).keep_alive(Duration::from_secs(1)).build()?;
    /// # assert_eq!(ThreadPool::builder().threads(8).min_threads(9).build().unwrap_err().name(), "min_threads");
    /// # Ok::<(), executor::BuildError>(())
    /// ```
    pub fn min_threads(mut self, n: usize) -> Self {
        self.config.min_workers = n;
        self
    }

    /// How long the other threads stay idle before they end. Default: 10 s.
    pub fn keep_alive(mut self, idle: Duration) -> Self {
        self.config.keep_alive = idle;
        self
    }

    /// How many jobs may wait, and what happens to the next one. Default: as many as there is memory for.
    pub fn queue(mut self, queue: QueueLimit) -> Self {
        self.config.capacity = queue.capacity();
        self.policy.when_full = queue.when_full();
        self
    }

    /// Called on each thread before its first job, and before the [`initializer`](Self::initializer). A panic in it is reported by
    /// the panic hook, and costs nothing else.
    ///
    /// ```
    /// use executor::{ThreadPool, current};
    ///
    /// let pool = ThreadPool::builder()
    ///     .on_thread_start(|| println!("{:?} starts", current::worker_name()))
    ///     .on_thread_stop(|| println!("{:?} stops", current::worker_name()))
    ///     .build()?;
    /// # Ok::<(), executor::BuildError>(())
    /// ```
    pub fn on_thread_start(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.hooks = self.config.hooks.on_start(f);
        self
    }

    /// Called on each thread after its last job, while what the [`initializer`](Self::initializer) made is still there. A shutdown
    /// waits for it. A panic in it is reported by the panic hook, and costs nothing else.
    pub fn on_thread_stop(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.hooks = self.config.hooks.on_stop(f);
        self
    }

    /// Called when a job given to `execute` panics, on the thread where the job ran. Default: the panic hook alone reports such a
    /// panic. A panic in `f` is reported by the panic hook, and costs nothing else.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use executor::ThreadPool;
    ///
    /// let (panics, panicked) = mpsc::channel();
    /// let pool = ThreadPool::builder()
    ///     .panic_handler(move |panic| drop(panics.send(panic.message().to_owned())))
    ///     .build()?;
    /// pool.execute(|| panic!("no luck"));
    /// assert_eq!(panicked.recv()?, "no luck");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn panic_handler(mut self, f: impl Fn(&Panicked) + Send + Sync + 'static) -> Self {
        self.policy.panic_handler = Some(Arc::new(f));
        self
    }

    /// Measures how long jobs wait and how long they run, for [`stats`](crate::ThreadHandle::stats): that costs each job some readings of the clock, and each
    /// thread 4 KiB. Default: false. Jobs that their submitter runs ([`WhenFull::CallerRuns`](crate::WhenFull::CallerRuns)) are not
    /// measured; the wait of a delayed job begins at its time.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::builder().threads(1).measure(true).build()?;
    /// let answer = pool.submit(|| 42).result()?;
    /// let run = pool.stats().run.expect("it is measured");
    /// assert_eq!(run.count(), 1);
    /// assert!(run.quantile(0.99) <= run.max());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn measure(mut self, measures: bool) -> Self {
        self.config.measure = measures;
        self
    }

    /// The pool. No thread starts before it has a job.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the setting that cannot be, its value, and what is allowed.
    pub fn build(self) -> Result<ThreadPool, BuildError> {
        let Self { config, initializer, policy } = self;
        if !(1..=MOST_THREADS).contains(&config.workers) {
            return Err(BuildError::setting("threads", config.workers, format_args!("from 1 to {MOST_THREADS}")));
        }
        if config.min_workers > config.workers {
            let allowed = format_args!("at most `threads`, which is {}", config.workers).to_string();
            return Err(BuildError::setting("min_threads", config.min_workers, allowed));
        }
        if config.capacity == Some(0) {
            return Err(BuildError::setting("queue", 0, "at least 1"));
        }
        if let Some(bytes) = config.stack_size.filter(|&bytes| bytes < SMALLEST_STACK) {
            return Err(BuildError::setting("stack_size", bytes, format_args!("at least {SMALLEST_STACK} bytes")));
        }
        if config.name.contains('\0') {
            let value = format_args!("{:?}", config.name).to_string();
            return Err(BuildError::setting("name", value, "free of NUL characters"));
        }
        let make = move |_: &Arc<str>| InPlace::new(initializer.clone());
        let scheduler = Scheduler::new(config, make);
        Ok(ThreadPool::over(Submitter { scheduler, policy, options: None }))
    }
}

impl fmt::Debug for ThreadPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

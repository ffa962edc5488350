//! The settings of a thread pool.

use std::any::Any;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use executor_core::BuildError;

use crate::ThreadPool;
use crate::runner::{InPlace, Initializer};
use crate::scheduler::{Config, Scheduler};

/// More threads than any machine should have; a number beyond is a mistake, such as `-1` cast to `usize`.
const MOST_THREADS: usize = 65_536;

/// Less would not hold the standard library's own frames in a debug build.
const SMALLEST_STACK: usize = 64 * 1024;

/// The settings of a [`ThreadPool`].
///
/// ```
/// use executor_core::current;
/// use executor_thread::ThreadPool;
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
}

impl ThreadPoolBuilder {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { config: Config::new("executor", (cores + 4).min(32)), initializer: None }
    }

    /// How many jobs run at once: 1 to 65,536. Without it, `min(32, cores + 4)`.
    pub fn threads(mut self, n: usize) -> Self {
        self.config.workers = n;
        self
    }

    /// The name of the threads, to which a number is added: `name-0`. Without it, `executor`.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.config.name = name.into();
        self
    }

    /// The stack of each thread, in bytes: at least 64 KiB. Without it, the standard library's (2 MiB).
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.config.stack_size = Some(bytes);
        self
    }

    /// Makes a state for each worker, before its first job, on its own thread. Jobs reach it by
    /// [`current::state`](executor_core::current::state). If it panics, the job that waited for it ends as
    /// [`JobError::Broken`](executor_core::JobError::Broken), and the next one tries again.
    pub fn initializer<S: 'static>(mut self, make: impl Fn() -> S + Send + Sync + 'static) -> Self {
        self.initializer = Some(Arc::new(move || -> Rc<dyn Any> { Rc::new(make()) }));
        self
    }

    /// The pool. No thread starts before it has a job.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the setting that cannot be, its value, and what is allowed.
    pub fn build(self) -> Result<ThreadPool, BuildError> {
        let Self { config, initializer } = self;
        if !(1..=MOST_THREADS).contains(&config.workers) {
            return Err(BuildError::setting("threads", config.workers, format_args!("from 1 to {MOST_THREADS}")));
        }
        if let Some(bytes) = config.stack_size.filter(|&bytes| bytes < SMALLEST_STACK) {
            return Err(BuildError::setting("stack_size", bytes, format_args!("at least {SMALLEST_STACK} bytes")));
        }
        if config.name.contains('\0') {
            let value = format_args!("{:?}", config.name).to_string();
            return Err(BuildError::setting("name", value, "without a NUL character"));
        }
        let make = move |_: &Arc<str>| InPlace::new(initializer.clone());
        Ok(ThreadPool::over(Scheduler::new(config, make)))
    }
}

impl fmt::Debug for ThreadPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

//! The settings of a thread pool.

use std::any::Any;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use executor_core::dump::OnStall;
use executor_core::{BuildError, Panicked, QueueLimit, Stall};

use crate::pool::ThreadPool;
use crate::runner::{InPlace, Initializer};
use crate::scheduler::{Config, Scheduler};
use crate::submit::{SubmitPolicy, Submitter};

/// More threads than any machine should have; a number beyond is a mistake, such as `-1` cast to `usize`.
pub(crate) const MOST_THREADS: usize = 65_536;

/// Less would not hold the standard library's own frames in a debug build.
const SMALLEST_STACK: usize = 64 * 1024;

/// Builds a [`ThreadPool`]: size, names, queue limit, per-thread state and hooks. Every setting has a default.
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
    #[cfg(feature = "tracing")]
    traces: bool,
}

impl ThreadPool {
    /// Creates a pool of up to `threads` threads. No thread starts before there is a job for it.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::new(8);
    /// assert_eq!((pool.workers(), pool.stats().workers), (8, 0));
    /// ```
    ///
    /// # Panics
    ///
    /// If `threads` is 0 or greater than 65,536. [`builder`](ThreadPool::builder) reports this as an error instead.
    #[track_caller]
    pub fn new(threads: usize) -> Self {
        match Self::builder().threads(threads).build() {
            Ok(pool) => pool,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns a builder with the default settings. Finish with [`build`](ThreadPoolBuilder::build).
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::new()
    }
}

impl Default for ThreadPool {
    /// Creates a pool of up to `min(32, cores + 4)` threads, the default of `CPython`'s `ThreadPoolExecutor`. The cores are
    /// those of [`std::thread::available_parallelism`].
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
            #[cfg(feature = "tracing")]
            traces: false,
        }
    }

    /// Sets how many threads the pool may have, and so how many jobs run at once: 1 to 65,536. Default: `min(32, cores + 4)`.
    ///
    /// A job that waits for another job of its pool does not count: a spare thread runs other jobs meanwhile.
    pub fn threads(mut self, n: usize) -> Self {
        self.config.workers = n;
        self
    }

    /// Sets the prefix of the thread names: `name-0`, `name-1` and so on. Default: `executor`.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.config.name = name.into();
        self
    }

    /// Sets the stack size of each thread, in bytes: at least 65,536 (64 KiB). Default: the standard library's, which is 2 MiB or
    /// `RUST_MIN_STACK`.
    ///
    /// A job that waits for a queued job of its pool runs that job on its own stack, until half of the stack is used. Deeper
    /// waits get a spare thread.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.config.stack_size = Some(bytes);
        self
    }

    /// Sets a function that creates a state for each thread, such as a connection or a buffer. It runs on the thread itself, before the
    /// thread's first job or in [`prestart`](crate::ThreadHandle::prestart). Jobs access the state with
    /// [`current::state`](executor_core::current::state).
    ///
    /// If the function panics, the job that needed the state ends as [`JobError::Broken`](executor_core::JobError::Broken). The
    /// thread's next job calls the function again.
    ///
    /// A job that waits for another job may run that job in place, with the same state. So do not hold a borrow of the state
    /// while you wait.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use executor::{ThreadPool, current};
    ///
    /// let pool = ThreadPool::builder().threads(1).initializer(|| Cell::new(0_u32)).build()?;
    /// let count = || {
    ///     let jobs = current::state::<Cell<u32>>().expect("the initializer makes one");
    ///     jobs.set(jobs.get() + 1);
    ///     jobs.get()
    /// };
    /// assert_eq!(pool.submit(count).result()?, 1);
    /// assert_eq!(pool.submit(count).result()?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn initializer<S: 'static>(mut self, make: impl Fn() -> S + Send + Sync + 'static) -> Self {
        self.initializer = Some(Arc::new(move || -> Rc<dyn Any> { Rc::new(make()) }));
        self
    }

    /// Sets how many threads stay alive while idle, once they have started. At most [`threads`](Self::threads). Default: 0.
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

    /// Sets how long a thread stays idle before it ends. Default: 10 s. [`min_threads`](Self::min_threads) keeps some for ever.
    pub fn keep_alive(mut self, idle: Duration) -> Self {
        self.config.keep_alive = idle;
        self
    }

    /// Limits how many jobs may wait, and sets what happens to a job that finds the queue full. Default: no limit.
    ///
    /// ```
    /// use executor::{QueueLimit, ThreadPool, WhenFull};
    ///
    /// let pool = ThreadPool::builder().threads(2).queue(QueueLimit::bounded(100, WhenFull::Block)).build()?;
    /// # Ok::<(), executor::BuildError>(())
    /// ```
    pub fn queue(mut self, queue: QueueLimit) -> Self {
        self.config.capacity = queue.capacity();
        self.policy.when_full = queue.when_full();
        self
    }

    /// Sets a function that each thread calls when it starts, before the [`initializer`](Self::initializer) and the first job. If
    /// it panics, the panic hook reports that, and the thread goes on.
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

    /// Sets a function that each thread calls after its last job. The state of the [`initializer`](Self::initializer) still exists
    /// then. A shutdown waits for the function. If it panics, the panic hook reports that, and nothing else happens.
    pub fn on_thread_stop(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.hooks = self.config.hooks.on_stop(f);
        self
    }

    /// Sets a function that is called when a job given to [`execute`](crate::ThreadHandle::execute) panics, on the thread that ran the job.
    /// Default: only the panic hook reports the panic. If `f` panics, the panic hook reports that too.
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

    /// Sets code that runs around each job, with a context that is captured where the job is submitted: to carry a `tracing` span, a
    /// task-local value or a request's id from the submitter to the job.
    ///
    /// `capture` runs on the submitter's thread. It returns a closure, which runs on the job's thread, and runs the job by calling its argument. The
    /// time limit of the job includes the closure. If `wrap_jobs` is called several times, the first closure is the outermost.
    ///
    /// `capture` runs once for each call that submits: for each item or chunk of a `map`, and for all workers of a `broadcast` together. All runs of
    /// [`every`](crate::ThreadHandle::every) have the context of the call of `every`.
    ///
    /// If a job never starts, its context is dropped with the job. If `capture` panics, the job is dropped, and its future ends as
    /// [`JobError::Panicked`](executor_core::JobError::Panicked). So does a job whose closure panics, or returns without running the job.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use executor::ThreadPool;
    ///
    /// thread_local!(static REQUEST: Cell<u32> = const { Cell::new(0) });
    ///
    /// let pool = ThreadPool::builder()
    ///     .wrap_jobs(|| {
    ///         let request = REQUEST.get();
    ///         move |run: &mut dyn FnMut()| {
    ///             let before = REQUEST.replace(request);
    ///             run();
    ///             REQUEST.set(before);
    ///         }
    ///     })
    ///     .build()?;
    /// REQUEST.set(7);
    /// assert_eq!(pool.submit(|| REQUEST.get()).result()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wrap_jobs<C, A>(mut self, capture: C) -> Self
    where
        C: Fn() -> A + Send + Sync + 'static,
        A: Fn(&mut dyn FnMut()) + Send + Sync + 'static,
    {
        self.policy.wrap_jobs(capture);
        self
    }

    /// Runs each job in a span of the crate `tracing`, whose parent is the span in which the job was submitted. So the events of a job are in the
    /// span of the request that it belongs to.
    ///
    /// The span is called `job`, of level `INFO` and target `executor`. Its fields are `id`, `name`, `executor` (the pool's
    /// [`name`](Self::name)), `waited_ms` (the time since the submit), `attempt`, and at the end `outcome`. If the job panics, an event of level
    /// `ERROR` in the span has the message. If the subscriber wants no such spans, jobs run in the span of their submitter.
    ///
    /// Without this call, jobs run in no span. A subscriber that panics in these calls costs its span, not the job.
    ///
    /// ```
    /// use executor::ThreadPool;
    /// use tracing::{info, info_span};
    ///
    /// tracing_subscriber::fmt().init();
    /// let pool = ThreadPool::builder().threads(1).name("mailer").trace_jobs().build()?;
    /// let request = info_span!("request", number = 7);
    /// let sent = request.in_scope(|| pool.submit(|| info!("sends a mail")));
    /// // INFO request{number=7}:job{id=1 name="…" executor="mailer" waited_ms=0.02 attempt=1}: sends a mail
    /// # sent.result()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tracing")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub fn trace_jobs(mut self) -> Self {
        self.traces = true;
        self
    }

    /// Sets whether [`stats`](crate::ThreadHandle::stats) includes how long jobs waited and ran. Costs each job a few readings of the
    /// clock, and each thread 4 KiB. Default: false, unless the environment variable `EXECUTOR_MEASURE` is `1`.
    ///
    /// The wait of a delayed job begins when its delay is over. Jobs that their submitter runs
    /// ([`WhenFull::CallerRuns`](crate::WhenFull::CallerRuns)) are not measured.
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

    /// Sets a function that is called when a job has run for longer than `limit`, or when jobs wait and none has started for longer than
    /// `limit`. The [`Stall`] says which, and has a [`dump`](crate::ThreadHandle::dump) of the pool. Turns `measure` on. Default: none.
    ///
    /// The same stall is reported again when it has lasted twice as long, and so on. A stall of the queue may be found late, but
    /// before twice the limit is over. While the pool is idle, nothing looks.
    ///
    /// The function runs on a thread of its own, so it may block. If it panics, the panic hook reports that. A shutdown that waits also
    /// waits for a call that runs, and after that shutdown the function is not called.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use executor::ThreadPool;
    ///
    /// let (stalls, stalled) = mpsc::channel();
    /// let pool = ThreadPool::builder()
    ///     .threads(1)
    ///     .on_stall(Duration::from_millis(10), move |stall| drop(stalls.send(stall.to_string())))
    ///     .build()?;
    /// let (end, wait) = mpsc::channel::<()>();
    /// pool.execute(move || drop(wait.recv()));
    /// assert!(stalled.recv()?.contains("longer than 10 ms"));
    /// drop(end);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_stall(mut self, limit: Duration, f: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        self.config.on_stall = Some(OnStall::new(limit, f));
        self
    }

    /// Creates the pool. No thread starts before there is a job for it.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let error = ThreadPool::builder().threads(0).build().unwrap_err();
    /// assert_eq!(error.to_string(), "cannot build the pool: `threads` is 0, but must be from 1 to 65536");
    /// ```
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a setting has a value that is not allowed. It names the setting, the value and what is allowed.
    pub fn build(#[cfg_attr(not(feature = "tracing"), expect(unused_mut))] mut self) -> Result<ThreadPool, BuildError> {
        #[cfg(feature = "tracing")]
        if self.traces {
            self.policy.trace_jobs(self.config.name.clone());
        }
        let Self { config, initializer, policy, .. } = self;
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
        config.on_stall.as_ref().map_or(Ok(()), OnStall::check)?;
        let measure = config.measure;
        let config = Config { kind: "ThreadPool", ..config }.with_measure(measure);
        let make = move |_: &Arc<str>| InPlace::new(initializer.clone());
        let options = Submitter::default_options(&config, &policy);
        let scheduler = Scheduler::new(config, make);
        Ok(ThreadPool::over(Submitter { scheduler, policy, options }))
    }
}

impl fmt::Debug for ThreadPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

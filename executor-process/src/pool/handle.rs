//! The process pool: a scheduler whose workers send jobs to child processes, and the handles that submit to it.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::time::{Duration, Instant};

use executor_core::{Executor, Future, Map, PortableJob, Rejected, Shutdown};
use executor_thread::scheduler::Way;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::pool::map::CallMapper;
use crate::pool::submit::{SubmitPortable, Submitter, future_of};

/// Processes that run jobs, for work that computes, leaks or may crash.
///
/// A job is a function with arguments that own their data ([`call!`](executor_core::call!)), or a type of yours that implements
/// [`Job`](executor_core::Job) and serde's traits. It is encoded once, when it is submitted, and run in a worker: this same
/// program, started again, in which `main` never runs. A worker that dies costs the job that it ran, which ends as
/// [`JobError::Crashed`](executor_core::JobError::Crashed); the next job gets a new one.
///
/// Workers start on demand, only when no idle one can take the job, and end with the pool, or with this process, however that ends.
/// They have `/dev/null` for stdin, share stdout and stderr, and ignore SIGINT: Ctrl-C is for this process to judge. Where this process has
/// closed stdout or stderr, they have `/dev/null` there. Where the system refuses another worker while some live, jobs wait for those.
///
/// The pool derefs to its [`handle`](ProcessHandle::handle), so it has all methods of one.
///
/// Dropping the pool is [`shutdown(true)`](ProcessHandle::shutdown): it blocks until every accepted job has its outcome. A pool
/// in a `static` is never dropped: what is queued when the process exits is lost, so shut it down at the end of `main`.
///
/// ```
/// use executor::{JobError, ProcessPool, call};
///
/// fn factorial(n: u64) -> u64 { (1..=n).product() }
/// fn crash() { std::process::abort() }
///
/// let pool = ProcessPool::new(2)?;
/// let crashed = pool.submit(call!(crash()));
/// assert_eq!(pool.submit(call!(factorial(10))).result()?, 3_628_800);
/// match crashed.result() {
///     Err(JobError::Crashed(crash)) => assert_eq!(crash.signal(), Some("SIGABRT")),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ProcessPool(ProcessHandle);

impl ProcessPool {
    pub(crate) fn over(submitter: Submitter) -> Self {
        Self(ProcessHandle(submitter))
    }
}

/// The methods of the executor traits: as methods of the pool itself, these are found before the traits'.
impl ProcessPool {
    /// See [`ProcessHandle::submit`].
    pub fn submit<J: PortableJob>(&self, job: J) -> Future<J::Output> {
        self.0.submit(job)
    }

    /// See [`ProcessHandle::try_submit`].
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when a bounded queue is full.
    pub fn try_submit<J: PortableJob>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.try_submit(job)
    }

    /// See [`ProcessHandle::submit_after`].
    pub fn submit_after<J: PortableJob>(&self, delay: Duration, job: J) -> Future<J::Output> {
        self.0.submit_after(delay, job)
    }

    /// See [`ProcessHandle::map`].
    #[track_caller]
    pub fn map<I, R>(&self, items: I, f: fn(I::Item) -> R) -> Map<I::IntoIter, CallMapper<I::Item, R>>
    where
        I: IntoIterator<Item: Serialize + DeserializeOwned + Send + 'static>,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.0.map(items, f)
    }

    /// See [`ProcessHandle::workers`].
    pub fn workers(&self) -> usize {
        self.0.workers()
    }

    /// A handle, for submitters that do not own the pool.
    pub fn handle(&self) -> ProcessHandle {
        self.0.clone()
    }

    /// See [`ProcessHandle::shutdown`].
    pub fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait);
    }
}

impl Deref for ProcessPool {
    type Target = ProcessHandle;

    fn deref(&self) -> &ProcessHandle {
        &self.0
    }
}

impl Drop for ProcessPool {
    fn drop(&mut self) {
        self.shutdown(true);
    }
}

/// Submits to a [`ProcessPool`], and asks it for whatever else it can do. Cheap to clone. It does not keep the pool open: when the pool is dropped, jobs
/// are rejected.
///
/// Made by [`handle`](ProcessHandle::handle), and by [`with`](ProcessHandle::with), which gives jobs options.
///
/// ```
/// use executor::{ProcessPool, call};
///
/// let pool = ProcessPool::new(1)?;
/// let handle = pool.handle();
/// assert_eq!(handle.submit(call!(u32::pow(2, 5))).result()?, 32);
/// drop(pool);
/// assert!(handle.submit(call!(u32::pow(2, 5))).result().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ProcessHandle(pub(crate) Submitter);

impl ProcessHandle {
    /// Another handle to the same pool, with the same options.
    pub fn handle(&self) -> Self {
        self.clone()
    }

    /// The process ids of the workers that live now.
    pub fn pids(&self) -> Vec<u32> {
        self.0.pids.list()
    }

    /// Encodes a job and hands it over, and returns the future of its outcome. Blocks no longer than encoding takes, but where a
    /// bounded queue is full and says so: see [`WhenFull`](executor_thread::WhenFull). A job that cannot be encoded ends as
    /// [`JobError::Codec`](executor_core::JobError::Codec); after a shutdown, it ends as
    /// [`JobError::Rejected`](executor_core::JobError::Rejected).
    pub fn submit<J: PortableJob>(&self, job: J) -> Future<J::Output> {
        future_of(self.0.submit(Way::Now, job))
    }

    /// As `submit`, but never waits, and gives a job that is refused back.
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when a bounded queue is full.
    pub fn try_submit<J: PortableJob>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.submit(Way::Try, job)
    }

    /// As `submit`, but waits for a place in a bounded queue for at most `limit`, whatever the queue does when it is full.
    /// Blocks. In a callback of a job of this pool it queues the job above the bound instead of waiting, as
    /// [`WhenFull::Block`](executor_thread::WhenFull::Block) does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{ProcessPool, QueueLimit, Rejection, WhenFull, call};
    ///
    /// let pool = ProcessPool::builder().processes(1).queue(QueueLimit::bounded(1, WhenFull::Block)).build()?;
    /// let limit = Duration::from_secs(60);
    /// let power = pool.submit_timeout(call!(u32::pow(2, 5)), limit).map_err(|rejected| rejected.reason())?;
    /// assert_eq!(power.result()?, 32);
    ///
    /// pool.shutdown(true);
    /// let rejected = pool.submit_timeout(call!(u32::pow(2, 5)), limit).unwrap_err();
    /// assert_eq!(rejected.reason(), Rejection::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The job, after a shutdown, or when the queue was full for `limit`.
    pub fn submit_timeout<J: PortableJob>(&self, job: J, limit: Duration) -> Result<Future<J::Output>, Rejected<J>> {
        // A limit beyond the clock's range is no limit.
        let deadline = Instant::now().checked_add(limit);
        self.0.submit(Way::Until(deadline), job)
    }

    /// As `submit`, but where a bounded queue is full, waits for a place as async code does: the std future is ready when the
    /// job is submitted. Blocks no longer than encoding takes. Fails as `submit_timeout` does after a shutdown.
    ///
    /// ```
    /// use executor::{JobError, ProcessPool, call};
    ///
    /// async fn answer(pool: &ProcessPool) -> Result<u32, JobError> {
    ///     let submitted = pool.submit_async(call!(u32::pow(2, 5))).await;
    ///     submitted.map_err(|rejected| JobError::rejected(rejected.reason()))?.await
    /// }
    /// # use std::task::{Context, Poll, Waker};
    /// # let pool = ProcessPool::new(1).unwrap();
    /// # let mut answered = std::pin::pin!(answer(&pool));
    /// # let answer = loop {
    /// #     match answered.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
    /// #         Poll::Ready(answer) => break answer,
    /// #         Poll::Pending => std::thread::yield_now(),
    /// #     }
    /// # };
    /// # assert_eq!(answer.unwrap(), 32);
    /// ```
    pub fn submit_async<J: PortableJob>(&self, job: J) -> SubmitPortable<J, J::Output> {
        SubmitPortable::new(&self.0, job)
    }

    /// Hands a job over that runs once `delay` is over. A shutdown waits for it. A bounded queue takes it, full or not.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{ProcessPool, call};
    ///
    /// let pool = ProcessPool::new(1)?;
    /// let later = pool.submit_after(Duration::from_millis(5), call!(u32::pow(2, 5)));
    /// assert_eq!(later.result()?, 32);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_after<J: PortableJob>(&self, delay: Duration, job: J) -> Future<J::Output> {
        future_of(self.0.submit(Way::After(delay), job))
    }

    /// Submits a job whose outcome is ignored. A panic in it is reported by the worker's panic hook.
    pub fn execute<J: PortableJob>(&self, job: J) {
        drop(self.submit(job));
    }

    /// Applies `f`, a function or a closure that captures nothing, to each item, in parallel and in order; see [`Map`].
    /// Several items may travel as one chunk: ends of channels in them are closed when the last item of the chunk is done.
    /// Errors name the line of the call.
    ///
    /// ```
    /// use executor::ProcessPool;
    ///
    /// let pool = ProcessPool::new(1)?;
    /// let doubled: Result<Vec<u32>, _> = pool.map(0..3, |n| 2 * n).collect();
    /// assert_eq!(doubled?, [0, 2, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A closure that captures does not compile: make what it captures a part of each item.
    ///
    /// ```compile_fail,E0308
    /// let pool = executor::ProcessPool::new(1).unwrap();
    /// let token = ();
    /// let map = pool.map(0..3_u32, move |n| { let () = token; n });
    /// ```
    #[track_caller]
    pub fn map<I, R>(&self, items: I, f: fn(I::Item) -> R) -> Map<I::IntoIter, CallMapper<I::Item, R>>
    where
        I: IntoIterator<Item: Serialize + DeserializeOwned + Send + 'static>,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        Map::new(items.into_iter(), CallMapper::new(self.0.clone(), f, Location::caller()))
    }

    /// How many jobs run at once.
    pub fn workers(&self) -> usize {
        self.0.scheduler.workers()
    }

    /// Takes no more jobs; see [`Shutdown::shutdown`]. With `wait`, blocks until the last process is gone.
    pub fn shutdown(&self, wait: bool) {
        self.0.scheduler.shutdown(wait);
    }
}

/// The traits of an executor, for the pool and its handles.
macro_rules! is_executor {
    ($pool:ident) => {
        impl Shutdown for $pool {
            fn shutdown(&self, wait: bool) {
                Self::shutdown(self, wait);
            }
        }

        impl<J: PortableJob> Executor<J> for $pool {
            fn submit(&self, job: J) -> Future<J::Output> {
                Self::submit(self, job)
            }

            fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
                Self::try_submit(self, job)
            }
        }

        impl fmt::Debug for $pool {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($pool))
                    .field("workers", &self.workers())
                    .field("options", self.options())
                    .finish_non_exhaustive()
            }
        }
    };
}

is_executor!(ProcessPool);
is_executor!(ProcessHandle);

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

/// A pool of worker processes, for jobs that compute, leak memory or may crash.
///
/// A job is a function call whose arguments own their data ([`call!`](executor_core::call!)), or a type of your own
/// that implements [`Job`](executor_core::Job) and serde's traits. The pool encodes a job when it is submitted, and a
/// worker process decodes and runs it. A worker is this same program, started again; `main` does not run in it. A
/// worker that dies costs only the job that it was running, which fails with
/// [`JobError::Crashed`](executor_core::JobError::Crashed). The pool starts another worker for the next job.
///
/// **Workers** start on demand: only if no idle worker can take the job. They end with the pool, and also if this
/// process dies in any way. A worker's stdin is `/dev/null`; its stdout and stderr are this process's (or `/dev/null`
/// where this process has closed them). Workers ignore SIGINT, so this process decides what Ctrl-C does. If the
/// system refuses to start another worker, jobs wait for the existing ones.
///
/// **Methods.** The pool dereferences to its [`ProcessHandle`], where most methods are documented.
///
/// **Drop.** Dropping the pool is [`shutdown(true)`](ProcessHandle::shutdown): it blocks until every accepted job has
/// its outcome and every worker has ended. A pool in a `static` is never dropped, and its queued jobs are lost when
/// the process exits: shut it down at the end of `main`.
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
    /// Submits a job and returns a future of its outcome; see [`ProcessHandle::submit`].
    #[track_caller]
    pub fn submit<J: PortableJob>(&self, job: J) -> Future<J::Output> {
        self.0.submit(job)
    }

    /// Submits a job without blocking; see [`ProcessHandle::try_submit`].
    ///
    /// # Errors
    ///
    /// Returns the job if the pool is shut down or broken, or its queue is full.
    #[track_caller]
    pub fn try_submit<J: PortableJob>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.try_submit(job)
    }

    /// Submits a job that runs after `delay`; see [`ProcessHandle::submit_after`].
    #[track_caller]
    pub fn submit_after<J: PortableJob>(&self, delay: Duration, job: J) -> Future<J::Output> {
        self.0.submit_after(delay, job)
    }

    /// Applies `f` to each item in the worker processes; see [`ProcessHandle::map`].
    #[track_caller]
    pub fn map<I, R>(&self, items: I, f: fn(I::Item) -> R) -> Map<I::IntoIter, CallMapper<I::Item, R>>
    where
        I: IntoIterator<Item: Serialize + DeserializeOwned + Send + 'static>,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.0.map(items, f)
    }

    /// Returns the number of jobs that can run at once; see [`ProcessHandle::workers`].
    pub fn workers(&self) -> usize {
        self.0.workers()
    }

    /// Returns a handle, for code that submits jobs but does not own the pool.
    pub fn handle(&self) -> ProcessHandle {
        self.0.clone()
    }

    /// Stops accepting jobs, and with `wait` blocks until all are done; see [`ProcessHandle::shutdown`].
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

/// A cheap, cloneable handle of a [`ProcessPool`], which submits jobs and controls the pool.
///
/// Made by [`ProcessPool::handle`]. [`with`](ProcessHandle::with) returns one whose jobs have options. A handle does
/// not keep the pool open: after the pool is dropped, jobs are rejected.
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
    /// Returns another handle of the same pool, with the same options.
    pub fn handle(&self) -> Self {
        self.clone()
    }

    /// Returns the process ids of the live workers. Never blocks.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// let pool = ProcessPool::new(1)?;
    /// assert!(pool.pids().is_empty(), "workers start with the first job");
    /// let pid = pool.submit(call!(std::process::id())).result()?;
    /// assert_eq!(pool.pids(), [pid]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pids(&self) -> Vec<u32> {
        self.0.pids.list()
    }

    /// Encodes and queues a job, and returns a future of its outcome.
    ///
    /// Blocks only if the queue is bounded, full, and set to [`WhenFull::Block`](executor_thread::WhenFull::Block).
    /// If the job cannot be queued, the future has the error: [`JobError::Codec`](executor_core::JobError::Codec) if
    /// the job cannot be encoded, [`JobError::Rejected`](executor_core::JobError::Rejected) after a shutdown.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// fn count_words(text: String) -> usize { text.split_whitespace().count() }
    ///
    /// let pool = ProcessPool::new(1)?;
    /// let words = pool.submit(call!(count_words("to be or not to be".to_owned())));
    /// assert_eq!(words.result()?, 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit<J: PortableJob>(&self, job: J) -> Future<J::Output> {
        future_of(self.0.submit(Way::Now, job))
    }

    /// Submits a job like [`submit`](Self::submit), but never blocks, and returns a job that is not accepted.
    ///
    /// ```
    /// use executor::{ProcessPool, Rejection, call};
    ///
    /// let pool = ProcessPool::new(1)?;
    /// pool.shutdown(false);
    /// let rejected = pool.try_submit(call!(u32::pow(2, 5))).unwrap_err();
    /// assert_eq!(rejected.reason(), Rejection::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the job if the pool is shut down or broken, or its queue is full.
    #[track_caller]
    pub fn try_submit<J: PortableJob>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.submit(Way::Try, job)
    }

    /// Submits a job like [`submit`](Self::submit), but waits at most `limit` for room in a bounded queue, whatever
    /// the queue's [`WhenFull`](executor_thread::WhenFull) says.
    ///
    /// Blocks for up to `limit`. In a callback of one of this pool's jobs it does not wait: the job is queued above
    /// the limit, as with [`WhenFull::Block`](executor_thread::WhenFull::Block).
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
    /// Returns the job if the pool is shut down or broken, or its queue was full for `limit`.
    #[track_caller]
    pub fn submit_timeout<J: PortableJob>(&self, job: J, limit: Duration) -> Result<Future<J::Output>, Rejected<J>> {
        // A limit beyond the clock's range is no limit.
        let deadline = Instant::now().checked_add(limit);
        self.0.submit(Way::Until(deadline), job)
    }

    /// Submits a job from async code: if a bounded queue is full, waits for room without blocking the thread. Await
    /// the result to get the job's [`Future`], or the job if the pool was shut down first.
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
    #[track_caller]
    pub fn submit_async<J: PortableJob>(&self, job: J) -> SubmitPortable<J, J::Output> {
        SubmitPortable::new(&self.0, job)
    }

    /// Submits a job that runs after `delay`. Never blocks: a bounded queue accepts the job even if it is full. A
    /// shutdown waits for the job.
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
    #[track_caller]
    pub fn submit_after<J: PortableJob>(&self, delay: Duration, job: J) -> Future<J::Output> {
        future_of(self.0.submit(Way::After(delay), job))
    }

    /// Submits a job and ignores its outcome. Blocks as [`submit`](Self::submit) does. A panic of the job is printed
    /// by the worker's panic hook.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    ///
    /// fn rebuild_index() { /* in a worker */ }
    ///
    /// let pool = ProcessPool::new(1)?;
    /// pool.execute(call!(rebuild_index()));
    /// pool.wait_idle();
    /// assert_eq!(pool.stats().completed, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn execute<J: PortableJob>(&self, job: J) {
        drop(self.submit(job));
    }

    /// Applies `f` to each item in parallel, and yields the results in order; see [`Map`]. `f` is a function, or a
    /// closure that captures nothing. Errors name the line of this call.
    ///
    /// Several items may be sent to a worker as one chunk. Ends of channels in the items are then closed when the
    /// chunk's last item is done.
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
    /// A closure that captures does not compile: put what it would capture into each item.
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

    /// Returns the number of jobs that can run at once: the pool's maximum number of worker processes.
    pub fn workers(&self) -> usize {
        self.0.scheduler.workers()
    }

    /// Stops accepting jobs; jobs already accepted still run. With `wait`, blocks until the last job has its outcome
    /// and the last worker process has ended. See [`Shutdown::shutdown`].
    pub fn shutdown(&self, wait: bool) {
        self.0.scheduler.shutdown(wait);
        self.0.end_template(wait, None);
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

//! The executor and its handles.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::panics::drop_catching;
use executor_core::{Call, Executor, Future, Job, JobError, JobOptions, Map, PortableJob, Rejected, Shutdown};

use super::map::RemoteMapper;
use super::shared::Shared;
use super::submission::{Policy, Submitter, Way, open};
use super::submit_async::SubmitRemote;

/// Submits jobs to the hosts that [`serve`](crate::serve()) a namespace.
///
/// **Jobs** are those of a `ProcessPool`: a function call whose arguments own their data, or a type of your own with serde's traits. A job
/// is encoded when it is submitted, stored by the server, and run by one host. A handle that cannot leave this machine, such as the end of a
/// channel, is refused at the submit: the future has the error. A `Blob` is copied.
///
/// **Delivery.** A job runs once at most, whatever is lost: if its host is, it ends as [`JobError::Crashed`]. With
/// [`retry`](executor_core::JobOptions::retry), it runs again on another host.
///
/// **Short jobs** that wait to be sent at the same time go to a host as one message. Each has its own outcome, and can be cancelled by itself.
/// If a host is lost, so are the short jobs that it has claimed, about 1 ms of work for each worker. Jobs with `retry` are sent alone.
///
/// **While no server answers,** jobs wait. Those that were not sent are in this process alone: they end at once if they are cancelled, or if
/// their [`start_by`](executor_core::JobOptions::start_by) or [`keep_jobs`](crate::Namespace::keep_jobs) is over. Whether a job that was sent has
/// started, only the server knows. So its `cancel`, its `abort` and the end of its time wait for the server, and then tell the truth; its
/// `status` and `is_running` tell what was known last. [`shutdown(true)`](NatsHandle::shutdown) and a drop wait for the outcomes of all
/// jobs, [`flush`](NatsHandle::flush) until all are stored. A server that answers no more without closing its connections counts as gone
/// after about 9 s. [`NoWorker`](crate::NoWorker) reports an outage.
///
/// **Threads.** The executor has two threads, one for its connection and one for callbacks, and none for each job. An idle one has nothing
/// to do but to hear of the hosts, three times in each [`lease`](crate::Namespace::lease).
///
/// **Methods.** It dereferences to its [`NatsHandle`], where most methods are documented. It has no `broadcast`, since its hosts come and go,
/// and no setting for the number of workers: each host brings its own.
///
/// **Drop.** Dropping the executor is [`shutdown(true)`](NatsHandle::shutdown): it blocks until every accepted job has its outcome. If no host
/// is there, that is when one comes, or when the jobs' [time](crate::Namespace::keep_jobs) is over;
/// [`shutdown_with`](NatsHandle::shutdown_with) can cancel them. If the process dies, its jobs go on, and their outcomes are kept.
///
/// ```no_run
/// use executor::{JobError, call};
/// use executor_nats::NatsExecutor;
///
/// fn factorial(n: u64) -> u64 { (1..=n).product() }
///
/// let executor = NatsExecutor::connect("nats://127.0.0.1:4222", "factorials")?;
/// assert_eq!(executor.submit(call!(factorial(10))).result()?, 3_628_800);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct NatsExecutor(NatsHandle);

/// A cheap, cloneable handle of a [`NatsExecutor`], which submits jobs and controls the executor.
///
/// Made by [`NatsExecutor::handle`]. [`with`](Self::with) returns one whose jobs have options. A handle does not keep the executor open: after
/// the executor is dropped, jobs are rejected.
#[derive(Clone)]
pub struct NatsHandle(pub(crate) Submitter);

/// The methods of the executor traits: as methods of the executor itself, these are found before the traits'.
impl NatsExecutor {
    pub(crate) fn of(handle: NatsHandle) -> Self {
        Self(handle)
    }

    /// Submits a job and returns a future of its outcome; see [`NatsHandle::submit`].
    #[track_caller]
    pub fn submit<J: PortableJob>(&self, job: J) -> Future<J::Output> {
        self.0.submit(job)
    }

    /// Submits a job unless the namespace is full; see [`NatsHandle::try_submit`].
    ///
    /// # Errors
    ///
    /// Returns the job if the executor is shut down, or the namespace is full.
    #[track_caller]
    pub fn try_submit<J: PortableJob>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.0.try_submit(job)
    }

    /// Submits a job that runs after `delay`; see [`NatsHandle::submit_after`].
    #[track_caller]
    pub fn submit_after<J: PortableJob>(&self, delay: Duration, job: J) -> Future<J::Output> {
        self.0.submit_after(delay, job)
    }

    /// Applies `f` to each item on the hosts; see [`NatsHandle::map`].
    #[track_caller]
    pub fn map<I, F>(&self, items: I, f: F) -> Map<I::IntoIter, RemoteMapper<F>>
    where
        I: IntoIterator,
        F: Copy,
        Call<F, (I::Item,)>: PortableJob,
    {
        self.0.map(items, f)
    }

    /// Returns a handle, for code that submits jobs but does not own the executor.
    pub fn handle(&self) -> NatsHandle {
        self.0.clone()
    }

    /// Returns the number of workers of all hosts; see [`NatsHandle::workers`].
    pub fn workers(&self) -> usize {
        self.0.workers()
    }

    /// Stops accepting jobs, and with `wait` blocks until all are done; see [`NatsHandle::shutdown`].
    pub fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait);
    }
}

impl Deref for NatsExecutor {
    type Target = NatsHandle;

    fn deref(&self) -> &NatsHandle {
        &self.0
    }
}

impl Drop for NatsExecutor {
    fn drop(&mut self) {
        self.shutdown(true);
    }
}

impl NatsHandle {
    pub(crate) fn new(shared: Arc<Shared>, policy: Policy, submitter: String) -> Self {
        Self(Submitter { shared, policy, token: submitter.into(), options: JobOptions::new(), is_kept: false })
    }

    /// Returns another handle of the same executor, with the same options.
    pub fn handle(&self) -> Self {
        self.clone()
    }

    /// Encodes a job and sends it to the server, and returns a future of its outcome.
    ///
    /// Does not wait for the server unless the namespace has a [`capacity`](crate::Namespace::capacity): then it blocks until the job is stored,
    /// and, with [`WhenFull::Block`](executor_core::WhenFull::Block), until there is room. Blocks also while 10,000 jobs are on their way to
    /// the server.
    ///
    /// If the job cannot be submitted, the future has the error: [`JobError::Codec`] if the job cannot be encoded or cannot leave this
    /// machine, [`JobError::Rejected`] after a shutdown, [`JobError::Broken`] if the server refuses to store it.
    #[track_caller]
    pub fn submit<J: PortableJob>(&self, job: J) -> Future<J::Output> {
        self.submit_by(Way::Now, job).unwrap_or_else(failed)
    }

    /// Submits a job like [`submit`](Self::submit), but never waits for room, and returns a job that is not accepted. If the namespace has a
    /// [`capacity`](crate::Namespace::capacity), blocks until the server has answered, however long none does.
    ///
    /// # Errors
    ///
    /// Returns the job if the executor is shut down, or the namespace is full.
    #[track_caller]
    pub fn try_submit<J: PortableJob>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.submit_by(Way::Try, job)
    }

    /// Submits a job like [`submit`](Self::submit), but waits at most `limit` for room, whatever
    /// [`when_full`](crate::NatsExecutorBuilder::when_full) says. Blocks for up to `limit`, and until the server has answered, however long none
    /// does.
    ///
    /// # Errors
    ///
    /// Returns the job if the executor is shut down, or the namespace was full for `limit`.
    #[track_caller]
    pub fn submit_timeout<J: PortableJob>(&self, job: J, limit: Duration) -> Result<Future<J::Output>, Rejected<J>> {
        // A limit beyond the clock's range is no limit.
        self.submit_by(Way::Until(Instant::now().checked_add(limit)), job)
    }

    /// Submits a job from async code: waits for room without blocking the thread. Await the result to get the job's [`Future`], or the job if
    /// the executor was shut down first.
    ///
    /// ```no_run
    /// use executor::{JobError, call};
    /// use executor_nats::NatsExecutor;
    ///
    /// async fn answer(executor: &NatsExecutor) -> Result<u32, JobError> {
    ///     let submitted = executor.submit_async(call!(u32::pow(2, 5))).await;
    ///     submitted.map_err(|rejected| JobError::rejected(rejected.reason()))?.await
    /// }
    /// ```
    #[track_caller]
    pub fn submit_async<J: PortableJob>(&self, job: J) -> SubmitRemote<J, J::Output> {
        SubmitRemote::new(self.0.clone(), job, Location::caller())
    }

    /// Submits a job that runs after `delay`. Never blocks. A shutdown waits for the job. Until the time has come, the job is kept in this
    /// process, and is lost if the process dies.
    #[track_caller]
    pub fn submit_after<J: PortableJob>(&self, delay: Duration, job: J) -> Future<J::Output> {
        self.submit_by(Way::After(delay), job).unwrap_or_else(failed)
    }

    /// Submits a job and ignores its outcome. Blocks as [`submit`](Self::submit) does.
    #[track_caller]
    pub fn execute<J: PortableJob>(&self, job: J) {
        drop(self.submit(job));
    }

    /// Applies `f` to each item in parallel on the hosts, and yields the results in order; see [`Map`]. `f` is a function, not a closure: a
    /// closure has no name that a program on another machine could find.
    ///
    /// Each item is a job of its own, whatever the [`chunk_size`](Map::chunk_size): if items take less than a millisecond, let each have more
    /// to do.
    ///
    /// ```no_run
    /// use executor_nats::NatsExecutor;
    ///
    /// fn double(n: u32) -> u32 { 2 * n }
    ///
    /// let executor = NatsExecutor::connect("nats://127.0.0.1:4222", "doubles")?;
    /// let doubled: Result<Vec<u32>, _> = executor.map(0..3, double).collect();
    /// assert_eq!(doubled?, [0, 2, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If `f` is a closure.
    #[track_caller]
    pub fn map<I, F>(&self, items: I, f: F) -> Map<I::IntoIter, RemoteMapper<F>>
    where
        I: IntoIterator,
        F: Copy,
        Call<F, (I::Item,)>: PortableJob,
    {
        Map::new(items.into_iter(), RemoteMapper::new(self.0.clone(), f, Location::caller()))
    }

    #[track_caller]
    fn submit_by<J: PortableJob>(&self, way: Way, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        match self.0.submit(way, &job, open::<J>) {
            Ok(accepted) => {
                // Its copy on the host is the one that runs.
                drop_catching(job);
                Ok(accepted.future)
            }
            Err(reason) => {
                let refused = self.0.refused(reason, &job);
                Err(Rejected::with_error(job, refused))
            }
        }
    }
}

/// Turns a refusal into a failed future.
pub(super) fn failed<J: Job>(rejected: Rejected<J>) -> Future<J::Output> {
    let error = JobError::Rejected(rejected.error().clone());
    drop_catching(rejected);
    Future::failed(error)
}

/// The traits of an executor, for the executor and its handles.
macro_rules! is_executor {
    ($executor:ident) => {
        impl Shutdown for $executor {
            fn shutdown(&self, wait: bool) {
                Self::shutdown(self, wait);
            }
        }

        impl<J: PortableJob> Executor<J> for $executor {
            fn submit(&self, job: J) -> Future<J::Output> {
                Self::submit(self, job)
            }

            fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
                Self::try_submit(self, job)
            }
        }

        impl fmt::Debug for $executor {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($executor))
                    .field("name", &self.name())
                    .field("options", self.options())
                    .finish_non_exhaustive()
            }
        }
    };
}

is_executor!(NatsExecutor);
is_executor!(NatsHandle);

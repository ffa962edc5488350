//! The process pool: a scheduler whose workers send jobs to child processes.

use std::fmt;
use std::sync::Arc;

use executor_core::BuildError;
use executor_core::cell::Cell;
use executor_core::panics::drop_quietly;
use executor_core::{Executor, Future, JobError, Map, PortableJob, Rejected, Rejection, Shutdown};
use executor_thread::scheduler::{Handle, Priority, Scheduler};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ProcessPoolBuilder;
use crate::codec::{Codec, Step};
use crate::job::{Encoded, Returned};
use crate::kind::Kind;
use crate::mapper::CallMapper;
use crate::process::Pids;
use crate::runner::InProcess;

/// Processes that run jobs, for work that computes, leaks or may crash.
///
/// A job is a function with arguments that own their data ([`call!`](executor_core::call!)), or a type of yours that implements
/// [`Job`](executor_core::Job) and serde's traits. It is encoded once, when it is submitted, and run in a worker: this same
/// program, started again, in which `main` never runs. A worker that dies costs the job that it ran, which ends as
/// [`JobError::Crashed`](executor_core::JobError::Crashed); the next job gets a new one.
///
/// Workers start on demand, only when no idle one can take the job, and end with the pool, or with this process, however that ends.
/// They have `/dev/null` for stdin, share stdout and stderr, and ignore SIGINT: Ctrl-C is for this process to judge.
///
/// Dropping the pool is [`shutdown(true)`](ProcessPool::shutdown): it blocks until every accepted job has its outcome. A pool
/// in a `static` is never dropped: what is queued when the process exits is lost, so shut it down at the end of `main`.
///
/// ```
/// use executor_core::{JobError, call};
/// use executor_process::ProcessPool;
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
pub struct ProcessPool {
    scheduler: Scheduler<InProcess>,
    codec: Codec,
    pids: Arc<Pids>,
}

impl ProcessPool {
    /// A pool of up to `processes` workers.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when `processes` is 0 or over 4,096, or when this program cannot start workers; it says why.
    pub fn new(processes: usize) -> Result<Self, BuildError> {
        Self::builder().processes(processes).build()
    }

    /// A pool of as many workers as this process may use cores, which a cgroup may limit.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when this program cannot start workers; it says why.
    pub fn default_size() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// Settings first, then [`build`](ProcessPoolBuilder::build).
    pub fn builder() -> ProcessPoolBuilder {
        ProcessPoolBuilder::new()
    }

    pub(crate) fn over(scheduler: Scheduler<InProcess>, codec: Codec, pids: Arc<Pids>) -> Self {
        Self { scheduler, codec, pids }
    }

    /// The process ids of the workers that live now.
    pub fn pids(&self) -> Vec<u32> {
        self.pids.list()
    }

    /// A handle, for whoever submits without owning the pool.
    pub fn handle(&self) -> ProcessHandle {
        ProcessHandle { scheduler: self.scheduler.handle(), codec: self.codec }
    }
}

/// Submits to a [`ProcessPool`] without keeping it alive: when the pool is gone, jobs are rejected. Cheap to clone.
///
/// ```
/// use executor_core::call;
/// use executor_process::ProcessPool;
///
/// let pool = ProcessPool::new(1)?;
/// let handle = pool.handle();
/// assert_eq!(handle.submit(call!(u32::pow(2, 5))).result()?, 32);
/// drop(pool);
/// assert!(handle.submit(call!(u32::pow(2, 5))).result().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ProcessHandle {
    pub(crate) scheduler: Handle<InProcess>,
    pub(crate) codec: Codec,
}

impl ProcessHandle {
    /// Another handle to the same pool.
    pub fn handle(&self) -> ProcessHandle {
        self.clone()
    }
}

/// What a pool and its handle both do.
macro_rules! submits_portable_jobs {
    ($pool:ident) => {
        impl $pool {
            /// Encodes a job and hands it over, and returns the future of its outcome. Blocks no longer than encoding takes. A
            /// job that cannot be encoded ends as [`JobError::Codec`]; after a shutdown, it ends as [`JobError::Rejected`].
            pub fn submit<J: PortableJob>(&self, job: J) -> Future<J::Output> {
                match self.try_submit(job) {
                    Ok(future) => future,
                    Err(rejected) => Future::failed(JobError::Rejected(rejected.reason())),
                }
            }

            /// As `submit`, but gives a job that is refused back.
            ///
            /// # Errors
            ///
            /// The job, after a shutdown.
            pub fn try_submit<J: PortableJob>(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
                if !self.scheduler.is_open() {
                    return Err(Rejected::new(job, Rejection::Shutdown));
                }
                let encoded = self.codec.encode(&job.wire());
                let bytes = match encoded {
                    Ok(bytes) => bytes,
                    Err(cause) => {
                        drop_quietly(job);
                        return Ok(Future::failed(Step::EncodeJob.error::<J>(cause)));
                    }
                };
                let cell =
                    Arc::new(Cell::queued(Encoded::new(Kind::of::<J>(), bytes), open::<J>).at(self.scheduler.queue()));
                match self.scheduler.push(Priority::Normal, cell.clone()) {
                    Ok(()) => {
                        // Its copy in the worker is the one that runs.
                        drop_quietly(job);
                        Ok(Future::of(cell))
                    }
                    Err((_, reason)) => Err(Rejected::new(job, reason)),
                }
            }

            /// Hands a job over whose outcome nobody waits for. A panic in it is reported by the worker's panic hook.
            pub fn execute<J: PortableJob>(&self, job: J) {
                drop(self.submit(job));
            }

            /// Applies `f`, a function or a closure that captures nothing, to each item, in parallel and in order; see [`Map`].
            pub fn map<I, F, R>(&self, items: I, f: F) -> Map<I::IntoIter, CallMapper<F>>
            where
                I: IntoIterator<Item: Serialize + DeserializeOwned + Send + 'static>,
                F: Fn(I::Item) -> R + Copy + Send + 'static,
                R: Serialize + DeserializeOwned + Send + 'static,
            {
                Map::new(items.into_iter(), CallMapper::new(self.handle(), f))
            }

            /// How many jobs run at once.
            pub fn workers(&self) -> usize {
                self.scheduler.workers()
            }

            /// Takes no more jobs; see [`Shutdown::shutdown`]. With `wait`, blocks until the last process is gone.
            pub fn shutdown(&self, wait: bool) {
                self.scheduler.shutdown(wait);
            }
        }

        impl Shutdown for $pool {
            fn shutdown(&self, wait: bool) {
                self.scheduler.shutdown(wait);
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
                f.debug_struct(stringify!($pool)).field("workers", &self.workers()).finish_non_exhaustive()
            }
        }
    };
}

submits_portable_jobs!(ProcessPool);
submits_portable_jobs!(ProcessHandle);

/// Decodes a result, on the thread of whoever takes it.
fn open<J: PortableJob>(returned: Returned) -> Result<J::Output, JobError> {
    let Returned { codec, bytes, .. } = returned;
    codec.decode_output(&bytes.0).map_err(|cause| Step::DecodeResult.error::<J>(cause))
}

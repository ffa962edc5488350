//! The pools on which a host can run jobs.

use std::pin::Pin;
use std::sync::Arc;

use executor_core::{Future, JobOptions, Pool};
use executor_process::remote::{RemoteJob, RemoteResult};
use executor_process::{ProcessHandle, ProcessPool};
use executor_thread::{ThreadHandle, ThreadPool};

/// A pool on which [`serve`](crate::serve()) runs jobs: a `ThreadPool`, a `ProcessPool`, or a handle of one.
pub trait Host {
    /// Returns the part of the pool that runs jobs.
    #[doc(hidden)]
    fn to_runner(&self) -> Arc<dyn Runner>;
}

/// A job on its way into the queue of a pool.
#[doc(hidden)]
pub(crate) type Submitting = Pin<Box<dyn std::future::Future<Output = Option<Future<RemoteResult>>>>>;

/// Runs jobs on a pool of this host.
#[doc(hidden)]
pub trait Runner: Send + Sync {
    /// Waits for room, if the pool has a bounded queue. `None` if the pool takes no job any more.
    fn submit(&self, options: JobOptions, job: RemoteJob) -> Submitting;
    fn workers(&self) -> usize;
}

macro_rules! host {
    ($($pool:ty, $handle:ty;)*) => {
        $(
            impl Host for $pool {
                fn to_runner(&self) -> Arc<dyn Runner> {
                    Arc::new(self.handle())
                }
            }

            impl Host for $handle {
                fn to_runner(&self) -> Arc<dyn Runner> {
                    Arc::new(self.clone())
                }
            }

            impl Runner for $handle {
                fn submit(&self, options: JobOptions, job: RemoteJob) -> Submitting {
                    let submitting = self.with(options).submit_async(job);
                    Box::pin(async move { submitting.await.ok() })
                }

                fn workers(&self) -> usize {
                    Pool::workers(self)
                }
            }
        )*
    };
}

host! {
    ThreadPool, ThreadHandle;
    ProcessPool, ProcessHandle;
}

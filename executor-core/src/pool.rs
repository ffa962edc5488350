//! The methods that all pools share, whatever jobs they run.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::dump::Dump;
use crate::executor::Shutdown;
use crate::future::Future;
use crate::job_counters::JobCounters;
use crate::recording::{NotMeasured, Recording};
use crate::shutdown::{ShutdownPolicy, ShutdownReport};
use crate::stats::Stats;

/// The methods that all pools and handles share, whatever jobs they run. Object-safe: use `&dyn Pool` in code that watches or shuts
/// down any pool.
///
/// The pools have inherent methods of the same names, so the trait is needed in generic code only.
///
/// ```
/// use std::time::{Duration, Instant};
/// use executor::{Pool, ShutdownPolicy, ThreadPool};
///
/// /// Shuts all pools down, within one time limit. Returns whether every job has completed.
/// fn end(pools: &[&dyn Pool], limit: Duration) -> bool {
///     let deadline = Instant::now() + limit;
///     let are_idle = pools.iter().all(|pool| pool.wait_idle_until(deadline));
///     let reports = pools.iter().map(|pool| pool.shutdown_with(ShutdownPolicy::kill()));
///     reports.fold(are_idle, |are_clean, report| are_clean && report.is_clean())
/// }
/// assert!(end(&[&ThreadPool::new(1), &ThreadPool::new(2)], Duration::from_secs(5)));
/// ```
pub trait Pool: Shutdown {
    /// Returns how many jobs the pool runs at once, at most.
    fn workers(&self) -> usize;

    /// Returns what the pool is doing, and how its jobs have ended so far. Never blocks.
    fn stats(&self) -> Stats;

    /// Starts all workers that are not running yet. Does not wait until they are ready.
    fn prestart(&self);

    /// Blocks until no job is queued, delayed or running. On a worker of this pool, returns at once.
    fn wait_idle(&self);

    /// Like [`wait_idle`](Pool::wait_idle), but only until `deadline`. Returns whether the pool is idle.
    fn wait_idle_until(&self, deadline: Instant) -> bool;

    /// Like [`wait_idle`](Pool::wait_idle), but for at most `limit`. Returns whether the pool is idle. A limit beyond the clock's range
    /// means no limit.
    fn wait_idle_timeout(&self, limit: Duration) -> bool {
        let Some(deadline) = Instant::now().checked_add(limit) else {
            self.wait_idle();
            return true;
        };
        self.wait_idle_until(deadline)
    }

    /// Returns a report of what each worker runs, what waits for what, and why nothing moves. Blocks for a short time at most, also if the
    /// pool is stuck.
    fn dump(&self) -> Dump;

    /// Returns a future that is ready when the pool is shut down and its last worker has ended. Does not shut the pool down itself.
    fn closed(&self) -> Future<()>;

    /// Closes the pool, and drains, cancels or stops its jobs as `policy` says. Blocks until the pool is empty or the policy's time limit
    /// is over. On a worker of this pool, does not block. Returns how the pool's jobs ended.
    fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport;

    /// Starts a [`Recording`] of the pool: which worker runs which job, when, and how the job ends. To record several pools together, use
    /// [`Recording::of`].
    ///
    /// # Errors
    ///
    /// [`NotMeasured`] if the pool was built without `measure(true)`.
    fn record(&self) -> Result<Recording, NotMeasured> {
        Recording::start([self.counters()].into_iter())
    }

    /// For authors of tools: returns the counters of the pool, with the jobs that run and the [`Observers`](crate::observe::Observers) if
    /// the pool was built with `measure(true)`. Default: `None`, for a pool that counts in another way.
    fn counters(&self) -> Option<Arc<JobCounters>> {
        None
    }
}

/// Implements [`Pool`] by a type's inherent methods of the same names, and by the methods in the braces.
#[doc(hidden)]
#[macro_export]
macro_rules! impl_pool_by_methods {
    ($handle:ident { $($method:tt)* }) => {
        impl $crate::Pool for $handle {
            fn workers(&self) -> usize {
                Self::workers(self)
            }

            fn stats(&self) -> $crate::Stats {
                Self::stats(self)
            }

            fn prestart(&self) {
                Self::prestart(self);
            }

            fn wait_idle(&self) {
                Self::wait_idle(self);
            }

            fn wait_idle_until(&self, deadline: ::std::time::Instant) -> bool {
                Self::wait_idle_until(self, deadline)
            }

            fn dump(&self) -> $crate::Dump {
                Self::dump(self)
            }

            fn closed(&self) -> $crate::Future<()> {
                Self::closed(self)
            }

            fn shutdown_with(&self, policy: $crate::ShutdownPolicy) -> $crate::ShutdownReport {
                Self::shutdown_with(self, policy)
            }

            $($method)*
        }
    };
}

/// Every pool that derefs to its handle.
impl<P> Pool for P
where
    P: Shutdown + Deref<Target: Pool>,
{
    fn workers(&self) -> usize {
        (**self).workers()
    }

    fn stats(&self) -> Stats {
        (**self).stats()
    }

    fn prestart(&self) {
        (**self).prestart();
    }

    fn wait_idle(&self) {
        (**self).wait_idle();
    }

    fn wait_idle_until(&self, deadline: Instant) -> bool {
        (**self).wait_idle_until(deadline)
    }

    fn wait_idle_timeout(&self, limit: Duration) -> bool {
        (**self).wait_idle_timeout(limit)
    }

    fn dump(&self) -> Dump {
        (**self).dump()
    }

    fn closed(&self) -> Future<()> {
        (**self).closed()
    }

    fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        (**self).shutdown_with(policy)
    }

    fn counters(&self) -> Option<Arc<JobCounters>> {
        (**self).counters()
    }
}

impl Recording {
    /// Starts a recording of several pools, such as those of a pipeline. Pools whose workers have the same names share rows, so give each
    /// pool a name of its own.
    ///
    /// ```
    /// use executor::{Recording, ThreadPool};
    ///
    /// let readers = ThreadPool::builder().threads(1).name("read").measure(true).build()?;
    /// let parsers = ThreadPool::builder().threads(1).name("parse").measure(true).build()?;
    /// let recording = Recording::of(&[&readers, &parsers])?;
    /// let text = readers.submit(|| "6 * 7").result()?;
    /// parsers.submit(|| text.len()).result()?;
    /// let picture = recording.svg();
    /// assert!(picture.contains("read-0") && picture.contains("parse-0"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotMeasured`] if a pool was built without `measure(true)`.
    pub fn of(pools: &[&dyn Pool]) -> Result<Self, NotMeasured> {
        Self::start(pools.iter().map(|pool| pool.counters()))
    }
}

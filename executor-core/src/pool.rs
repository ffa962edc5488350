//! The methods of every pool, whatever jobs it runs.

use std::ops::Deref;
use std::time::{Duration, Instant};

use crate::executor::Shutdown;
use crate::future::Future;
use crate::shutdown::{ShutdownPolicy, ShutdownReport};
use crate::stats::Stats;

/// The methods of every pool and handle, whatever jobs it runs: for code that watches or ends any pool, as `&dyn Pool`.
///
/// The pools have these methods themselves, so the trait is needed in generic code only.
///
/// ```
/// use std::time::{Duration, Instant};
/// use executor::{Pool, ShutdownPolicy};
///
/// /// Ends each pool, within the same time for all.
/// fn end(pools: &[&dyn Pool], limit: Duration) -> bool {
///     let deadline = Instant::now() + limit;
///     let are_idle = pools.iter().all(|pool| pool.wait_idle_until(deadline));
///     let reports = pools.iter().map(|pool| pool.shutdown_with(ShutdownPolicy::kill()));
///     reports.fold(are_idle, |are_clean, report| are_clean && report.is_clean())
/// }
/// # assert!(end(&[], Duration::ZERO));
/// ```
pub trait Pool: Shutdown {
    /// How many jobs run at the same time, at most.
    fn workers(&self) -> usize;

    /// Returns what the pool is doing and how its jobs ended so far. Never blocks.
    fn stats(&self) -> Stats;

    /// Starts the workers that have not been started. Returns at once.
    fn prestart(&self);

    /// Blocks until nothing is queued, delayed or running. On a worker of this pool, returns at once.
    fn wait_idle(&self);

    /// The same, until `deadline` at most. Returns whether the pool is idle.
    fn wait_idle_until(&self, deadline: Instant) -> bool;

    /// The same, for at most `limit`. A limit beyond the clock's range is none.
    fn wait_idle_timeout(&self, limit: Duration) -> bool {
        let Some(deadline) = Instant::now().checked_add(limit) else {
            self.wait_idle();
            return true;
        };
        self.wait_idle_until(deadline)
    }

    /// A future that ends when the pool is shut down, and its last worker is gone.
    fn closed(&self) -> Future<()>;

    /// Shuts down as `policy` says, and tells what became of the jobs that the pool had. Blocks as long as the policy allows; not on a
    /// worker of this pool.
    fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport;
}

/// A pool that derefs to its handle can be asked what the handle can.
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

    fn closed(&self) -> Future<()> {
        (**self).closed()
    }

    fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        (**self).shutdown_with(policy)
    }
}

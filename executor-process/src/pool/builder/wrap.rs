//! The setting of code around jobs.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ProcessPoolBuilder;
use crate::pool::wrap::Wrapper;

impl ProcessPoolBuilder {
    /// Sets code that runs around each job, with a value that is captured where the job is submitted: to carry a trace's id or a
    /// language from the submitter to the job.
    ///
    /// `capture` runs on the submitter's thread. The value is encoded by the pool's codec, and sent with the job. In the worker, `around`
    /// gets the value, and runs the job by calling its second argument. `around` is a function, or a closure that captures nothing. If
    /// `wrap_jobs` is called several times, the first function is the outermost.
    ///
    /// `capture` runs once for each call that submits: for each item or chunk of a `map`, and for all workers of a `broadcast` together. All
    /// runs of [`every`](crate::ProcessHandle::every), and all attempts of a job, have the same value. `around` runs around each item of a
    /// `map`. The time limit of a job includes `around`.
    ///
    /// If `capture` panics, the job's future ends as [`JobError::Panicked`](executor_core::JobError::Panicked). So does a job whose
    /// `around` panics, or returns without running the job. If a value cannot be encoded or decoded, that job ends as
    /// [`JobError::Codec`](executor_core::JobError::Codec). All values of a job may have 16 KiB together, and hold no handle such as a
    /// [`Blob`](crate::Blob): pass those as arguments.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use executor::{ProcessPool, call};
    ///
    /// thread_local!(static REQUEST: Cell<u32> = const { Cell::new(0) });
    ///
    /// fn request() -> u32 { REQUEST.get() }
    ///
    /// fn in_request(request: &u32, run: &mut dyn FnMut()) {
    ///     REQUEST.set(*request);
    ///     run();
    ///     REQUEST.set(0);
    /// }
    ///
    /// let pool = ProcessPool::builder().processes(1).wrap_jobs(request, in_request).build()?;
    /// REQUEST.set(7);
    /// assert_eq!(pool.submit(call!(request())).result()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wrap_jobs<V>(
        mut self,
        capture: impl Fn() -> V + Send + Sync + 'static,
        around: fn(&V, &mut dyn FnMut()),
    ) -> Self
    where
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.wrappers.push(Wrapper::new(capture, around));
        self
    }
}

//! The setting of code around jobs.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ProcessPoolBuilder;
use crate::pool::wrap::Wrapper;

impl ProcessPoolBuilder {
    /// Runs each job in a span of the crate `tracing`, whose parent is the span in which the job was submitted, and passes the spans and events of
    /// jobs on to the global subscriber of this process. So the trace of a request shows what its jobs did, as if they had run here.
    ///
    /// The span is called `job`, of level `INFO` and target `executor`. Its fields are `id`, `name`, `executor` (the pool's
    /// [`name`](Self::name)), `waited_ms` (the time until the job was sent to a worker), `attempt`, and at the end `outcome`. If the job
    /// panics, crashes or fails in another way, an event of level `ERROR` in the span has the error. All items of a chunk of a `map` are
    /// in one span.
    ///
    /// **In the worker**, spans and events up to the level that this process wants when the worker starts are sent here. They arrive in their
    /// order and before the job's outcome, also if the job crashes right after them. An initializer that sets a subscriber of its own
    /// keeps that, and nothing is sent; for events of the initializer itself, see [`forward_traces`](crate::forward_traces). The subscriber
    /// of this process is not told when a worker enters and leaves its spans, so it cannot tell how long they were busy.
    ///
    /// **Limits.** The subscriber is called on a thread of the pool, so it cannot hold up a job for more than 5 ms. If the subscriber is
    /// slower than the worker, records are dropped, and an event of level `WARN` tells their number. An outcome waits 1 s for the
    /// subscriber at most. A panic of the subscriber costs one record. All values of a record may have 16 KiB.
    ///
    /// ```
    /// use executor::{ProcessPool, call};
    /// use tracing::{info, info_span};
    ///
    /// fn send(to: String) { info!(to, "sends a mail") }
    ///
    /// tracing_subscriber::fmt().init();
    /// let pool = ProcessPool::builder().processes(1).name("mailer").trace_jobs().build()?;
    /// let request = info_span!("request", number = 7);
    /// let sent = request.in_scope(|| pool.submit(call!(send("a@example.com".to_owned()))));
    /// // INFO request{number=7}:job{id=1 name="…" executor="mailer" waited_ms=0.1 attempt=1}: sends a mail to="a@example.com"
    /// sent.result()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tracing")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub fn trace_jobs(mut self) -> Self {
        self.traces = true;
        self
    }

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

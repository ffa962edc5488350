//! The options of a job: name, tag, priority, delay and time limits.

use std::sync::Arc;
use std::time::Duration;

use crate::label::Label;

/// The order in which queued jobs start. Jobs of one priority start in the order in which they were submitted.
///
/// Low jobs are never starved: the first of them starts after at most 100 jobs of higher priority.
///
/// ```
/// use std::sync::mpsc;
/// use executor::{JobOptions, Priority, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// let (go_on, blocked) = mpsc::channel::<()>();
/// let busy = pool.submit(move || blocked.recv());
/// let (done, order) = mpsc::channel();
/// for (priority, name) in [(Priority::Low, "low"), (Priority::Normal, "normal"), (Priority::High, "high")] {
///     let done = done.clone();
///     pool.with(JobOptions::new().priority(priority)).execute(move || done.send(name).unwrap_or_default());
/// }
/// go_on.send(())?;
/// assert_eq!(order.iter().take(3).collect::<Vec<_>>(), ["high", "normal", "low"]);
/// # busy.result()??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Starts before the others.
    High,
    /// The default.
    #[default]
    Normal,
    /// Starts when no other job waits, and now and then in between.
    Low,
}

/// The options of a job: name, tag, priority, delay, time limits and retries. Give them to `with`, on any pool or handle.
///
/// ```
/// use executor::{JobOptions, Priority, ThreadPool, current};
///
/// let pool = ThreadPool::new(2);
/// let urgent = pool.with(JobOptions::new().name("thumbnail").priority(Priority::High));
/// assert_eq!(urgent.submit(current::name).result()?, Some("thumbnail".into()));
/// # Ok::<(), executor::JobError>(())
/// ```
///
/// Authors of executors read them by [`values`](JobOptions::values):
///
/// ```
/// use std::time::Duration;
/// use executor::{JobOptions, Priority};
///
/// let options = JobOptions::new().name("thumbnail").priority(Priority::Low).timeout(Duration::from_secs(5));
/// assert_eq!(options.values().timeout, Some(Duration::from_secs(5)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "options do nothing until they are passed to `with`"]
pub struct JobOptions {
    values: OptionValues,
}

/// For authors of executors: the values of [`JobOptions`], as its methods of the same names set them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionValues {
    /// The name and the tag.
    pub label: Option<Arc<Label>>,
    /// The priority.
    pub priority: Priority,
    /// The time before the job is queued.
    pub delay: Option<Duration>,
    /// The time that the job may run.
    pub timeout: Option<Duration>,
    /// The time that the job may wait in the queue.
    pub start_by: Option<Duration>,
    /// How many times the job may be run again.
    pub retry: Option<u32>,
}

impl JobOptions {
    /// No options: no name, normal priority, no delay, no time limits, and the pool's number of retries.
    pub const fn new() -> Self {
        let priority = Priority::Normal;
        Self { values: OptionValues { label: None, priority, delay: None, timeout: None, start_by: None, retry: None } }
    }

    /// Sets the name of the job, which errors show instead of the path of its type or function. The job reads it with
    /// [`current::name`](crate::current::name); in another process, it is cut off after 1 KiB.
    pub fn name(self, name: impl Into<Arc<str>>) -> Self {
        self.labelled(|label| label.name = Some(name.into()))
    }

    /// Sets a tag, such as the id of the request that the job belongs to. The job reads it with
    /// [`current::tag`](crate::current::tag); in another process, it is cut off after 1 KiB.
    pub fn tag(self, tag: impl Into<Arc<str>>) -> Self {
        self.labelled(|label| label.tag = Some(tag.into()))
    }

    /// Sets the priority. Default: [`Priority::Normal`].
    pub fn priority(mut self, priority: Priority) -> Self {
        self.values.priority = priority;
        self
    }

    /// Delays the job: it is queued once `delay` is over. A shutdown waits for it. Default: no delay.
    ///
    /// Ignored by `submit_after` and `every`, which have times of their own.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.values.delay = Some(delay);
        self
    }

    /// Limits the time that the job may run; in a `map`, the time of each item. Default: no limit.
    ///
    /// When the time is over, the job's future ends as [`JobError::TimedOut`](crate::JobError::TimedOut) at once.
    ///
    /// - On a thread, [`current::stop_requested`](crate::current::stop_requested) becomes true. The thread is busy until the job returns.
    /// - In a process, the worker process is killed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{JobError, JobOptions, ThreadPool, current};
    ///
    /// let pool = ThreadPool::new(1);
    /// let limited = pool.with(JobOptions::new().timeout(Duration::from_millis(5)));
    /// let endless = limited.submit(|| while !current::stop_requested() { std::thread::yield_now() });
    /// assert!(matches!(endless.result(), Err(JobError::TimedOut(_))));
    /// ```
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.values.timeout = Some(limit);
        self
    }

    /// Limits the time that the job may wait in the queue. It begins when the job's delay is over. Default: no limit.
    ///
    /// If the job has not started by then, it never starts, and its future ends as
    /// [`JobError::TimedOut`](crate::JobError::TimedOut). The values that it captured are dropped soon after, on a thread of the pool.
    pub fn start_by(mut self, limit: Duration) -> Self {
        self.values.start_by = Some(limit);
        self
    }

    /// Allows `n` more runs of the job if its worker process dies. For jobs that may run twice without harm. Default: the number that the
    /// pool was built with, which is 0 by default.
    ///
    /// A job that panics, is aborted or times out is not run again, nor is a job with ends of channels in its arguments: these are lost with
    /// the process. Thread pools ignore this option, since threads do not die. In the
    /// job, [`current::attempt`](crate::current::attempt) counts the runs.
    ///
    /// ```
    /// use executor::JobOptions;
    ///
    /// assert_eq!(JobOptions::new().retry(2).values().retry, Some(2));
    /// ```
    pub fn retry(mut self, n: u32) -> Self {
        self.values.retry = Some(n);
        self
    }

    /// For authors of executors: returns the values that were set.
    pub const fn values(&self) -> &OptionValues {
        &self.values
    }

    fn labelled(mut self, change: impl FnOnce(&mut Label)) -> Self {
        change(Arc::make_mut(self.values.label.get_or_insert_default()));
        self
    }
}

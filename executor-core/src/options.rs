//! A job's options: name, tag, priority, delay and time limits.

use std::sync::Arc;
use std::time::Duration;

use crate::label::Label;

/// Which jobs start first. Low ones are never starved: every few jobs, the others let one go first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Before the others.
    High,
    /// The usual one.
    #[default]
    Normal,
    /// When nothing else waits, and now and then all the same.
    Low,
}

/// Options of a job, for the `with` of a pool.
///
/// ```
/// use std::time::Duration;
/// use executor::{JobOptions, Priority};
///
/// let options = JobOptions::new().name("thumbnail").priority(Priority::Low).timeout(Duration::from_secs(5));
/// assert_eq!(options.values().timeout, Some(Duration::from_secs(5)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "options do nothing until a pool is given them"]
pub struct JobOptions {
    values: OptionValues,
}

/// For those who write executors: the values of [`JobOptions`], as its methods of the same names set them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionValues {
    /// Name and tag.
    pub label: Option<Arc<Label>>,
    /// Which jobs start before this one.
    pub priority: Priority,
    /// The time before the job is queued.
    pub delay: Option<Duration>,
    /// The time that it may run.
    pub timeout: Option<Duration>,
    /// The time that it may wait in the queue.
    pub start_by: Option<Duration>,
    /// How many times more it may be run.
    pub retry: Option<u32>,
}

impl JobOptions {
    /// No options: an unnamed job of normal priority, to start as soon as it can and to run as long as it likes.
    pub const fn new() -> Self {
        let priority = Priority::Normal;
        Self { values: OptionValues { label: None, priority, delay: None, timeout: None, start_by: None, retry: None } }
    }

    /// The name in errors, in place of its type's; in the job, [`current::name`](crate::current::name), in another process the first KiB of it.
    pub fn name(self, name: impl Into<Arc<str>>) -> Self {
        self.labelled(|label| label.name = Some(name.into()))
    }

    /// Says to which thing the job belongs, such as a request. The job reads it by [`current::tag`](crate::current::tag); in another
    /// process, it is cut off after 1 KiB.
    pub fn tag(self, tag: impl Into<Arc<str>>) -> Self {
        self.labelled(|label| label.tag = Some(tag.into()))
    }

    /// Which jobs start before this one.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.values.priority = priority;
        self
    }

    /// Queue the job only once `delay` is over. A shutdown waits for it. The delay of a `submit_after`, and the times of an `every`, go before this one.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.values.delay = Some(delay);
        self
    }

    /// The time that it may run; of a `map`, the time that an item may. When that is over, its future ends as [`JobError::TimedOut`](crate::JobError::TimedOut) at once;
    /// on a thread, [`current::stop_requested`](crate::current::stop_requested) becomes true, and the worker is free when the job returns;
    /// in a process, the worker is killed.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.values.timeout = Some(limit);
        self
    }

    /// The time that it may wait in the queue, which begins when its delay is over. If it has not started by then, it never
    /// does, and ends as [`JobError::TimedOut`](crate::JobError::TimedOut). An idle thread of the pool then drops the values that the
    /// job captured; the timer thread does not, since such a drop may take long.
    pub fn start_by(mut self, limit: Duration) -> Self {
        self.values.start_by = Some(limit);
        self
    }

    /// May be run again after its worker process died, `n` more times: for jobs that can be run twice without harm. Default: the number that the
    /// pool was built with, or 0. A job that panics, is aborted or runs out of its time is not run again. Threads
    /// do not die, so a thread pool ignores this. In the job, [`current::attempt`](crate::current::attempt) counts the runs.
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

    /// For those who write executors: what was set.
    pub const fn values(&self) -> &OptionValues {
        &self.values
    }

    fn labelled(mut self, change: impl FnOnce(&mut Label)) -> Self {
        change(Arc::make_mut(self.values.label.get_or_insert_default()));
        self
    }
}

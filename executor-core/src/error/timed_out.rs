//! A job whose time was up.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::backtrace::{Backtrace, BacktraceTail};
use super::line::line_or_all;
use super::saved::{Saved, SavedNote};

/// A job that was not done in its time, or had not started in the time that it could wait: [`has_started`](TimedOut::has_started) tells which.
///
/// `{}` is one line, and cheap. `{:#}` also tells the file that keeps the job, and ends with the [backtrace](TimedOut::backtrace), a line for
/// each function, where there is one: the first time, that reads the program's symbols, which can take a second or more.
///
/// Where the pool keeps failed jobs as files, the error is told first and the file is written behind: [`saved`](TimedOut::saved) and
/// `{:#}` wait for it.
#[derive(Clone, Debug)]
pub struct TimedOut(Arc<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    job: Arc<str>,
    limit: Duration,
    has_started: bool,
    backtrace: Option<Backtrace>,
    saved: Option<Saved>,
}

impl TimedOut {
    /// For those who write executors: `job` was not done within `limit`.
    pub fn new(job: impl Into<Arc<str>>, limit: Duration) -> Self {
        Self(Arc::new(Parts { job: job.into(), limit, has_started: true, backtrace: None, saved: None }))
    }

    /// For those who write executors: `job` had not started within `limit`, and never will.
    pub fn not_started(job: impl Into<Arc<str>>, limit: Duration) -> Self {
        Self(Arc::new(Parts { job: job.into(), limit, has_started: false, backtrace: None, saved: None }))
    }

    /// For those who write executors: where it was when its time was up.
    #[must_use]
    pub fn with_backtrace(mut self, backtrace: Option<Backtrace>) -> Self {
        Arc::make_mut(&mut self.0).backtrace = backtrace;
        self
    }

    /// For those who write executors: what became of keeping it.
    #[must_use]
    pub fn with_saved(mut self, saved: Option<Saved>) -> Self {
        Arc::make_mut(&mut self.0).saved = saved;
        self
    }

    /// The job's name.
    pub fn job(&self) -> &str {
        &self.0.job
    }

    /// Whether the job ran for too long. If false, it waited for too long ([`start_by`](crate::JobOptions::start_by)), and nothing of it has run.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::TimedOut;
    ///
    /// let waited = TimedOut::not_started("poll", Duration::from_secs(5));
    /// assert!(!waited.has_started());
    /// assert_eq!(waited.to_string(), "job `poll` did not start within 5 s; raise the limit or add workers");
    /// ```
    pub fn has_started(&self) -> bool {
        self.0.has_started
    }

    /// The time that it was given.
    pub fn limit(&self) -> Duration {
        self.0.limit
    }

    /// Where it was when its time was up. `None` where that is not known: on threads, and where its process did not answer
    /// within a millisecond.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.0.backtrace.as_ref()
    }

    /// The file that keeps the job, where the pool keeps those that fail. Blocks until it is written, which goes on for as long as the
    /// disk takes after the job's process is dead.
    pub fn saved(&self) -> Option<&Path> {
        self.0.saved.as_ref().and_then(Saved::path)
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { job, limit, has_started, backtrace, saved } = &*self.0;
        if *has_started {
            line_or_all(
                f,
                format_args!("job `{job}` did not finish within {}; raise the limit or split the job", Spaced(*limit)),
            )?;
        } else {
            let cure = "raise the limit or add workers";
            line_or_all(f, format_args!("job `{job}` did not start within {}; {cure}", Spaced(*limit)))?;
        }
        if f.alternate() {
            write!(f, "{}{}", SavedNote(saved.as_ref()), BacktraceTail(backtrace.as_ref()))
        } else {
            Ok(())
        }
    }
}

impl Error for TimedOut {}

/// A duration with a space between the number and the unit: `1.5 s`.
struct Spaced(Duration);

impl fmt::Display for Spaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:?}", self.0);
        let (number, unit) = text.split_at(text.find(char::is_alphabetic).unwrap_or(text.len()));
        write!(f, "{number} {unit}")
    }
}

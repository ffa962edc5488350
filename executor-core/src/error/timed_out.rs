//! The error of a job that exceeded its time limit.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::backtrace::{Backtrace, BacktraceTail};
use super::line::line_or_all;
use super::saved::{Saved, SavedNote};

/// The job did not finish within its [`timeout`](crate::JobOptions::timeout), or did not start within its
/// [`start_by`](crate::JobOptions::start_by): [`has_started`](TimedOut::has_started) tells which.
///
/// `{}` writes one line. `{:#}` adds the file that the job was [saved](TimedOut::saved) to, and the [backtrace](TimedOut::backtrace). The
/// first `{:#}` reads the program's symbols, which can take a second or more, and waits until the file is written.
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
    /// For authors of executors: `job` did not finish within `limit`.
    pub fn new(job: impl Into<Arc<str>>, limit: Duration) -> Self {
        Self(Arc::new(Parts { job: job.into(), limit, has_started: true, backtrace: None, saved: None }))
    }

    /// For authors of executors: `job` did not start within `limit`, and never will.
    pub fn not_started(job: impl Into<Arc<str>>, limit: Duration) -> Self {
        Self(Arc::new(Parts { job: job.into(), limit, has_started: false, backtrace: None, saved: None }))
    }

    /// For authors of executors: sets the backtrace of the job at the end of its time.
    #[must_use]
    pub fn with_backtrace(mut self, backtrace: Option<Backtrace>) -> Self {
        Arc::make_mut(&mut self.0).backtrace = backtrace;
        self
    }

    /// For authors of executors: sets the file that the job was saved to, or why there is none.
    #[must_use]
    pub fn with_saved(mut self, saved: Option<Saved>) -> Self {
        Arc::make_mut(&mut self.0).saved = saved;
        self
    }

    /// Returns the name that the job was given, or else the path of its function or type.
    pub fn job(&self) -> &str {
        &self.0.job
    }

    /// Returns true if the job ran for too long, and false if it waited for too long ([`start_by`](crate::JobOptions::start_by)) and never
    /// started.
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

    /// Returns the time limit.
    pub fn limit(&self) -> Duration {
        self.0.limit
    }

    /// Returns the functions that the job was in when its time was over. `None` for jobs on threads, and if the process did not answer within
    /// 1 ms.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.0.backtrace.as_ref()
    }

    /// Returns the file that the job was saved to, if the pool was built with `keep_failed`. Blocks until the file is written, which happens
    /// in the background.
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
#[derive(Clone, Copy, Debug)]
pub struct Spaced(pub Duration);

impl fmt::Display for Spaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:?}", self.0);
        let (number, unit) = text.split_at(text.find(char::is_alphabetic).unwrap_or(text.len()));
        write!(f, "{number} {unit}")
    }
}

//! The jobs of a measured pool: those that run now, and each of them when it has run. For authors of executors and of tools.
//!
//! A pool that was built with `measure(true)` keeps a list of the jobs that run, and reports each job that has run to its [`Observer`]s.
//! A job that was cancelled, or ended in another way before it could start, is in neither.

pub(crate) mod job;
pub(crate) mod observers;

pub use self::job::{EndedJob, JobDescription, JobOutcome, Observer, RunningJob};
pub use self::observers::{Observers, measures_all};

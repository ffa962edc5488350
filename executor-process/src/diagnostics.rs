//! Turns a death or a time-out into a `JobError` with its cause, backtrace and peak memory.

pub(crate) mod failed_job;
pub(crate) mod inspect;
pub(crate) mod report;
pub(crate) mod saved_job;
pub(crate) mod symbolize;

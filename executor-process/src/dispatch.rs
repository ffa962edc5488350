//! The pool's worker thread: gives jobs to its worker process, and brings each to its outcome.

pub(crate) mod chunk;
pub(crate) mod encoded_result;
pub(crate) mod exchange;
pub(crate) mod job;
pub(crate) mod job_type;
pub(crate) mod kill_switch;
pub(crate) mod measured_run;
pub(crate) mod restart_budget;
pub(crate) mod run_time;
pub(crate) mod runner;
pub(crate) mod settings;
pub(crate) mod time_limit;
pub(crate) mod worker_loss;
#[cfg(all(test, not(loom)))]
mod worker_stops;

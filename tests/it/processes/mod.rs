//! Behaviour of process pools alone.

mod aborts;
mod ahead;
mod blobs;
mod budget;
mod captured_output;
mod channels;
mod chunks;
mod constructors;
mod crashes;
mod deaths;
mod duplexes;
mod environment;
mod exhaustion;
mod failing_calls;
mod failing_starts;
mod gigabytes;
mod initializers;
mod ipc_handles;
mod kept_files;
mod large_payloads;
#[cfg(feature = "log")]
mod log_records;
mod long_texts;
mod manager;
mod managing;
mod matrix;
mod nesting;
mod number_lists;
pub(crate) mod odd_parents;
mod options;
pub(crate) mod orphans;
mod out_of_memory;
mod output_handlers;
mod payloads;
mod queues;
mod recycling;
pub(crate) mod rendezvous;
mod replay;
mod shared_values;
mod shortages;
mod spawned;
pub(crate) mod spawned_leftovers;
mod start_storms;
mod starts;
mod storm;
pub(crate) mod surroundings;
mod template_ends;
mod templates;
mod terminations;
#[cfg(feature = "tracing")]
mod traces;
mod values;
mod wrapped_jobs;

use executor::{JobError, ProcessPool, call};

/// A pool of `n` processes.
fn pool(n: usize) -> ProcessPool {
    ProcessPool::new(n).expect("this program can start workers")
}

fn pid() -> u32 {
    std::process::id()
}

/// The worker of a pool of one, which is alive afterwards.
fn worker_of(pool: &ProcessPool) -> u32 {
    let pid = pool.submit(call!(pid())).result().expect("the pool works");
    crate::support::eventually("one that was replaced is gone", || pool.pids() == [pid]);
    pid
}

fn is_cancelled<T>(outcome: &Result<T, JobError>) -> bool {
    matches!(outcome, Err(JobError::Cancelled(_)))
}

//! The errors of jobs that failed in a worker, with all that is known of why.

use std::thread;
use std::time::{Duration, Instant};

use executor_core::__private::Spaced;
use executor_core::{Broken, Crashed, Exit, JobError, Saved, TimedOut};

use crate::diagnostics::failed_job::FailedJob;
use crate::diagnostics::saved_job::{self, Unsaved};
use crate::diagnostics::symbolize;
use crate::protocol::crash_record::{CrashRecord, NO_ADDRESS, Trace};
use crate::supervisor::child::{Child, Ended};
use crate::supervisor::output::Output;
use crate::supervisor::start::Worker;
use crate::worker::crash_handler::locate_signal;

/// The time that a worker has to say where it is. It may be unable to.
const ANSWER_LIMIT: Duration = Duration::from_millis(1);

impl FailedJob {
    /// Its worker died while it ran, and is reaped.
    pub(crate) fn crashed(&self, worker: &Worker, ended: Ended, ran: Duration) -> JobError {
        let (name, pid) = (self.type_name, worker.process.pid());
        let Some(exit) = ended else {
            return JobError::Broken(Broken::new(format!(
                "its worker process {pid} died while running `{name}`, and its exit status is unknown: other code in \
                 this program collects the exit status of every child process (it ignores SIGCHLD, or calls `wait` \
                 for any child)"
            )));
        };
        let record = worker.claims.page.trace();
        let trace = record.read().filter(|trace| self.is_of(trace, exit));
        let peak_memory = peak_memory(worker.process.peak_memory(), record.floor(), trace.as_ref());
        let refusal = trace.as_ref().and_then(|trace| self.settings.environment.refusal(trace));
        let refusal = refusal.map(|refusal| format!("{refusal}, or split the job"));
        let is_out_of_memory = refusal.is_some() || trace.is_none() && worker.process.was_killed_for_memory();
        let crash = Crashed::new(name, pid, exit, ran)
            .with_name(self.name())
            .with_cause(refusal.or_else(|| cause_of_death(worker, trace.as_ref())))
            .with_out_of_memory(is_out_of_memory)
            .with_peak_memory(peak_memory)
            .with_stderr(worker.listener.output.as_ref().map(Output::stderr))
            .with_backtrace(trace.and_then(|trace| symbolize::backtrace(trace, self.entry, self.type_name)));
        let saved = self.save(&format_args!("its process {exit}"));
        JobError::Crashed(crash.with_saved(saved))
    }

    /// Whether the record is of this job and this death.
    fn is_of(&self, trace: &Trace, exit: Exit) -> bool {
        trace.facts.job == self.id.get() && trace.may_tell_of(exit) && trace.facts.signal != locate_signal()
    }

    /// Its time was up. `trace` is what a [`LocateRequest`] gave before the worker was killed. The job is still to be kept, where the
    /// pool keeps those that fail: a disk may be slow, and the error is due.
    pub(crate) fn timed_out(self, limit: Duration, trace: Option<Trace>) -> (JobError, Option<Unsaved>) {
        let trace = trace.filter(|trace| trace.facts.job == self.id.get());
        let error = TimedOut::new(self.name().unwrap_or(self.type_name), limit)
            .with_backtrace(trace.and_then(|trace| symbolize::backtrace(trace, self.entry, self.type_name)));
        let (saved, unsaved) = Unsaved::new(self, format!("it did not finish within {}", Spaced(limit))).unzip();
        (JobError::TimedOut(error.with_saved(saved)), unsaved)
    }

    /// The error of a worker that lives. A panic is kept.
    pub(crate) fn kept(&self, error: JobError) -> JobError {
        match error {
            JobError::Panicked(panic) => {
                let saved = self.save(&panic);
                JobError::Panicked(panic.with_saved(saved))
            }
            other => other,
        }
    }

    /// Keeps it as a file, where that is wanted. Blocks while that is written.
    fn save(&self, why: &dyn std::fmt::Display) -> Option<Saved> {
        saved_job::save(self, why)
    }
}

/// A worker that lives was asked where it is.
pub(crate) struct LocateRequest {
    deadline: Instant,
}

impl LocateRequest {
    /// Asks it. `None` if it is gone.
    pub(crate) fn ask(process: &Child, record: CrashRecord<'_>) -> Option<Self> {
        let deadline = Instant::now() + ANSWER_LIMIT;
        record.clear();
        process.ask_where().then_some(Self { deadline })
    }

    /// Where it was. Blocks for what is left of a millisecond since it was asked.
    pub(crate) fn answer(self, record: CrashRecord<'_>) -> Option<Trace> {
        while !record.is_written() && Instant::now() < self.deadline {
            thread::yield_now();
        }
        // An unfinished record is worth reporting, too.
        record.read().filter(|trace| trace.facts.signal == locate_signal())
    }
}

fn cause_of_death(worker: &Worker, trace: Option<&Trace>) -> Option<String> {
    match trace {
        Some(trace) => cause(trace, worker.process.pid()),
        None => worker.process.why_killed().map(ToOwned::to_owned),
    }
}

/// Why the signal came, as far as it is known.
fn cause(trace: &Trace, pid: u32) -> Option<String> {
    let facts = &trace.facts;
    let elsewhere = if facts.thread == pid { "" } else { ", in another thread than the job's" };
    let is_access = matches!(facts.signal, libc::SIGSEGV | libc::SIGBUS) && facts.address != NO_ADDRESS;
    match () {
        () if trace.is_stack_overflow() => Some(format!("its stack overflowed{elsewhere}")),
        () if trace.is_wild_call() => Some(format!("it called address {:#x}{elsewhere}", facts.address)),
        () if is_access => Some(format!("it accessed address {:#x}{elsewhere}", facts.address)),
        () if !elsewhere.is_empty() => Some("in another thread than the job's".to_owned()),
        () => None,
    }
}

/// The system may count what this process held when it started the worker as the worker's own, up to `floor`: more than that is
/// the worker's alone. Otherwise there is what the worker itself has seen.
fn peak_memory(counted: Option<u64>, floor: u64, trace: Option<&Trace>) -> Option<u64> {
    let seen = trace.map(|trace| trace.facts.peak_memory).filter(|&bytes| bytes > 0);
    counted.filter(|&bytes| bytes > floor).or(seen)
}

#[cfg(all(test, not(loom)))]
mod tests;

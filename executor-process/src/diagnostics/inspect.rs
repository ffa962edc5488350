//! The worker processes in a report of their pool: how far each is, and where its job is.

use std::thread;
use std::time::{Duration, Instant};

use executor_core::JobId;
use executor_core::dump::{Dump, ProcessDump, ProcessPhase, WorkerDump, WorkerState};

use crate::diagnostics::symbolize;
use crate::protocol::crash_record::{CrashRecord, Trace};
use crate::supervisor::claims::Claims;
use crate::supervisor::roster::{Listed, Roster};
use crate::worker::crash_handler::locate_signal;

/// The time that all workers together have to say where they are.
const ANSWER_LIMIT: Duration = Duration::from_millis(100);

/// A job that has run for less time is not asked: it may end by itself, and a question interrupts some system calls.
const SHORTEST: Duration = Duration::from_secs(1);

/// Adds the worker processes to a report. Blocks for [`ANSWER_LIMIT`] at most.
pub(crate) fn add_to(dump: &mut Dump, roster: &Roster) {
    let mut asked = Vec::new();
    for listed in roster.all() {
        let Some(process) = listed.process.upgrade() else { continue };
        let Some((letter, function)) = process.look() else { continue };
        let mut found = ProcessDump::new(process.pid(), listed.phase, listed.since);
        (found.state, found.kernel_function) = (Some(letter), function);
        let claims = listed.claims.upgrade();
        found.job = claims.as_ref().and_then(|claims| claims.started());
        let is_due = is_due(dump, &listed, found.job);
        if let Some(claims) = claims.filter(|_| is_due && !found.is_stopped())
            && claims.page.trace().clear_answer(locate_signal())
            && process.ask_where()
        {
            asked.push((found.pid, claims));
        }
        worker(dump, &listed).process = Some(found);
    }
    let deadline = Instant::now() + ANSWER_LIMIT;
    for (pid, claims) in asked {
        let trace = answer(claims.page.trace(), deadline);
        let processes = dump.workers.iter_mut().filter_map(|worker| worker.process.as_mut());
        if let Some((trace, process)) = trace.zip(processes.into_iter().find(|process| process.pid == pid))
            && process.job.is_none_or(|job| job.get() == trace.facts.job)
        {
            process.stack = symbolize::stack(trace);
        }
    }
}

/// Whether what the worker runs has run for long. Where the pool is not measured, that is not known.
fn is_due(dump: &Dump, listed: &Listed, job: Option<JobId>) -> bool {
    let since = match (listed.phase, job) {
        (ProcessPhase::Initializing, _) => Some(listed.since),
        (ProcessPhase::Ready, Some(id)) => {
            let running = dump.running().find(|running| running.id == id);
            return running.is_none_or(|job| job.started_at.elapsed() >= SHORTEST);
        }
        _ => None,
    };
    since.is_some_and(|since| since.elapsed() >= SHORTEST)
}

/// The worker of a process. A template has no thread of the scheduler, so that nothing is known yet of its state.
fn worker<'a>(dump: &'a mut Dump, listed: &Listed) -> &'a mut WorkerDump {
    let place = dump.workers.iter().position(|worker| worker.name == listed.name).unwrap_or_else(|| {
        let state = if listed.phase == ProcessPhase::Ready { WorkerState::Idle } else { WorkerState::Preparing };
        dump.workers.push(WorkerDump::new(listed.name.clone(), state));
        dump.workers.len() - 1
    });
    &mut dump.workers[place]
}

/// Where the worker was. An unfinished record is worth reporting, too.
fn answer(record: CrashRecord<'_>, deadline: Instant) -> Option<Trace> {
    while !record.is_written() && Instant::now() < deadline {
        thread::yield_now();
    }
    record.read().filter(|trace| trace.facts.signal == locate_signal())
}

impl Claims {
    /// The job that has started, if one has.
    fn started(&self) -> Option<JobId> {
        self.jobs().into_iter().find(|&id| self.is_running(id))
    }
}

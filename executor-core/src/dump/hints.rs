//! The reasons why jobs wait, as far as a report shows them.

use std::time::Duration;

use super::text::{Named, running, time};
use super::{Dump, PoolState, ProcessPhase, WorkerDump, WorkerState};
use crate::current::activity::{Activity, ActivityKind};
use crate::observe::job::{JobDescription, RunningJob};
use crate::status::JobId;

/// Shorter waits are no reason for concern.
const SHORTEST: Duration = Duration::from_millis(100);

/// No more waits than this are listed.
const MOST_WAITS: usize = 8;

pub(super) fn of(dump: &Dump) -> Vec<String> {
    let mut hints = Vec::new();
    circles(dump, &mut hints);
    processes(dump, &mut hints);
    waits(dump, &mut hints);
    threads(dump, &mut hints);
    queue(dump, &mut hints);
    end(dump, &mut hints);
    hints
}

fn circles(dump: &Dump, hints: &mut Vec<String>) {
    for circle in &dump.circles {
        let jobs: Vec<_> = circle.iter().map(|waiting| name(waiting.job, waiting.description.as_ref())).collect();
        let all = jobs.join(", ");
        hints.push(format!("deadlock: {all} wait for each other in a circle; none of them can go on"));
    }
}

fn name(id: JobId, description: Option<&JobDescription>) -> String {
    let name = description.map(|description| format!(" `{}`", description.name.as_str()));
    format!("{id}{}", name.unwrap_or_default())
}

fn processes(dump: &Dump, hints: &mut Vec<String>) {
    for worker in &dump.workers {
        let Some(process) = &worker.process else { continue };
        let (pid, since) = (process.pid, time(dump.since(process.since)));
        if process.is_stopped() {
            hints.push(format!(
                "the worker process {pid} is stopped, by SIGSTOP or a debugger; `kill -CONT {pid}` lets it go on"
            ));
        }
        match process.phase {
            ProcessPhase::Starting => {
                hints.push(format!("the worker process {pid} has been starting for {since} and has not reported yet"));
            }
            ProcessPhase::Initializing => {
                hints.push(format!("the worker process {pid} has been in its initializer for {since}"));
            }
            ProcessPhase::Ready => {}
        }
    }
}

/// The longest waits of the workers and of other threads.
fn waits(dump: &Dump, hints: &mut Vec<String>) {
    let activities = dump.workers.iter().flat_map(|worker| &worker.activities).chain(&dump.other_threads);
    let mut long: Vec<_> = activities.filter(|activity| dump.since(activity.since) >= SHORTEST).collect();
    long.sort_by_key(|activity| activity.since);
    let all: Vec<_> =
        long.into_iter().filter_map(|activity| wait(activity, &time(dump.since(activity.since)))).collect();
    let more = all.len().saturating_sub(MOST_WAITS);
    hints.extend(all.into_iter().take(MOST_WAITS));
    if more > 0 {
        hints.push(format!("{more} more threads wait"));
    }
}

fn wait(activity: &Activity, since: &str) -> Option<String> {
    let what = subject(activity);
    Some(match &activity.kind {
        ActivityKind::WaitForEvent => format!("{what} has waited {since} for an `Event` that is not set"),
        ActivityKind::WaitForJob { id, queue_id: None, .. } => {
            format!("{what} has waited {since} for the promise {id}, which was not completed")
        }
        ActivityKind::WaitForScope => format!("{what} has waited {since} for the jobs of its scope"),
        ActivityKind::Initializer => format!("{what} has been in the initializer for {since}"),
        ActivityKind::Hook => format!("{what} has been in the function for its start or end for {since}"),
        ActivityKind::Callback(job) => format!("{what} has run the callback of {job} for {since}"),
        ActivityKind::Blocked => {
            format!("{what} has been blocked in its own code for {since}, on a lock or a channel, say")
        }
        _ => return None,
    })
}

/// The job, or else the thread.
fn subject(activity: &Activity) -> String {
    match (activity.job, &activity.job_name) {
        (Some(id), Some(name)) => format!("{id} `{name}`"),
        (Some(id), None) => id.to_string(),
        (None, _) => format!("the thread `{}`", activity.thread),
    }
}

fn longest(dump: &Dump) -> Option<&RunningJob> {
    dump.running().min_by_key(|job| job.started_at)
}

fn threads(dump: &Dump, hints: &mut Vec<String>) {
    let is_busy = |worker: &WorkerDump| worker.state == WorkerState::Running;
    let unknown = dump.workers.iter().filter(|worker| is_busy(worker) && worker.jobs.is_empty());
    for worker in unknown.filter(|worker| dump.is_measured && worker.activities.is_empty() && worker.process.is_none())
    {
        hints
            .push(format!("the worker {} is busy beside its jobs: it starts one, or drops what one held", worker.name));
    }
    if dump.queue.runs_callback && dump.queue.callbacks > 0 {
        let waiting = dump.queue.callbacks;
        hints
            .push(format!("a callback keeps the thread for callbacks busy, and {waiting} others wait for that thread"));
    }
}

/// Jobs that keep a worker from others: not those in whose place a spare thread runs others.
fn busy(dump: &Dump) -> usize {
    let blocked = dump.workers.iter().filter(|worker| worker.state == WorkerState::Blocked).count();
    let replaced = if dump.has_spare_threads { blocked } else { 0 };
    dump.stats.running.saturating_sub(replaced)
}

fn queue(dump: &Dump, hints: &mut Vec<String>) {
    let (queued, stats) = (dump.stats.queued, &dump.stats);
    let submitters = dump.queue.blocked_submitters;
    if let Some(capacity) = dump.queue.capacity.filter(|_| submitters > 0) {
        hints.push(format!("the queue is full ({capacity} jobs), and {submitters} submitters wait for room"));
    }
    if queued > 0 && dump.max_workers > 0 && busy(dump) >= dump.max_workers {
        let longest = longest(dump).map(|job| {
            let since = time(dump.since(job.started_at));
            format!("; the longest is {}, for {since}", running(job))
        });
        let (all, longest) = (dump.max_workers, longest.unwrap_or_default());
        let jobs = if queued == 1 { "job waits" } else { "jobs wait" };
        hints.push(format!("every worker is busy ({all} of {all}), and {queued} {jobs} behind them{longest}"));
    } else if queued > 0 && stats.workers == 0 {
        hints.push(format!("{queued} jobs wait, and there is no worker"));
    }
    if let Some(due) = dump.queue.next_due.filter(|_| queued + stats.running == 0 && stats.delayed > 0) {
        let left = time(due.saturating_duration_since(dump.taken_at));
        hints.push(format!("only delayed jobs are left ({}); the next is due in {left}", stats.delayed));
    }
}

fn end(dump: &Dump, hints: &mut Vec<String>) {
    let left = dump.stats.running + dump.stats.queued + dump.stats.delayed;
    if dump.state == PoolState::Closing && left > 0 {
        let longest = longest(dump).map(|job| format!("; {} still runs", Named(job.id, Some(&job.description))));
        let longest = longest.unwrap_or_default();
        hints.push(format!("the pool is shut down, and waits for {left} jobs{longest}"));
    }
}

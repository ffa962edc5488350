//! The report as text.

use std::fmt::{self, Display, Formatter};
use std::panic::Location;
use std::time::{Duration, Instant};

use super::{Dump, PoolState, ProcessDump, ProcessPhase, QueuedJob, Waiting, WorkerDump, WorkerState};
use crate::current::activity::{Activity, ActivityKind};
use crate::error::{Backtrace, Spaced};
use crate::observe::job::{JobDescription, RunningJob};
use crate::options::Priority;
use crate::status::JobId;

/// Of more workers that sleep, only the number is written.
const MOST_IDLE: usize = 3;

/// A time in at most four digits and its unit: `3.02 s`.
pub(super) fn time(time: Duration) -> String {
    let unit = match time.as_nanos() {
        0..1_000_000 => 1_000,
        1_000_000..1_000_000_000 => 10_000,
        1_000_000_000..60_000_000_000 => 10_000_000,
        _ => 1_000_000_000,
    };
    let rounded = time.as_nanos() / unit * unit;
    Spaced(Duration::from_nanos(u64::try_from(rounded).unwrap_or(u64::MAX))).to_string()
}

/// A job with its name, tag and place.
pub(super) struct Named<'a>(pub(super) JobId, pub(super) Option<&'a JobDescription>);

impl Display for Named<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let Some(description) = self.1 else { return Ok(()) };
        write!(f, " `{}`", description.name.as_str())?;
        if let Some(tag) = description.tag() {
            write!(f, " (tag `{tag}`)")?;
        }
        description.place.map_or(Ok(()), |place| write!(f, ", submitted at {}", At(place)))
    }
}

struct At(&'static Location<'static>);

impl Display for At {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.file(), self.0.line())
    }
}

pub(super) fn running(job: &RunningJob) -> Named<'_> {
    Named(job.id, Some(&job.description))
}

impl Display for PoolState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Closing => "shutting down",
            Self::Closed => "shut down",
            Self::Broken => "broken",
        })
    }
}

impl Display for WorkerState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Searching => "searching",
            Self::Idle => "idle",
            Self::Preparing => "preparing",
            Self::Running => "running",
            Self::Blocked => "blocked",
        })
    }
}

/// The words after the name of a thread or of a job.
impl Display for ActivityKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::WaitForJob { id, description, queue_id: None } => {
                write!(f, "waits for the promise {}", Named(*id, description.as_deref()))
            }
            Self::WaitForJob { id, description, .. } => write!(f, "waits for {}", Named(*id, description.as_deref())),
            Self::WaitForAnyJob { ids, has_more } => {
                write!(f, "waits for any of")?;
                for (index, id) in ids.iter().enumerate() {
                    write!(f, "{} {id}", if index == 0 { "" } else { "," })?;
                }
                f.write_str(if *has_more { " and others" } else { "" })
            }
            Self::WaitForEvent => f.write_str("waits for an `Event` to be set"),
            Self::WaitForSlot(pool) => write!(f, "waits for room in the queue of `{}`", pool.name),
            Self::WaitForIdle(pool) => write!(f, "waits until `{}` is idle", pool.name),
            Self::WaitForShutdown(pool) => write!(f, "waits for the shutdown of `{}`", pool.name),
            Self::WaitForScope => f.write_str("waits for the jobs of a scope"),
            Self::WaitForProcess => f.write_str("waits until a process has started"),
            Self::Polled => f.write_str("has polled a future that is not ready"),
            Self::Blocked => f.write_str("is blocked in its own code (`current::block`)"),
            Self::Initializer => f.write_str("runs the initializer"),
            Self::Hook => f.write_str("runs the function for the start or the end of its thread"),
            Self::Callback(job) => write!(f, "runs the callback of {job}"),
        }
    }
}

impl Display for Dump {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_head(f)?;
        self.write_queue(f)?;
        self.write_workers(f)?;
        for activity in &self.other_threads {
            write!(f, "\n  thread `{}` {}", activity.thread, self.doing(activity))?;
        }
        for circle in &self.circles {
            write!(f, "\ncircle of waits:")?;
            circle.iter().try_for_each(|waiting| self.write_waiting(waiting, f))?;
        }
        self.hints.iter().try_for_each(|hint| write!(f, "\n! {hint}"))
    }
}

impl Dump {
    pub(super) fn ago(&self, when: Instant) -> String {
        time(self.since(when))
    }

    fn write_head(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { kind, pool, state, max_workers, stats, .. } = self;
        write!(f, "{kind} `{pool}`: {state}, {} of {max_workers} workers, ", stats.workers)?;
        write!(f, "{} running, {} queued, {} delayed", stats.running, stats.queued, stats.delayed)?;
        if self.is_measured || self.stats.running + self.stats.queued == 0 {
            return Ok(());
        }
        write!(
            f,
            "\n  not measured: build the pool with `measure(true)`, or set EXECUTOR_MEASURE=1, for names, times and \
             places of running jobs"
        )
    }

    fn write_queue(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let queue = &self.queue;
        if self.stats.queued > 0 || queue.capacity.is_some() {
            let [high, normal, low] = queue.lanes;
            write!(f, "\nqueue: {high} high, {normal} normal, {low} low")?;
            if let Some(capacity) = queue.capacity {
                write!(f, ", room for {capacity}")?;
            }
            if queue.blocked_submitters > 0 {
                write!(f, ", {} wait for room", queue.blocked_submitters)?;
            }
            queue.oldest.iter().try_for_each(|job| write!(f, "\n  {}", self.queued(job)))?;
        }
        if let Some(due) = queue.next_due.filter(|_| self.stats.delayed > 0) {
            let left = due.saturating_duration_since(self.taken_at);
            write!(f, "\ndelayed: {}, the next is due in {}", self.stats.delayed, time(left))?;
        }
        if queue.callbacks > 0 || queue.runs_callback {
            let runs = if queue.runs_callback { "one runs" } else { "none runs" };
            write!(f, "\ncallbacks: {runs}, {} wait", queue.callbacks)?;
        }
        Ok(())
    }

    fn queued(&self, job: &QueuedJob) -> String {
        let priority = match job.priority {
            Priority::High => "high",
            Priority::Normal => "normal",
            Priority::Low => "low",
        };
        let waits = job.queued_at.map(|when| format!(", waits for {}", self.ago(when))).unwrap_or_default();
        format!("{priority}: {}{waits}", Named(job.id, job.description.as_ref()))
    }

    fn write_workers(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\nworkers:")?;
        let is_quiet = |worker: &&WorkerDump| worker.state == WorkerState::Idle && worker.process.is_none();
        let quiet = self.workers.iter().filter(is_quiet).count();
        for worker in self.workers.iter().filter(|worker| quiet <= MOST_IDLE || !is_quiet(worker)) {
            self.write_worker(worker, f)?;
        }
        match quiet {
            0..=MOST_IDLE if self.workers.is_empty() => write!(f, " none"),
            0..=MOST_IDLE => Ok(()),
            _ => write!(f, "\n  {quiet} more are idle"),
        }
    }

    fn write_worker(&self, worker: &WorkerDump, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\n  {} {}", worker.name, worker.state)?;
        if let Some(process) = &worker.process {
            self.write_process(process, f)?;
        }
        let started = worker.process.as_ref().map(|process| process.job);
        if let Some(job) = started.flatten().filter(|id| worker.jobs.iter().all(|job| job.id != *id)) {
            write!(f, "\n    runs {job}")?;
        }
        for job in &worker.jobs {
            // A worker process may have been sent a job that it has not started.
            let runs = if started.is_none_or(|started| started == Some(job.id)) { "runs" } else { "was sent" };
            write!(f, "\n    {runs} {}, since {}", running(job), self.ago(job.started_at))?;
            if job.attempt > 1 {
                write!(f, ", attempt {}", job.attempt)?;
            }
        }
        for activity in &worker.activities {
            write!(f, "\n    {}", self.doing(activity))?;
        }
        let stack = worker.process.as_ref().and_then(|process| process.stack.as_ref());
        let frames = stack.map(Backtrace::frames).unwrap_or_default();
        frames.iter().try_for_each(|frame| write!(f, "\n      at {frame}"))
    }

    fn write_process(&self, process: &ProcessDump, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, ", process {}", process.pid)?;
        match process.phase {
            ProcessPhase::Ready => {}
            ProcessPhase::Starting => write!(f, ", starting since {}", self.ago(process.since))?,
            ProcessPhase::Initializing => write!(f, ", in its initializer since {}", self.ago(process.since))?,
        }
        match process.state {
            Some('T' | 't') => f.write_str(", stopped")?,
            Some('Z' | 'X') => f.write_str(", dead")?,
            Some('R') => f.write_str(", on a CPU")?,
            _ => {}
        }
        process.kernel_function.as_ref().map_or(Ok(()), |function| write!(f, ", sleeps in `{function}`"))
    }

    /// The job of a thread, its activity, and since when.
    fn doing(&self, activity: &Activity) -> String {
        let job = match (activity.job, &activity.job_name) {
            (None, _) => String::new(),
            (Some(id), None) => format!("{id} "),
            (Some(id), Some(name)) => format!("{id} `{name}` "),
        };
        let left = activity.until.map(|until| until.saturating_duration_since(self.taken_at));
        let left = left.map_or_else(String::new, |left| format!(", for at most {} more", time(left)));
        format!("{job}{}, since {}{left}", activity.kind, self.ago(activity.since))
    }

    fn write_waiting(&self, waiting: &Waiting, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\n  {}", Named(waiting.job, waiting.description.as_ref()))?;
        if let Some(worker) = &waiting.worker {
            write!(f, ", on {worker}")?;
        }
        write!(f, ", waits for {} since {}", waiting.target, self.ago(waiting.since))
    }
}

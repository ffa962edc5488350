//! A report of what a pool is doing: what each worker runs, what waits for what, and why nothing moves.

mod circles;
mod hints;
mod stall;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod text;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::circles::Waiting;
pub use self::stall::{Inspect, OnStall, Stall};
use crate::current::activity::{self, Activity, ActivityKind};
use crate::error::Backtrace;
use crate::observe::job::{JobDescription, RunningJob};
use crate::options::Priority;
use crate::queue_id::QueueId;
use crate::registry;
use crate::stats::Stats;
use crate::status::JobId;

/// A report of what a pool is doing. Returned by `dump()` of every pool and handle.
///
/// It lists each worker with the job that it runs, what waits for what, and the oldest queued jobs. `{}` writes it as text of several
/// lines; the last of them, which begin with `!`, say why jobs wait, as far as that can be told.
///
/// Names, times and places of running jobs are there if the pool was built with `measure(true)`, or if the environment variable
/// `EXECUTOR_MEASURE` is `1`, which makes every pool of the program a measured one.
///
/// ```
/// use executor::{Event, ThreadPool};
/// use std::sync::Arc;
///
/// let pool = ThreadPool::builder().threads(1).name("io").measure(true).build()?;
/// let event = Arc::new(Event::new());
/// let never_set = event.clone();
/// let stuck = pool.submit(move || never_set.wait());
/// while pool.dump().workers.iter().all(|worker| worker.activities.is_empty()) {
///     std::thread::yield_now();
/// }
/// let dump = pool.dump().to_string();
/// assert!(dump.starts_with("ThreadPool `io`: open"));
/// assert!(dump.contains("waits for an `Event` to be set"));
/// event.set();
/// stuck.wait();
/// # Ok::<(), executor::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dump {
    /// The name of the pool, which its workers' names begin with.
    pub pool: Arc<str>,
    /// The type of the pool, such as `ThreadPool`.
    pub kind: &'static str,
    /// When the report was made.
    pub taken_at: Instant,
    /// Whether the pool accepts jobs.
    pub state: PoolState,
    /// Whether the pool is measured: otherwise, names and times of running jobs are not known.
    pub is_measured: bool,
    /// How many jobs the pool runs at once, at most.
    pub max_workers: usize,
    /// Whether a spare thread runs jobs in place of a worker whose job waits.
    pub has_spare_threads: bool,
    /// The numbers.
    pub stats: Stats,
    /// The jobs that wait for a worker.
    pub queue: QueueDump,
    /// The workers.
    pub workers: Vec<WorkerDump>,
    /// Other threads that wait for this pool, or run its callbacks.
    pub other_threads: Vec<Activity>,
    /// Jobs that wait for each other in a circle, at least one of which is this pool's. None of them can go on.
    pub circles: Vec<Vec<Waiting>>,
    /// Why jobs wait, as far as it can be told; each is a sentence.
    pub hints: Vec<String>,
}

/// Whether a pool accepts jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolState {
    /// It does.
    #[default]
    Open,
    /// It is shut down, and jobs or threads are left.
    Closing,
    /// It is shut down, and nothing is left.
    Closed,
    /// It cannot run jobs any more.
    Broken,
}

/// The jobs of a pool that wait.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct QueueDump {
    /// Jobs of each priority in the queue: high, normal, low.
    pub lanes: [usize; 3],
    /// How many may wait. `None` means no limit.
    pub capacity: Option<usize>,
    /// Threads and tasks that wait for room in the queue.
    pub blocked_submitters: usize,
    /// The first jobs of each priority.
    pub oldest: Vec<QueuedJob>,
    /// When the next delayed job is due.
    pub next_due: Option<Instant>,
    /// Callbacks, and drops of captured values, that wait for their thread.
    pub callbacks: usize,
    /// Whether the thread for callbacks runs one.
    pub runs_callback: bool,
}

/// A job that waits in the queue.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueuedJob {
    /// The job's id.
    pub id: JobId,
    /// Its priority.
    pub priority: Priority,
    /// Its name and place of submission.
    pub description: Option<JobDescription>,
    /// Since when it waits, if the pool is measured.
    pub queued_at: Option<Instant>,
}

/// A worker of a pool.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkerDump {
    /// The worker's name, which its thread has, too.
    pub name: Arc<str>,
    /// Its state.
    pub state: WorkerState,
    /// The jobs that it runs, if the pool is measured: several if a job runs others while it waits, the innermost last; or if a worker
    /// process was sent several.
    pub jobs: Vec<RunningJob>,
    /// The waits of its thread, and other code of users that it runs beside a job.
    pub activities: Vec<Activity>,
    /// Its process, in a process pool.
    pub process: Option<ProcessDump>,
}

/// The state of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerState {
    /// It looks for a job.
    Searching,
    /// It has no job, and sleeps.
    Idle,
    /// It gets ready for jobs.
    Preparing,
    /// It runs a job, or what belongs to one.
    Running,
    /// Its job waits. Another worker may take its place.
    Blocked,
}

/// A worker process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProcessDump {
    /// The process id.
    pub pid: u32,
    /// How far it is.
    pub phase: ProcessPhase,
    /// Since when.
    pub since: Instant,
    /// The letter of its state in `/proc`: `R` runs, `S` and `D` sleep, `T` is stopped.
    pub state: Option<char>,
    /// The function of the kernel in which it sleeps, if the system tells that.
    pub kernel_function: Option<String>,
    /// The job that its status page names as started.
    pub job: Option<JobId>,
    /// Where its job is, if it has run for a second.
    pub stack: Option<Backtrace>,
}

/// How far a worker process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessPhase {
    /// It was started, and has not reported yet.
    Starting,
    /// It runs the pool's initializer.
    Initializing,
    /// It is ready for jobs.
    Ready,
}

impl Dump {
    /// For authors of executors: a report of the pool of this name and type, without workers.
    pub fn new(pool: Arc<str>, kind: &'static str) -> Self {
        Self {
            pool,
            kind,
            taken_at: Instant::now(),
            state: PoolState::Open,
            is_measured: false,
            max_workers: 0,
            has_spare_threads: false,
            stats: Stats::default(),
            queue: QueueDump::default(),
            workers: Vec::new(),
            other_threads: Vec::new(),
            circles: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// For authors of executors: adds the pool's running jobs and activities, and looks for the reasons why jobs wait. `queue_ids` are the
    /// queues of the pool.
    #[must_use]
    pub fn with_activities(mut self, running: Vec<RunningJob>, queue_ids: &[QueueId]) -> Self {
        let (activities, everywhere) = (activity::all(), registry::running());
        let waits = circles::waits(&activities);
        let is_own = |id: Option<QueueId>| id.is_some_and(|id| queue_ids.contains(&id));
        for job in running {
            let worker = self.workers.iter_mut().find(|worker| worker.name == job.worker);
            match worker {
                Some(worker) => worker.jobs.push(job),
                // A job that its submitter runs, or that runs inside a job of another pool.
                None => self.workers.push(WorkerDump { jobs: vec![job.clone()], ..WorkerDump::of_caller(&job) }),
            }
        }
        for activity in &activities {
            let worker = activity.worker.as_ref().filter(|_| is_own(activity.queue_id));
            let worker = worker.and_then(|name| self.workers.iter_mut().find(|worker| worker.name == *name));
            if let Some(worker) = worker {
                worker.activities.push(activity.clone());
            } else if Self::concerns(activity, is_own) {
                self.other_threads.push(activity.clone());
            }
        }
        for worker in self.workers.iter_mut().filter(|worker| worker.state == WorkerState::Idle) {
            if !worker.activities.is_empty() {
                worker.state = WorkerState::Blocked;
            } else if !worker.jobs.is_empty() {
                worker.state = WorkerState::Running;
            }
        }
        let is_ours = |waiting: &Waiting| is_own(waiting.queue_id) || is_own(waiting.target_queue_id);
        self.circles = circles::find(&waits, &everywhere);
        self.circles.retain(|circle| circle.iter().any(is_ours));
        self.diagnose();
        self
    }

    /// Whether an activity of another thread waits for this pool.
    fn concerns(activity: &Activity, is_own: impl Fn(Option<QueueId>) -> bool) -> bool {
        match &activity.kind {
            ActivityKind::WaitForJob { queue_id, .. } => is_own(*queue_id) || is_own(activity.queue_id),
            ActivityKind::WaitForSlot(pool) | ActivityKind::WaitForIdle(pool) | ActivityKind::WaitForShutdown(pool) => {
                is_own(Some(pool.queue_id))
            }
            _ => is_own(activity.queue_id),
        }
    }

    /// For authors of executors: looks for the reasons again, after the report was changed.
    pub fn diagnose(&mut self) {
        self.hints = hints::of(self);
    }

    /// Returns the jobs that run, if the pool is measured.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::builder().threads(1).measure(true).build()?;
    /// assert_eq!(pool.dump().running().count(), 0);
    /// # Ok::<(), executor::BuildError>(())
    /// ```
    pub fn running(&self) -> impl Iterator<Item = &RunningJob> {
        self.workers.iter().flat_map(|worker| &worker.jobs)
    }

    /// How long before this report it was `when`.
    fn since(&self, when: Instant) -> Duration {
        self.taken_at.saturating_duration_since(when)
    }
}

impl QueuedJob {
    /// For authors of executors: a job of this priority.
    pub fn new(id: JobId, priority: Priority) -> Self {
        Self { id, priority, description: None, queued_at: None }
    }

    /// For authors of executors: sets the name and the place of submission, and since when the job waits.
    #[must_use]
    pub fn described(mut self, description: Option<JobDescription>, queued_at: Option<Instant>) -> Self {
        (self.description, self.queued_at) = (description, queued_at);
        self
    }
}

impl WorkerDump {
    /// For authors of executors: a worker of this name.
    pub fn new(name: Arc<str>, state: WorkerState) -> Self {
        Self { name, state, jobs: Vec::new(), activities: Vec::new(), process: None }
    }

    fn of_caller(job: &RunningJob) -> Self {
        Self::new(job.worker.clone(), WorkerState::Running)
    }
}

impl ProcessDump {
    /// For authors of executors: a process in this phase.
    pub fn new(pid: u32, phase: ProcessPhase, since: Instant) -> Self {
        Self { pid, phase, since, state: None, kernel_function: None, job: None, stack: None }
    }

    /// Returns whether the process is stopped, by SIGSTOP or a debugger.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, Some('T' | 't'))
    }
}

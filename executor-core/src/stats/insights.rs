//! The time that each worker of a measured pool spent on its start, on waiting and on work, and the slowest jobs.

use std::cmp::Ordering;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::observe::job::{EndedJob, JobOutcome};
use crate::status::JobId;

/// How many jobs [`Insights::slowest`] has at most.
const SLOWEST: usize = 5;

/// How long each worker of a pool started, waited and worked, and the slowest jobs. [`Stats`](crate::Stats) of a pool that was built with
/// `measure(true)` have them.
///
/// `{}` writes a table.
///
/// ```
/// use executor::{JobOptions, ThreadPool};
///
/// let pool = ThreadPool::builder().threads(2).measure(true).build()?;
/// pool.with(JobOptions::new().name("thumbnail")).submit(|| 6 * 7).result()?;
/// pool.wait_idle();
/// let insights = pool.stats().insights.expect("the pool is measured");
/// assert_eq!(&*insights.slowest[0].name, "thumbnail");
/// println!("{insights}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Insights {
    /// The live workers, by name. Of a `RayonPool`: the threads that have run a job of the pool.
    pub workers: Vec<WorkerStats>,
    /// How many workers have ended.
    pub ended_workers: u64,
    /// The sum of the workers that have ended. It has no name.
    pub ended: WorkerStats,
    /// The sum of the threads that are no workers, and ran jobs that they submitted. It has no name, and no times but `working`.
    pub callers: WorkerStats,
    /// The five jobs that ran longest, the slowest first.
    pub slowest: Vec<SlowJob>,
}

impl Insights {
    /// Returns the sum of all: the live workers, those that have ended, and the calling threads. It has no name.
    pub fn total(&self) -> WorkerStats {
        let mut total = self.ended.clone();
        self.workers.iter().chain([&self.callers]).for_each(|more| total.add(more));
        total
    }
}

/// The jobs and the time of a worker so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// The name of the worker's thread.
    pub name: Arc<str>,
    /// The last process of the worker. `None` on a thread.
    pub pid: Option<u32>,
    /// How many processes the worker has started.
    pub processes: u64,
    /// How many jobs it has run. A job that runs inside of another one counts, too.
    pub jobs: u64,
    /// How it spent its time.
    pub times: WorkTimes,
}

/// How a worker spent its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkTimes {
    /// Starts: of its thread, with `on_thread_start`, and of its processes, with their initializers.
    pub starting: Duration,
    /// Neither of the others: it had no job, or the pool was at work for it.
    pub waiting: Duration,
    /// Jobs, including the one that runs. A job in a process counts as long as the process ran it.
    pub working: Duration,
}

impl WorkTimes {
    /// Returns the sum of the three.
    pub fn total(&self) -> Duration {
        self.starting + self.waiting + self.working
    }

    /// Returns the part of the total that is `time`, from 0 to 1.
    ///
    /// ```
    /// # let times = executor::Insights::default().total().times;
    /// let busy = times.share(times.working);
    /// assert!((0.0..=1.0).contains(&busy));
    /// ```
    pub fn share(&self, time: Duration) -> f64 {
        let total = self.total().as_secs_f64();
        if total > 0.0 { (time.as_secs_f64() / total).clamp(0.0, 1.0) } else { 0.0 }
    }
}

impl WorkerStats {
    pub(crate) fn add(&mut self, more: &Self) {
        self.processes += more.processes;
        self.jobs += more.jobs;
        self.times.starting += more.times.starting;
        self.times.waiting += more.times.waiting;
        self.times.working += more.times.working;
    }

    /// Orders `pool-9` before `pool-10`.
    pub(crate) fn cmp_names(&self, other: &Self) -> Ordering {
        (self.name.len(), &self.name).cmp(&(other.name.len(), &other.name))
    }
}

/// One of the jobs that ran longest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowJob {
    /// The job's id.
    pub id: JobId,
    /// The name that the job was given, or the path of its type or function.
    pub name: Arc<str>,
    /// The tag that the job was given.
    pub tag: Option<Arc<str>>,
    /// The call that submitted the job.
    pub place: Option<&'static Location<'static>>,
    /// The name of the worker that ran the job.
    pub worker: Arc<str>,
    /// The process that ran the job. `None` on a thread.
    pub pid: Option<u32>,
    /// How many times the job was started.
    pub attempt: u32,
    /// How long the job waited in the queue.
    pub waited: Duration,
    /// How long the job ran.
    pub ran: Duration,
    /// How the job ended.
    pub outcome: JobOutcome,
}

impl SlowJob {
    pub(crate) fn of(ended: &EndedJob) -> Self {
        let EndedJob { job, ran, outcome } = ended;
        let description = &job.description;
        Self {
            id: job.id,
            name: description.name.as_str().into(),
            tag: description.tag().map(Arc::from),
            place: description.place,
            worker: job.worker.clone(),
            pid: job.pid,
            attempt: job.attempt,
            waited: job.waited(),
            ran: *ran,
            outcome: *outcome,
        }
    }
}

/// Adds the job to `list`, the slowest first, if it is among them. If the list is full, returns the time of the fastest in it.
pub(crate) fn keep_slowest(list: &mut Vec<SlowJob>, job: SlowJob) -> Option<Duration> {
    let place = list.partition_point(|known| known.ran >= job.ran);
    if place < SLOWEST {
        list.insert(place, job);
        list.truncate(SLOWEST);
    }
    list.get(SLOWEST - 1).map(|fastest| fastest.ran)
}

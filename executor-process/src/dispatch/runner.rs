//! The process pool's worker thread: it owns a child process and talks to it alone.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use executor_core::cell::{Abort, Lease, Notify};
use executor_core::panics::catch;
use executor_core::{Broken, JobError, JobId};
use executor_thread::scheduler::{Batch, Runner, Stop};

use crate::dispatch::job::{InFlight, NotSent, Queued, requeue_or_cancel};
use crate::dispatch::kill_switch::KillSwitch;
use crate::dispatch::run_time::RunTimes;
use crate::dispatch::settings::PoolSettings;
use crate::dispatch::time_limit::{self, TimeLimit};
use crate::dispatch::worker_loss::not_started;
use crate::ipc::payload::INLINE;
use crate::protocol::message::JobMessage;
use crate::protocol::status_page::SLOTS;
use crate::supervisor::child::Child;
use crate::supervisor::claims::{Claims, Kill};
use crate::supervisor::start::{NotStarted, Worker};
use crate::supervisor::watcher;

/// The most work in one message, by the time that jobs of the same type took: longer than a round trip, so that the worker is busy, and
/// too short to matter to jobs that wait behind it.
const AHEAD: Duration = Duration::from_millis(1);

/// The first worker, or why there is none.
pub(crate) type FirstStart = Result<Arc<Child>, String>;

/// Runs jobs in a child process, which it starts when the first one comes, and again when it died.
pub(crate) struct ProcessRunner {
    pub(crate) settings: Arc<PoolSettings>,
    name: Arc<str>,
    kill_switch: Arc<KillSwitch>,
    pub(crate) worker: Option<Worker>,
    /// Reports the first worker, or why there is none.
    first_start: Option<Sender<FirstStart>>,
    pub(crate) run_times: RunTimes,
    /// Those that have run their last job, and may still be there.
    retired: Vec<Arc<Child>>,
    /// When the last message was.
    pub(crate) sent: Instant,
    /// Notifications of ended jobs, not yet fired.
    pub(crate) pending_notifies: Vec<Notify>,
    /// The time limit of the job that it sent, which is alone then.
    pub(crate) clock: Option<TimeLimit>,
}

impl ProcessRunner {
    pub(crate) fn new(settings: Arc<PoolSettings>, name: Arc<str>) -> Self {
        Self {
            settings,
            name,
            kill_switch: Arc::default(),
            worker: None,
            first_start: None,
            run_times: RunTimes::default(),
            retired: Vec::new(),
            sent: Instant::now(),
            pending_notifies: Vec::new(),
            clock: None,
        }
    }

    /// As `new`, and tells of its first worker once that is ready, or why there is none.
    pub(crate) fn telling(
        settings: Arc<PoolSettings>,
        name: Arc<str>,
        first_start: Option<Sender<FirstStart>>,
    ) -> Self {
        let mut runner = Self::new(settings, name);
        runner.first_start = first_start;
        runner
    }

    /// Sends the job to a worker, and others with it if they are short, and brings them to their outcomes. False if it had ended before.
    fn serve(&mut self, job: Queued, batch: &mut Batch<'_, Queued>) -> bool {
        let job = match self.ensure_worker(job, batch) {
            Ok(job) => job,
            Err(was_claimed) => return was_claimed,
        };
        let Some(first) = self.lend(job, 0) else { return false };
        let (mut jobs, mut message) = (Vec::new(), Vec::new());
        self.watch_the_clock(&first, batch);
        let rest = self.room_behind(&first);
        self.add(first, &mut jobs, &mut message);
        if let Some(rest) = rest {
            self.send_ahead(rest, &mut jobs, &mut message, batch);
        }
        let is_timed = self.clock.is_some();
        self.exchange(jobs, message, batch);
        self.stop_the_clock();
        if is_timed {
            batch.called_off();
        }
        for notify in self.pending_notifies.drain(..) {
            notify.fire();
        }
        true
    }

    /// Makes sure that there is a worker for the job, by some tries.
    ///
    /// # Errors
    ///
    /// The return value of [`run`](Runner::run): the job was left to others, or has failed.
    fn ensure_worker(&mut self, mut job: Queued, batch: &mut Batch<'_, Queued>) -> Result<Queued, bool> {
        let mut tries_left = self.settings.tries;
        while let Err(error) = self.start_worker(Some(batch)) {
            let reason = error.reason();
            let text = format_args!("one did not start: {reason}");
            job = match self.leave_to_others(job, batch) {
                Ok(()) => {
                    // The others go on, and where there was no process none was lost.
                    if matches!(error, NotStarted::Lost(_)) {
                        self.spend(None, &text, batch);
                    }
                    return Err(true);
                }
                Err(job) => job,
            };
            self.spend(None, &text, batch);
            tries_left = tries_left.saturating_sub(1);
            if tries_left == 0 {
                if let Some(first_start) = self.first_start.take() {
                    let _ = first_start.send(Err(reason.to_owned()));
                }
                if self.kill_switch.is_triggered() {
                    KillSwitch::end(&job);
                } else {
                    let text = not_started(self.settings.tries, &reason);
                    job.fail(JobError::Broken(Broken::new(text)));
                }
                // It was not claimed, since there is no worker: until then, it can be cancelled.
                return Err(false);
            }
        }
        Ok(job)
    }

    /// Leaves the job to the pool's other workers, where there are some, and has this thread end: the next job that it took would fare no
    /// better.
    ///
    /// # Errors
    ///
    /// The job, where there are none.
    fn leave_to_others(&self, job: Queued, batch: &mut Batch<'_, Queued>) -> Result<(), Queued> {
        if self.kill_switch.is_triggered() || !self.settings.worker.pids.has_others(&self.retired) {
            return Err(job);
        }
        let Some(payload) = job.lend(Arc::new(Nowhere)) else { return Err(job) };
        let priority = payload.priority;
        if job.take_back(payload).is_err() {
            // It was cancelled meanwhile: see `requeue_or_cancel`.
            job.cancel();
            return Ok(());
        }
        batch.retire(job, priority)
    }

    /// Starts a worker if there is none. One that died while it was idle cost no job, but is a loss all the same.
    fn start_worker(&mut self, batch: Option<&Batch<'_, Queued>>) -> Result<(), NotStarted> {
        if let Some(worker) = self.worker.take_if(|worker| worker.process.has_died())
            && let Some(batch) = batch
        {
            self.spend(None, &format_args!("process {} died while it was idle", worker.process.pid()), batch);
        }
        if self.worker.is_some() {
            return Ok(());
        }
        if self.kill_switch.is_triggered() {
            return Err(NotStarted::Refused("the pool is being killed".to_owned()));
        }
        let started = Worker::start(&self.settings.worker, &self.name, |process| self.kill_switch.start(process));
        let worker = self.worker.insert(started?);
        if let Some(first_start) = self.first_start.take() {
            // The thread that spawns the process waits for it.
            let _ = first_start.send(Ok(Arc::clone(&worker.process)));
        }
        Ok(())
    }

    /// A worker was lost: to `job`, if it had one. When the pool has lost too many, it breaks down.
    pub(crate) fn spend(&self, job: Option<&'static str>, reason: &dyn fmt::Display, batch: &Batch<'_, Queued>) {
        let (now, budget) = (Instant::now(), &self.settings.budget);
        let error = match job {
            Some(job) => budget.spend_crash(now, job, reason),
            None => budget.spend_restart(now, reason),
        };
        if let Some(error) = error {
            batch.break_down(error);
        }
    }

    /// Keeps a worker that has run some jobs. If it has lived long enough, it is retired: no job waits for its end, and the next one gets
    /// another worker.
    pub(crate) fn keep(&mut self, mut worker: Worker, jobs: usize) {
        worker.count(jobs);
        if worker.is_worn() {
            self.retired.retain(|process| !process.is_gone());
            self.retired.push(worker.retire());
        } else {
            self.worker = Some(worker);
        }
    }

    /// From now on the worker may start the job. `None` if it has ended.
    fn lend(&self, job: Queued, slot: usize) -> Option<InFlight> {
        let claims = &self.worker.as_ref()?.claims;
        // First, so that a cancel finds it there.
        claims.send(slot, job.id());
        let lease: Arc<dyn Lease> = Arc::<Claims>::clone(claims);
        let payload = job.lend(lease)?;
        Some(InFlight { job, payload })
    }

    /// Puts a job into the message. One that cannot go there fails alone.
    fn add(&mut self, lent: InFlight, jobs: &mut Vec<Option<InFlight>>, message: &mut Vec<JobMessage>) {
        let Some(worker) = &self.worker else { return };
        match lent.payload.sent(&worker.payloads, jobs.len(), lent.id()) {
            Ok(sent) => {
                message.push(sent);
                jobs.push(Some(lent));
            }
            Err(NotSent::Dead) => {
                worker.disconnect();
                jobs.push(Some(lent));
            }
            Err(NotSent::Broken(error)) => {
                self.pending_notifies.push(lent.job.finish(Err(error)));
                jobs.push(None);
            }
        }
    }

    /// How much may be sent behind the job: time, and bytes.
    fn room_behind(&self, first: &InFlight) -> Option<(Duration, usize)> {
        if first.payload.goes_alone() {
            return None;
        }
        let time = AHEAD.checked_sub(self.run_times.of(first.payload.job_type)?)?;
        Some((time, INLINE - first.payload.body.len()))
    }

    /// Adds jobs that wait, if all workers are busy, as many as the worker will have done soon.
    fn send_ahead(
        &mut self,
        (mut time, mut bytes): (Duration, usize),
        jobs: &mut Vec<Option<InFlight>>,
        message: &mut Vec<JobMessage>,
        batch: &mut Batch<'_, Queued>,
    ) {
        let most = self.worker.as_ref().map_or(0, Worker::jobs_left);
        while jobs.len() < SLOTS && (jobs.len() as u64) < most && !time.is_zero() {
            let Some(job) = batch.take() else { return };
            self.kill_switch.take(&job);
            let Some(next) = self.lend(job, jobs.len()) else {
                batch.was_dead();
                continue;
            };
            let cost = if next.payload.goes_alone() { None } else { self.run_times.of(next.payload.job_type) };
            let rest = cost.and_then(|cost| time.checked_sub(cost)).zip(bytes.checked_sub(next.payload.body.len()));
            let Some(rest) = rest else {
                // One that has started is the exchange's to end, although it was not sent.
                return jobs.extend(requeue_or_cancel(next, batch).map(Some));
            };
            (time, bytes) = rest;
            self.add(next, jobs, message);
        }
    }

    /// Ends the job when its time is up.
    fn watch_the_clock(&mut self, lent: &InFlight, batch: &mut Batch<'_, Queued>) {
        let Some((limit, worker)) = lent.payload.timeout.zip(self.worker.as_ref()) else { return };
        let Some(when) = Instant::now().checked_add(limit) else { return };
        let case = lent.case(&self.settings.worker);
        let (clock, alarm) = time_limit::set(lent.job.clone(), limit, case, &worker.claims, &worker.process);
        self.clock = Some(clock);
        batch.push_alarm(when, Box::new(alarm));
    }

    /// The job that was timed had its outcome. One whose time was up is kept now.
    pub(crate) fn stop_the_clock(&mut self) {
        if let Some(clock) = self.clock.take() {
            clock.stop();
        }
    }
}

/// Where a job is that was lent to no worker.
struct Nowhere;

impl Abort for Nowhere {
    fn abort(&self, _: JobId) -> bool {
        false
    }
}

impl Lease for Nowhere {
    fn revoke(&self, _: JobId) -> bool {
        true
    }

    fn has_started(&self, _: JobId) -> bool {
        false
    }
}

impl Drop for ProcessRunner {
    /// Returns when none of its processes is left.
    fn drop(&mut self) {
        if self.kill_switch.is_triggered() {
            // They would have time to end by themselves.
            let idle = self.worker.iter().map(|worker| &worker.process);
            idle.chain(&self.retired).for_each(|process| process.stop());
        }
        self.worker = None;
        for process in &self.retired {
            process.wait();
        }
        watcher::settle();
    }
}

impl Runner for ProcessRunner {
    type Job = Queued;

    fn run(&mut self, job: Queued, batch: &mut Batch<'_, Queued>) -> bool {
        self.kill_switch.take(&job);
        if job.status().is_done() {
            self.kill_switch.let_go();
            return false; // cancelled: no reason to start a process
        }
        let copy = Arc::clone(&job);
        let did_run = catch(|| self.serve(job, batch)).unwrap_or_else(|panic| {
            // A mistake of ours, or of a library below: it must not cost a future its outcome.
            self.worker = None;
            let was_claimed = !copy.is_waiting();
            copy.fail(JobError::Broken(Broken::new(format!(
                "the thread that serves its worker failed ({panic}); report this"
            ))));
            was_claimed
        });
        self.kill_switch.let_go();
        did_run
    }

    fn begin(&mut self) {
        // If it cannot be started, the first job tries again, and tells why.
        let _: Result<(), _> = self.start_worker(None);
    }

    fn stop(&self) -> Option<Arc<dyn Stop>> {
        Some(Arc::<KillSwitch>::clone(&self.kill_switch))
    }
}

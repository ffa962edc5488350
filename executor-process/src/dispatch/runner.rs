//! The process pool's worker thread: it owns a child process and talks to it alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::cell::{Abort, Dispatch, Notify};
use executor_core::panics::{catch, drop_catching};
use executor_core::{Broken, JobError, JobId, job_counters};
use executor_thread::scheduler::{Batch, Lent, LentRun, Runner, Stop};
use parking_lot::Mutex;

use crate::dispatch::exchange::Exchange;
use crate::dispatch::job::Queued;
use crate::dispatch::kill_switch::KillSwitch;
use crate::dispatch::run_time::RunTimes;
use crate::dispatch::settings::PoolSettings;
use crate::dispatch::worker_loss::not_started;
use crate::supervisor::child::{Child, Starts};
use crate::supervisor::claims::Kill;
use crate::supervisor::delivery::DeliveryUser;
use crate::supervisor::listener::Retired;
use crate::supervisor::start::{NotStarted, Worker};
use crate::supervisor::watcher;

/// From a failed start to the next one, while other threads start workers.
const RETRY_SOON: Duration = Duration::from_millis(100);

/// The first worker, or why there is none.
pub(crate) type FirstStart = Result<Arc<Child>, String>;

/// Runs jobs in a child process, which it starts when the first one comes, and again when it died.
pub(crate) struct ProcessRunner {
    kill_switch: Arc<KillSwitch>,
    serving: Arc<Slot>,
}

/// A runner's state, while no thread uses it: the runner's own, or one that waits for a job.
struct Slot(Mutex<Option<Box<Serving>>>);

/// The state of a runner.
pub(crate) struct Serving {
    settings: Arc<PoolSettings>,
    name: Arc<str>,
    kill_switch: Arc<KillSwitch>,
    pub(super) worker: Option<Worker>,
    /// Reports the first worker, or why there is none.
    first_start: Option<oneshot::Sender<FirstStart>>,
    run_times: RunTimes,
    /// Those that have run their last job, and may still be there.
    retired: Vec<Retired>,
    /// Notifications of ended jobs, not yet fired.
    pending_notifies: Vec<Notify>,
    /// Dropped last: what the workers say as they end is delivered, too.
    _delivers: DeliveryUser,
}

impl ProcessRunner {
    pub(crate) fn new(settings: Arc<PoolSettings>, name: Arc<str>) -> Self {
        Self::telling(settings, name, None)
    }

    /// As `new`, and tells of its first worker once that is ready, or why there is none.
    pub(crate) fn telling(
        settings: Arc<PoolSettings>,
        name: Arc<str>,
        first_start: Option<oneshot::Sender<FirstStart>>,
    ) -> Self {
        let (delivers, kill_switch) = (settings.worker.delivery.user(), Arc::<KillSwitch>::default());
        let serving = Serving {
            settings,
            name,
            kill_switch: Arc::clone(&kill_switch),
            worker: None,
            first_start,
            run_times: RunTimes::default(),
            retired: Vec::new(),
            pending_notifies: Vec::new(),
            _delivers: delivers,
        };
        Self { kill_switch, serving: Arc::new(Slot(Mutex::new(Some(Box::new(serving))))) }
    }

    /// Calls `f` with the state. Not under its lock, since it runs code of a user's.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut Serving) -> T) -> T {
        let mut serving = self.serving.0.lock().take().expect("a runner that is lent runs nothing itself");
        let result = f(&mut serving);
        *self.serving.0.lock() = Some(serving);
        result
    }
}

impl Serving {
    /// Sends the job to a worker, and others with it if they are short, and brings them to their
    /// outcomes. False if it had ended before.
    fn serve(&mut self, job: Queued, batch: &mut Batch<'_, Queued>) -> bool {
        let (worker, job) = match self.ensure_worker(job, batch) {
            Ok(ready) => ready,
            Err(was_claimed) => return was_claimed,
        };
        self.exchange(worker, job, batch)
    }

    /// The same with the worker that is there, dead or alive.
    fn serve_ready(&mut self, job: Queued, batch: &mut Batch<'_, Queued>) -> bool {
        match self.worker.take() {
            Some(worker) => self.exchange(worker, job, batch),
            None => self.serve(job, batch),
        }
    }

    fn exchange(&mut self, worker: Worker, job: Queued, batch: &mut Batch<'_, Queued>) -> bool {
        let Self { settings, run_times, pending_notifies, kill_switch, .. } = self;
        let mut exchange = Exchange::new(worker, settings, run_times, pending_notifies, batch);
        let Some(message) = exchange.fill(job, kill_switch) else {
            self.worker = Some(exchange.into_worker());
            return false;
        };
        if let Some(worker) = exchange.run(message) {
            self.keep(worker);
        }
        true
    }

    /// Returns a worker for the job, and the job. Starts one by some tries.
    ///
    /// # Errors
    ///
    /// The return value of [`run`](Runner::run): the job was left to others, or has failed.
    fn ensure_worker(&mut self, mut job: Queued, batch: &mut Batch<'_, Queued>) -> Result<(Worker, Queued), bool> {
        let settings = Arc::clone(&self.settings);
        for failed in 1.. {
            let error = match self.start_worker(Some(batch)) {
                Ok(worker) => return Ok((worker, job)),
                Err(error) => error,
            };
            let reason = error.reason();
            let text = format_args!("one could not be started: {reason}");
            let starts = settings.worker.pids.starts();
            let left = self.leave_to_others(job, batch);
            // Where there was no process, none was lost; unless the pool has no other to go on with.
            if matches!(error, NotStarted::Lost(_)) || left.is_err() && starts.is_empty() {
                settings.budget.spend(None, &text, batch);
            }
            job = match left {
                Ok(()) => return Err(true),
                Err(job) => job,
            };
            if job.status().is_done() {
                break; // cancelled meanwhile: no reason to start another
            }
            if failed >= settings.tries || self.kill_switch.is_triggered() {
                self.give_up(job, reason);
                break;
            }
            self.wait_for_others(&starts, failed);
        }
        // It was not claimed, since there is no worker: until its outcome, it can be cancelled.
        Err(false)
    }

    /// Blocks while other threads start workers: one of these may soon take the job, or may hold the very descriptors that this thread lacked. The first try
    /// after a failure comes soon, in case one of the others hangs.
    fn wait_for_others(&self, starts: &Starts, failed: u32) {
        let limit = if failed == 1 { RETRY_SOON } else { self.settings.worker.start_limit / 2 };
        self.settings.worker.pids.wait_for(starts, limit);
    }

    /// Ends a job for which no worker could be started, for this `reason`.
    fn give_up(&mut self, job: Queued, reason: &str) {
        if let Some(first_start) = self.first_start.take() {
            let _ = first_start.send(Err(reason.to_owned()));
        }
        if self.kill_switch.is_triggered() {
            KillSwitch::end(&job);
        } else {
            let text = not_started(self.settings.tries, &reason);
            job.fail(JobError::Broken(Broken::new(text)));
        }
    }

    /// Leaves the job to the pool's other workers, where one is ready, and has this thread end: the next job that it took would fare no
    /// better. A worker that is ready brings a job nearer to its outcome before it dies, so no job is left for ever.
    ///
    /// # Errors
    ///
    /// The job, where there are none.
    fn leave_to_others(&self, job: Queued, batch: &mut Batch<'_, Queued>) -> Result<(), Queued> {
        if self.kill_switch.is_triggered() || !self.settings.worker.pids.has_ready() {
            return Err(job);
        }
        let Some(payload) = job.dispatch(Arc::new(Nowhere)) else { return Err(job) };
        let priority = payload.priority;
        if job.take_back(payload).is_err() {
            // It was cancelled meanwhile: see `requeue_or_cancel`.
            job.cancel();
            return Ok(());
        }
        batch.retire(job, priority)
    }

    /// Returns the worker, or starts one if there is none. One that died while it was idle cost no
    /// job, but is a loss all the same.
    fn start_worker(&mut self, batch: Option<&Batch<'_, Queued>>) -> Result<Worker, NotStarted> {
        if let Some(worker) = self.worker.take() {
            if !worker.process.has_died() {
                return Ok(worker);
            }
            if let Some(batch) = batch {
                let text = format_args!("process {} died while idle", worker.process.pid());
                self.settings.budget.spend(None, &text, batch);
            }
        }
        if self.kill_switch.is_triggered() {
            return Err(NotStarted::Refused("the pool is being killed".to_owned()));
        }
        let since = Instant::now();
        let started = Worker::start(&self.settings.worker, &self.name, |process| self.kill_switch.start(process));
        if let Some((template, batch)) = self.settings.worker.template.as_ref().zip(batch) {
            for loss in template.take_losses() {
                self.settings.budget.spend(None, &loss, batch);
            }
        }
        let pid = started.as_ref().ok().map(|worker| worker.process.pid());
        job_counters::worker_started(since.elapsed(), pid);
        let worker = started?;
        if let Some(first_start) = self.first_start.take() {
            // The thread that spawns the process waits for it.
            let _ = first_start.send(Ok(Arc::clone(&worker.process)));
        }
        Ok(worker)
    }

    /// Ends the jobs in hand, and the worker, after a mistake of ours, or of a library below: it must not cost a future its outcome.
    fn fail_all(&mut self, in_hand: Vec<Queued>, panic: &JobError) {
        self.worker = None;
        let text = format!("the thread of its worker failed ({panic}); this is a bug in `executor`: please report it");
        let broken = Broken::new(text);
        for job in in_hand {
            if !job.status().is_done() {
                self.pending_notifies.extend(job.fail(JobError::Broken(broken.clone())));
            }
        }
    }

    /// Keeps a worker that has run some jobs. If it has lived long enough, it is retired: no job
    /// waits for its end, and the next one gets another worker.
    fn keep(&mut self, worker: Worker) {
        if worker.is_worn() {
            self.retired.retain(|retired| {
                let is_gone = retired.process.is_gone();
                if is_gone {
                    // Its last output is there.
                    retired.wait();
                }
                !is_gone
            });
            self.retired.push(worker.retire());
        } else {
            self.worker = Some(worker);
        }
    }
}

/// Stands for a worker where there is none.
struct Nowhere;

impl Abort for Nowhere {
    fn abort(&self, _: JobId) -> bool {
        false
    }
}

impl Dispatch for Nowhere {
    fn revoke(&self, _: JobId) -> bool {
        true
    }

    fn has_started(&self, _: JobId) -> bool {
        false
    }
}

impl Drop for Serving {
    /// Returns when none of its processes is left.
    fn drop(&mut self) {
        if self.kill_switch.is_triggered() {
            // They would have time to end by themselves.
            let idle = self.worker.iter().map(|worker| &worker.process);
            let retired = self.retired.iter().map(|retired| &retired.process);
            idle.chain(retired).for_each(|process| process.stop());
        }
        self.worker = None;
        for retired in &self.retired {
            retired.wait();
        }
        watcher::settle();
    }
}

impl Serving {
    /// Brings the job to its outcome by `serve`. False if it had ended before. The notifications of what has ended are still to be fired.
    fn run(
        &mut self,
        job: Queued,
        batch: &mut Batch<'_, Queued>,
        serve: fn(&mut Self, Queued, &mut Batch<'_, Queued>) -> bool,
    ) -> bool {
        self.kill_switch.take(&job);
        if job.status().is_done() {
            drop(self.kill_switch.let_go());
            return false; // cancelled: no reason to start a process
        }
        let copy = Arc::clone(&job);
        let served = catch(|| serve(self, job, batch));
        let in_hand = self.kill_switch.let_go();
        served.unwrap_or_else(|panic| {
            let was_claimed = !copy.is_waiting();
            self.fail_all(in_hand, &panic);
            was_claimed
        })
    }

    fn take_notifies(&mut self) -> Vec<Notify> {
        std::mem::take(&mut self.pending_notifies)
    }

    /// Whether there is a worker, so that a job needs no new one. A process that another thread starts would end with that thread.
    fn is_ready(&self) -> bool {
        self.worker.as_ref().is_some_and(|worker| !worker.process.has_died())
    }
}

impl Lent<Queued> for Slot {
    fn run(&self, job: Queued, batch: &mut Batch<'_, Queued>) -> Result<LentRun, Queued> {
        let Some(mut serving) = self.0.lock().take() else { return Err(job) };
        let result = if serving.is_ready() {
            let was_claimed = serving.run(job, batch, Serving::serve_ready);
            Ok(LentRun { was_claimed, notifies: serving.take_notifies() })
        } else {
            Err(job)
        };
        *self.0.lock() = Some(serving);
        result
    }
}

impl Runner for ProcessRunner {
    type Job = Queued;

    fn run(&mut self, job: Queued, batch: &mut Batch<'_, Queued>) -> bool {
        self.with(|serving| {
            let was_claimed = serving.run(job, batch, Serving::serve);
            for notify in serving.take_notifies() {
                drop_catching(catch(|| notify.fire()));
            }
            was_claimed
        })
    }

    fn begin(&mut self) {
        // If it cannot be started, the first job tries again, and tells why.
        self.with(|serving| serving.worker = serving.start_worker(None).ok());
    }

    fn lend(&self) -> Option<Arc<dyn Lent<Queued>>> {
        Some(Arc::<Slot>::clone(&self.serving))
    }

    fn stop(&self) -> Option<Arc<dyn Stop>> {
        Some(Arc::<KillSwitch>::clone(&self.kill_switch))
    }
}

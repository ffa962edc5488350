//! The report of what a scheduler is doing.

use std::sync::Arc;

use executor_core::Priority;
use executor_core::dump::{Dump, PoolState, QueueDump, WorkerDump, WorkerState as Shown};
use executor_core::observe::RunningJob;
use executor_core::registry::QueueRegistration;

use super::queued::Queued;
use super::runner::Runner;
use super::shared::Shared;
use super::state::{State, Wake};
use super::supply::RayonThreads;
use super::worker_state::{Activity, WorkerState};

/// No more jobs of each priority than this are listed.
const MOST_OLDEST: usize = 3;

const PRIORITIES: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

impl<R: Runner + 'static> Shared<R> {
    /// Makes the report. The lock is held for a moment, and no code of a user's runs under it.
    pub(super) fn dump(&self) -> Dump {
        let mut dump = Dump::new(self.config.name.clone(), self.config.kind);
        dump.is_measured = self.config.measure;
        dump.max_workers = self.config.workers;
        dump.has_spare_threads = self.rayon.is_none();
        let running = self.counters.running();
        let mut state = self.lock();
        // Jobs that wait in local queues are shown, too.
        let wake = if state.return_all() { state.wake() } else { Wake::NoWorker };
        dump.stats = self.look(&state);
        dump.state = pool_state(&state);
        dump.queue = queue(&state, self.config.capacity);
        let workers = state.workers.list();
        drop(state);
        self.perform(wake);
        dump.workers = self.workers(workers, &running);
        let own = [&self.queue, &self.delay, &self.cancel_on_shutdown, &self.taken, &self.never_due];
        let mut dump = dump.with_activities(running, &own.map(QueueRegistration::id));
        if let Some(inspect) = &self.config.inspect {
            inspect.add_to(&mut dump);
            dump.diagnose();
        }
        dump
    }

    fn workers(&self, list: Vec<(usize, WorkerState)>, running: &[RunningJob]) -> Vec<WorkerDump> {
        if self.rayon.is_some() {
            return self.rayon_workers(running);
        }
        let of = |(number, state)| WorkerDump::new(format!("{}-{number}", self.config.name).into(), shown(state));
        let mut workers: Vec<_> = list.into_iter().map(of).collect();
        workers.sort_by_key(|worker| (worker.name.len(), worker.name.clone()));
        workers
    }

    /// Rayon does not tell what its threads do. They are busy if they run jobs of this scheduler, or wait in one.
    fn rayon_workers(&self, running: &[RunningJob]) -> Vec<WorkerDump> {
        let names = self.rayon.as_ref().map(RayonThreads::names).unwrap_or_default();
        let is_busy = |name: &Arc<str>| running.iter().any(|job| job.worker == *name);
        let state = |name: &Arc<str>| if is_busy(name) { Shown::Running } else { Shown::Idle };
        names.into_iter().map(|name| WorkerDump::new(name.clone(), state(&name))).collect()
    }
}

fn pool_state<J: Queued>(state: &State<J>) -> PoolState {
    match (state.is_open, &state.broken) {
        (true, _) => PoolState::Open,
        (false, Some(_)) => PoolState::Broken,
        (false, None) if state.is_gone() => PoolState::Closed,
        (false, None) => PoolState::Closing,
    }
}

fn shown(state: WorkerState) -> Shown {
    match state {
        WorkerState::Searching => Shown::Searching,
        WorkerState::Asleep => Shown::Idle,
        WorkerState::Active(Activity::Preparing) => Shown::Preparing,
        WorkerState::Active(Activity::Running | Activity::Retiring) => Shown::Running,
        WorkerState::Blocked(_) => Shown::Blocked,
    }
}

fn queue<J: Queued>(state: &State<J>, capacity: Option<usize>) -> QueueDump {
    let mut queue = QueueDump::default();
    queue.lanes = state.lanes.lens();
    queue.capacity = capacity;
    queue.blocked_submitters = state.waiters.threads + state.waiters.tasks.len();
    let oldest = |priority| {
        let waiting = state.lanes.iter(priority).filter(|job| job.is_waiting()).take(MOST_OLDEST);
        waiting.filter_map(move |job| job.as_queued_job(priority))
    };
    queue.oldest = PRIORITIES.into_iter().flat_map(oldest).collect();
    queue.next_due = state.delayed.next_job();
    (queue.callbacks, queue.runs_callback) = (state.callbacks.queue.len(), state.callbacks.is_running);
    queue
}

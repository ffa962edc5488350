//! A worker's thread: it takes jobs, and gives them to its runner.

use std::sync::Arc;
use std::time::Instant;

use executor_core::cell::Notify;
use executor_core::current::{self, Worker};
use executor_core::panics::{catch, drop_catching};
use executor_core::{Broken, JobError};

use super::batch::Batch;
use super::identity;
use super::queued::Queued;
use super::registry::Role;
use super::runner::Runner;
use super::shared::Shared;
use super::sync::{self, Ordering, Parker, Unparker};
use super::workers::WorkerLocal;

/// The body of a worker's thread, which was begun at this moment, if that is measured.
pub(super) fn work<R: Runner + 'static>(
    shared: &Arc<Shared<R>>,
    mut local: WorkerLocal<R::Job>,
    since: Option<Instant>,
) {
    identity::enter(shared.identity(), Some(local.place));
    let _member = shared.local_counters(since);
    let name: Arc<str> = Arc::from(sync::current().name().unwrap_or_default());
    let host: Arc<dyn current::Host> = shared.clone();
    current::set_worker(Some(Worker { name: Some(name.clone()), state: None, host: Some(host) }));
    let parker = Parker::new();
    let mut runner = None;
    while let Some(task) = shared.next(&mut local, &parker, runner.as_ref()) {
        shared.begin(&mut local);
        let outcome = match shared.make_runner_unless(&mut runner, local.number, &name) {
            Ok(runner) => catch(|| match task {
                Task::Run(job) => runner.run(job, &mut Batch::new(shared, Some(&mut local))),
                Task::Begin => {
                    runner.begin();
                    true
                }
            }),
            Err(error) => {
                drop_catching(catch(|| drop(task.fail(error))));
                Ok(false)
            }
        };
        if !shared.origin.is_here() {
            // A job has forked, and has returned in the new process, too: what waits is run where it was accepted.
            return std::mem::forget((runner, local));
        }
        shared.settle_extra(&mut local);
        match outcome {
            Ok(true) => {}
            Ok(false) => shared.found_tombstone(&local),
            // A runner that panicked may be broken. The next job gets a new one.
            Err(_) => shared.drop_runner(local.number, &mut runner),
        }
    }
    // It is counted out: what waits from here on, in a hook or a drop, is no matter of the scheduler's.
    current::leave_host();
    shared.begin(&mut local);
    shared.config.hooks.stop();
    shared.drop_runner(local.number, &mut runner);
    drop_catching(catch(|| current::set_worker(None)));
    shared.gone(Role::Worker(local.number));
}

/// The next thing that a worker is to do.
enum Task<J> {
    Run(J),
    /// Nothing, but to be ready.
    Begin,
}

impl<J: Queued> Task<J> {
    /// Ends the job, which no runner can take.
    fn fail(self, error: JobError) -> Option<Notify> {
        match self {
            Self::Run(job) => job.fail(error),
            Self::Begin => None,
        }
    }
}

impl<R: Runner + 'static> Shared<R> {
    /// The worker's runner, made now if there is none.
    fn make_runner_unless<'a>(
        &self,
        there_is: &'a mut Option<R>,
        number: usize,
        name: &Arc<str>,
    ) -> Result<&'a mut R, JobError> {
        if there_is.is_none() {
            let made = catch(|| self.make_runner(number, name)).map_err(|error| {
                JobError::Broken(Broken::new(format!(
                    "its worker could not be created ({error}); fix the function that creates runners"
                )))
            })?;
            *there_is = Some(made);
        }
        Ok(there_is.as_mut().expect("it was there, or is now"))
    }

    fn make_runner(&self, number: usize, name: &Arc<str>) -> R {
        let runner = (self.make)(name);
        if let Some(stop) = runner.stop() {
            let is_late = self.stops.lock().add(number, stop.clone());
            if is_late {
                stop.stop();
            }
        }
        runner
    }

    fn drop_runner(&self, number: usize, runner: &mut Option<R>) {
        drop_catching(runner.take());
        let stop = self.stops.lock().remove(number);
        drop_catching(stop);
    }

    /// The next thing to do. Waits for it. `None` when the worker is to end: it was counted out by then.
    fn next(&self, local: &mut WorkerLocal<R::Job>, parker: &Parker, runner: Option<&R>) -> Option<Task<R::Job>> {
        // Relaxed: an urgent job that is seen late is late by one job.
        if !self.is_urgent.load(Ordering::Relaxed) {
            if let Some(job) = local.jobs.pop() {
                local.has_mail = false;
                return Some(Task::Run(job));
            }
        }
        // Before the worker can sleep: it counts as one that waits or one that sleeps, not as both.
        current::end_blocks();
        let mut has_spun = false;
        let mut state = self.lock();
        state.has_begun(local);
        loop {
            state.workers.count_local_jobs(local);
            if let Some(mail) = state.take_mail(local) {
                return Some(Task::Run(mail));
            }
            if state.is_retiring(local) {
                break;
            }
            if state.is_over_width() {
                state.put_back(local);
                if state.enough_idle() {
                    break;
                }
            } else if let Some(job) = state.take(local, self.config.capacity.is_none()) {
                if !self.releases_slot(&job) {
                    state.lanes.removed_tombstones(1);
                    drop(state);
                    drop(job);
                    state = self.lock();
                    continue;
                }
                self.is_urgent.store(state.is_urgent(), Ordering::Relaxed);
                let wake = state.wake();
                let free = state.waiters.one();
                drop(state);
                self.perform(wake);
                self.notify_slot(free);
                return Some(Task::Run(job));
            } else if state.is_over() {
                break;
            } else if state.workers.is_called(local) {
                state.begin(local);
                return Some(Task::Begin);
            } else if !has_spun && !state.is_spinning {
                has_spun = true;
                state.search(local);
                self.tell_if_idle(&state);
                state.is_spinning = true;
                self.job_arrived.store(false, Ordering::Relaxed);
                drop(state);
                self.spin();
                state = self.lock();
                state.is_spinning = false;
                continue;
            } else if !local.has_begun {
                // Not as one who searches: others would wait for its hook.
                state.found(local);
                drop(state);
                self.begin(local);
                state = self.lock();
                continue;
            }
            if let Some(lent) = runner.filter(|_| state.lending.is_wanted()).and_then(Runner::lend) {
                state.fall_asleep_lending(local, parker.unparker().clone(), lent);
                state = self.sleep_lending(state, local, parker);
                state.wake_up(local);
                continue;
            }
            // Only those that the pool can do without have a time to end.
            let until = (state.workers() > self.config.min_workers)
                .then(|| sync::now().checked_add(self.config.keep_alive))
                .flatten();
            state.fall_asleep(local, parker.unparker().clone());
            self.tell_if_idle(&state);
            drop(state);
            match until {
                Some(until) => parker.park_deadline(until),
                None => parker.park(),
            }
            state = self.lock();
            let is_late = until.is_some_and(|until| sync::now() >= until);
            if !state.wake_up(local) && is_late && state.workers() > self.config.min_workers {
                break;
            }
        }
        // It is counted out; its thread ends soon after.
        state.put_back(local);
        let mail = state.leave(local);
        debug_assert!(mail.is_empty(), "a worker empties its mailbox before it leaves");
        let (sleepers, wake) = (state.wake_if_over(), state.wake());
        self.tell_if_idle(&state);
        drop(state);
        self.due.notify_all();
        sleepers.iter().for_each(Unparker::unpark);
        self.perform(wake);
        None
    }

    /// Calls the hook for the start of the worker's thread, once: when it has its first job, so that a slow hook is not in the way of
    /// other jobs, or has nothing to do.
    fn begin(&self, local: &mut WorkerLocal<R::Job>) {
        if !std::mem::replace(&mut local.has_begun, true) {
            let since = self.start_begins();
            self.config.hooks.start();
            self.has_started(since);
            current::end_blocks();
        }
    }

    /// For some microseconds: less than it takes to sleep and be woken.
    fn spin(&self) {
        // Relaxed: the lock that is taken next orders what comes after.
        sync::spin(|| self.job_arrived.load(Ordering::Relaxed) || self.inbox.has_jobs());
    }
}

//! A thread that waits for its job runs it on the runner of a worker that sleeps.
//!
//! A thread that submits a job and waits for it at once, again and again, would wake a worker for each, and be woken by it: two switches
//! of threads, which cost more than a short job in another process. So once this was seen some times in a row, the worker lends its
//! runner as it falls asleep, and the next job that comes alone is held: no worker is woken for it. The wait takes the job and the runner,
//! under the scheduler's lock, and the worker counts as running until the runner is given back.
//!
//! A held job never depends on its submitter. A worker that lends its runner looks every [`LOOK`] whether there was a use of a lent
//! runner. If there was none, it takes the held job, and holding ends until waits come at once again. So a job whose submitter does not come
//! starts after two looks at most, and an idle pool has at most one look more.

use std::time::Duration;

use executor_core::cell::Notify;
use executor_core::current::activity::{self, ActivityKind};
use executor_core::current::{self, Worker};
use executor_core::panics::catch;
use executor_core::{JobId, Priority};

use super::batch::Batch;
use super::identity;
use super::locked::Locked;
use super::runner::{LentRun, Runner};
use super::shared::Shared;
use super::state::{Sleeper, Waiter};
use super::sync::{self, Parker};
use super::workers::WorkerLocal;

/// How long a worker that lends its runner sleeps until it looks whether that is used.
/// A test's thread may lose its core meanwhile.
const LOOK: Duration = if cfg!(test) { Duration::from_millis(100) } else { Duration::from_micros(500) };

impl<R: Runner + 'static> Shared<R> {
    /// The worker sleeps, and its runner is lent to threads that wait, until it is woken or the runner is used no more.
    pub(super) fn sleep_lending<'a>(
        &'a self,
        mut state: Locked<'a, R>,
        local: &WorkerLocal<R::Job>,
        parker: &Parker,
    ) -> Locked<'a, R> {
        let mut seen = state.lending.uses();
        self.tell_if_idle(&state);
        loop {
            drop(state);
            match sync::now().checked_add(LOOK) {
                Some(until) => parker.park_deadline(until),
                None => parker.park(),
            }
            state = self.lock();
            let sleeps_on = state.is_lent(local) || state.is_asleep(local) && state.lending.is_used(&mut seen);
            if !sleeps_on {
                return state;
            }
        }
    }

    /// The calling thread is about to block until the job has its outcome. Runs the job if it is held for this thread.
    pub(super) fn wait_begins(&self, id: JobId, is_limited: bool) {
        if !self.origin.is_here() {
            return;
        }
        // A worker of any pool has a stand-in while it blocks, but not while it runs a job.
        let is_limited = is_limited || current::queue_id().is_some();
        self.lendable.wait_begins(id);
        let submitted_at = self.lendable.submitted_at(id);
        let mut state = self.lock();
        if let Some(when) = submitted_at {
            state.lending.was_submitted(id, when);
        }
        match state.wait_begins(id, is_limited, sync::now(), |job| self.releases_slot(job)) {
            Waiter::Blocks => {}
            Waiter::Wakes(wake) => {
                drop(state);
                self.perform(wake);
            }
            Waiter::Drops(job) => {
                drop(state);
                drop(job);
            }
            Waiter::Runs(job, sleeper) => {
                let free = state.waiters.one();
                drop(state);
                self.notify_slot(free);
                self.run_lent(id, job, sleeper);
            }
        }
    }

    fn run_lent(&self, id: JobId, job: R::Job, sleeper: Sleeper<R::Job>) {
        let Some(shared) = self.this.upgrade() else { return };
        let ran = {
            let _waits =
                activity::begin(ActivityKind::WaitForJob { id, description: None, queue_id: Some(self.queue.id()) });
            let _counters = self.shared_counters();
            let _host = HostOf::enter(self);
            // A mistake of ours, or of a library below, must not cost the worker its runner.
            catch(|| match &sleeper.lent {
                Some(lent) => lent.run(job, &mut Batch::new(&shared, None)),
                None => Err(job),
            })
        };
        let (notifies, left): (Vec<Notify>, _) = match ran {
            Ok(Ok(LentRun { was_claimed, notifies })) => {
                if !was_claimed {
                    self.taken_had_ended(&mut self.lock());
                }
                (notifies, None)
            }
            Ok(Err(job)) => (Vec::new(), Some(job)),
            Err(_) => (Vec::new(), None),
        };
        let wakes = self.end(|state| state.give_back_runner(sleeper));
        if let Some(unparker) = wakes {
            unparker.unpark();
        }
        if let Some(job) = left {
            Shared::give_back(self, None, job, Priority::Normal);
        }
        // Now a callback may wait for another job of the same runner.
        notifies.into_iter().for_each(Notify::fire);
    }
}

/// The thread runs a job in place of a worker until this is dropped.
struct HostOf {
    worker: Option<Worker>,
}

impl HostOf {
    fn enter<R: Runner + 'static>(shared: &Shared<R>) -> Self {
        identity::enter_host(shared.identity());
        Self { worker: current::replace_worker(None) }
    }
}

impl Drop for HostOf {
    fn drop(&mut self) {
        current::set_worker(self.worker.take());
        identity::leave_host();
    }
}

#[cfg(all(test, not(loom)))]
pub(super) mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use executor_core::Future;
    use executor_core::cell::{Cell, Task};

    use super::super::handle::Scheduler;
    use super::super::runner::Lent;
    use super::*;

    type Job = Arc<dyn Task<u64, u64>>;

    /// Adds one to numbers, and lends itself.
    #[derive(Clone, Default)]
    pub(in crate::scheduler) struct Adder {
        /// How many jobs ran on threads that waited for them.
        pub(in crate::scheduler) lent: Arc<AtomicUsize>,
    }

    fn add(job: Job) -> (bool, Vec<Notify>) {
        let Some(number) = job.claim(None) else { return (false, Vec::new()) };
        (true, vec![job.finish(Ok(number + 1))])
    }

    impl Runner for Adder {
        type Job = Job;

        fn run(&mut self, job: Job, _: &mut Batch<'_, Job>) -> bool {
            let (was_claimed, notifies) = add(job);
            notifies.into_iter().for_each(Notify::fire);
            was_claimed
        }

        fn lend(&self) -> Option<Arc<dyn Lent<Job>>> {
            Some(Arc::new(self.clone()))
        }
    }

    impl Lent<Job> for Adder {
        fn run(&self, job: Job, _: &mut Batch<'_, Job>) -> Result<LentRun, Job> {
            if self.lent.fetch_add(1, Ordering::SeqCst) % 5 == 4 {
                return Err(job);
            }
            let (was_claimed, notifies) = add(job);
            Ok(LentRun { was_claimed, notifies })
        }
    }

    pub(in crate::scheduler) fn submit(to: &Scheduler<Adder>, number: u64) -> Future<u64> {
        let cell = Arc::new(Cell::queued(number, Ok).at(to.queue()));
        assert!(to.push(Priority::Normal, cell.clone()).is_ok(), "it is open");
        Future::of(cell)
    }

    #[cfg(not(shuttle))]
    mod threads {
        use std::thread;

        use super::super::super::config::Config;
        use super::super::super::owned::Owned;
        use super::*;

        fn adder(config: Config) -> (Owned<Adder>, Arc<AtomicUsize>) {
            let adder = Adder::default();
            let lent = adder.lent.clone();
            (Owned::new(config, move |_| adder.clone()), lent)
        }

        /// Submits and waits until some jobs ran on this thread. Where others keep it from that, the test says nothing.
        fn warm_up(scheduler: &Scheduler<Adder>, lent: &AtomicUsize) -> bool {
            let before = lent.load(Ordering::SeqCst);
            (0..1_000_000).any(|number| {
                assert_eq!(submit(scheduler, number).result().unwrap(), number + 1);
                lent.load(Ordering::SeqCst) > before + 20
            })
        }

        #[test]
        fn waiters_run_their_jobs() {
            for capacity in [None, Some(1)] {
                let (scheduler, lent) = adder(Config { capacity, ..Config::new("lends", 1) });
                assert!(warm_up(&scheduler, &lent));
                assert!(scheduler.wait_idle(None));
                assert_eq!((scheduler.stats().running, scheduler.stats().queued), (0, 0));
            }
        }

        /// Nothing but the worker itself can take the job.
        #[test]
        fn job_without_waiter_is_run() {
            let (scheduler, lent) = adder(Config::new("lends", 1));
            for _ in 0..20 {
                assert!(warm_up(&scheduler, &lent));
                let future = submit(&scheduler, 7);
                while !future.is_done() {
                    thread::yield_now();
                }
            }
        }

        #[test]
        fn submits_hold_jobs_only_while_they_are_waited_for_at_once() {
            let (scheduler, lent) = adder(Config::new("lends", 1));
            let lendable = |scheduler: &Owned<Adder>| scheduler.shared().expect("it is open").lendable.are_held();
            assert!(!lendable(&scheduler));
            assert!(warm_up(&scheduler, &lent));
            let futures: Vec<_> = (0..100).map(|number| submit(&scheduler, number)).collect();
            assert!(!lendable(&scheduler));
            futures.into_iter().zip(1..).for_each(|(future, number)| assert_eq!(future.result().unwrap(), number));
        }

        #[test]
        fn cancelled_job_is_not_run() {
            let (scheduler, lent) = adder(Config::new("lends", 1));
            for _ in 0..20 {
                assert!(warm_up(&scheduler, &lent));
                let future = submit(&scheduler, 7);
                if future.cancel() {
                    assert!(future.result().is_err_and(|error| error.is_cancelled()));
                } else {
                    assert_eq!(future.result().unwrap(), 8);
                }
                assert!(scheduler.wait_idle(None));
                assert_eq!(scheduler.stats().queued, 0);
            }
        }

        #[test]
        fn many_waiters_share_few_runners() {
            let (scheduler, _) = adder(Config::new("lends", 2));
            thread::scope(|scope| {
                for thread in 0..4 {
                    let scheduler = scheduler.handle();
                    scope.spawn(move || {
                        for number in (0..5_000).map(|number| number * 4 + thread) {
                            let future = submit(&scheduler, number);
                            match number % 11 {
                                0 => drop(future),
                                1 => assert!(future.wait_timeout(std::time::Duration::from_secs(60))),
                                _ => assert_eq!(future.result().unwrap(), number + 1),
                            }
                        }
                    });
                }
            });
            scheduler.shutdown(true);
            assert_eq!(scheduler.stats().done(), 20_000);
        }
    }
}

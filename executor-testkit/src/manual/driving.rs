//! Drives it: until there is nothing to do, through time, and for a thread that waits.

use std::sync::Weak;
use std::time::{Duration, Instant};

use executor_core::drive::{self, Driven, Driver, Wait};
use executor_core::{current, queue_id::QueueId};

use super::inside::{self, Stack};
use super::shared::Shared;

impl Shared {
    /// This thread is one that drives it.
    pub(super) fn driven_here(&self) {
        let me: Weak<dyn Driver> = self.weak();
        drive::register(me);
    }

    pub(super) fn is_driven_here(&self) -> bool {
        let me: Weak<dyn Driver> = self.weak();
        drive::is_driven_here(&me)
    }

    pub(super) fn run_until_idle(&self) -> usize {
        std::iter::from_fn(|| self.run_one(None).then_some(())).count()
    }

    /// Runs what is queued, and what falls due in the time that is `length` from now.
    pub(super) fn advance(&self, length: Duration) -> usize {
        let until = self.after(length);
        let mut count = self.run_until_idle();
        while self.step(until) {
            count += self.run_until_idle();
        }
        count
    }

    /// Lets time pass. Jobs that fall due are queued, and time limits end, but no job is run.
    pub(super) fn elapse(&self, length: Duration) {
        let until = self.after(length);
        while self.step(until) {}
        self.notify();
    }

    /// The next thing that happens, at its time, if that is not later than `until`.
    fn jump(&self, until: Option<Instant>) -> bool {
        let due = self.next_due();
        due.is_some_and(|due| until.is_none_or(|until| due <= until) && self.step(due))
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let mut cancelled = Vec::new();
        let due = self.lock().clock.next_due(&mut cancelled);
        drop(cancelled);
        due
    }

    /// Runs everything, delayed jobs at their time. Returns when nothing is left; at once inside of a job or callback.
    pub(super) fn drain(&self) {
        if self.is_inside() {
            return;
        }
        self.driven_here();
        loop {
            if self.has_own_thread() {
                self.wait_for_threads(None);
                return;
            }
            if self.run_one(None) {
                continue;
            }
            if self.lock().is_idle() {
                return;
            }
            if self.jump(None) {
                continue;
            }
            let (mut state, mut cancelled) = (self.lock(), Vec::new());
            // The jobs left run on other threads, which notify when they end.
            if !state.is_idle() && state.lanes.is_empty() && state.clock.next_due(&mut cancelled).is_none() {
                self.changed.wait(&mut state);
            }
        }
    }

    /// Runs what is queued or falls due by `deadline`, while it is not later. Returns whether nothing is left; if something is, it is
    /// `deadline` then.
    pub(super) fn drain_until(&self, deadline: Instant) -> bool {
        if self.is_inside() {
            return false;
        }
        self.driven_here();
        while self.now() <= deadline {
            if self.has_own_thread() {
                return self.wait_for_threads(Some(deadline));
            }
            if self.run_one(None) {
                continue;
            }
            if self.lock().is_idle() {
                return true;
            }
            if !self.jump(Some(deadline)) {
                self.lock().clock.reach(deadline);
                break;
            }
        }
        self.lock().is_idle()
    }

    fn drive_here(&self, wait: &Wait<'_>) -> Driven {
        while !wait.is_over() {
            if self.help(wait) || self.run_one(None) || self.jump(wait.deadline()) {
                continue;
            }
            if let Some(deadline) = wait.deadline() {
                self.lock().clock.reach(deadline);
                return if wait.is_over() { Driven::Over } else { Driven::TimeIsUp };
            }
            let jobs_here = inside::jobs_inside(self.address());
            let state = self.lock();
            let others_act = state.running + state.helping > jobs_here || state.is_ending();
            drop(state);
            assert!(
                !wait.is_own() || others_act || wait.is_over(),
                "nothing is left to run that could end the job that this thread waits for; \
                 jobs that wait for each other, or for one that waits for them, need threads"
            );
            return Driven::Unknown;
        }
        Driven::Over
    }
}

impl Driver for Shared {
    fn has(&self, queue_id: QueueId) -> bool {
        self.queue_ids().contains(&queue_id)
    }

    fn now(&self) -> Instant {
        Shared::now(self)
    }

    fn drive(&self, wait: &Wait<'_>) -> Driven {
        if self.has_own_thread() {
            return Driven::Unknown;
        }
        // Deeper than a stack is safe, it goes on with a fresh one.
        current::nested(|| self.drive_here(wait)).unwrap_or_else(|| {
            let stack = Stack::of_this_thread();
            std::thread::scope(|scope| {
                let deeper = scope.spawn(|| {
                    stack.continue_here();
                    self.driven_here();
                    self.drive_here(wait)
                });
                deeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })
    }
}

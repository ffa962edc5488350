//! Running it: until there is nothing to do, through time, and for the sake of one who waits.

use std::time::{Duration, Instant};

use executor_core::drive::{Driven, Wait};
use executor_core::{ShutdownPolicy, ShutdownReport, ShutdownStep, current};

use super::clock::Event;
use super::inside;
use super::shared::Shared;

impl Shared {
    pub(super) fn run_until_idle(&self) -> usize {
        std::iter::from_fn(|| self.run_one(None).then_some(())).count()
    }

    /// Runs what is queued, and what falls due in the time that is `length` from now.
    pub(super) fn advance(&self, length: Duration) -> usize {
        let until = self.lock().clock.after(length);
        let mut count = self.run_until_idle();
        while self.step(until) {
            count += self.run_until_idle();
        }
        count
    }

    /// Lets time pass. Jobs that fall due are queued, and time limits end, but no job is run.
    pub(super) fn elapse(&self, length: Duration) {
        let until = self.lock().clock.after(length);
        while self.step(until) {}
        self.changed.notify_all();
    }

    /// The next thing that happens, at its time, if that is not later than `until`.
    fn jump(&self, until: Option<Instant>) -> bool {
        let mut off = Vec::new();
        let due = self.lock().clock.next_due(&mut off);
        drop(off);
        due.is_some_and(|due| until.is_none_or(|until| due <= until) && self.step(due))
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
            let (mut state, mut off) = (self.lock(), Vec::new());
            // The jobs left run on other threads, which notify when they end.
            if !state.is_idle() && state.lanes.is_empty() && state.clock.next_due(&mut off).is_none() {
                self.changed.wait(&mut state);
            }
        }
    }

    pub(super) fn close(&self) {
        self.lock().is_open = false;
        self.changed.notify_all();
    }

    pub(super) fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
        let mut state = self.lock();
        state.is_open = false;
        let before = self.look(&state);
        // By the world's clock, this thread keeps the time itself.
        let limit = policy.limit().filter(|_| !state.threads.are_wanted());
        let due = limit.map(|limit| state.clock.after(limit));
        let up = due.map(|due| state.clock.set(due, Event::Stop));
        drop(state);
        match policy.step() {
            ShutdownStep::Drain => {}
            ShutdownStep::CancelPending => self.cancel_pending(),
            ShutdownStep::Kill => self.stop(),
        }
        self.changed.notify_all();
        if self.has_own_thread() && !self.is_inside() {
            if !self.wait_for_threads(policy.limit()) {
                self.stop();
            }
        } else {
            self.drain();
        }
        let mut state = self.lock();
        up.inspect(|&up| state.clock.call_off(up));
        ShutdownReport::between(&before, &self.look(&state))
    }

    /// For a thread that drives it, and waits.
    pub(super) fn drive_wait(&self, wait: &Wait<'_>) -> Driven {
        if self.has_own_thread() {
            return Driven::Unknown;
        }
        // Deeper than a stack is safe, it goes on with a fresh one.
        current::nested(|| self.drive_here(wait)).unwrap_or_else(|| {
            let stack = inside::inside();
            std::thread::scope(|scope| {
                let deeper = scope.spawn(|| {
                    inside::go_on_inside(stack);
                    self.driven_here();
                    self.drive_here(wait)
                });
                deeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })
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
            let state = self.lock();
            let others_act = state.running + state.helping > self.running_here() || state.is_ending();
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

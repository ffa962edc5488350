//! The steps, not to be divided, that an executor takes by itself.

use executor_core::Rejection;

use super::super::op::{Act, Delay, JobNumber};
use super::super::shape::Ability;
use super::{Answer, Call, End, Life, Submitter, Until, World};

/// The runner of jobs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drive {
    /// The executor.
    Itself,
    /// A call that waits, on a manual executor: for that, time passes too.
    Everything,
    /// A job that waits for another, on a manual executor.
    Awaited,
}

impl Drive {
    fn reaches(self, delay: Delay) -> bool {
        match self {
            Self::Itself => delay == Delay::Soon,
            Self::Everything => true,
            Self::Awaited => false,
        }
    }
}

impl World {
    /// All worlds that may come next without anybody doing anything.
    pub(crate) fn steps(&self) -> Vec<Self> {
        let drive = self.drive();
        let mut next = Vec::new();
        for (&number, job) in &self.jobs {
            match job.life {
                Life::Delayed(delay) if drive.reaches(delay) => next.push(self.with(|world| {
                    world.is_later |= delay == Delay::Never;
                    world.enqueue(number);
                })),
                Life::Displaced => {
                    next.push(self.with(|world| world.end(number, End::Refused(Rejection::Dropped))));
                }
                Life::AwaitingSlot if self.is_full().is_none() => next.push(self.with(|world| world.come_in(number))),
                Life::Running | Life::Inline if !job.is_held => next.push(self.with(|world| world.finish(number))),
                Life::Awaiting | Life::InlineAwaiting if self.is_child_done(job.act) => {
                    next.push(self.with(|world| world.end(number, End::Returned)));
                }
                _ => {}
            }
        }
        let startable = self.queue.iter().copied().filter(|&job| self.may_start(job, drive));
        next.extend(startable.map(|job| self.with(|world| world.begin(job, Life::Running))));
        for (&at, call) in &self.calls {
            let Call::Waits(until) = call else { continue };
            next.extend(self.go_on(at, until));
            if let Some(answer) = self.answer_to(until) {
                next.push(self.with(|world| drop(world.calls.insert(at, Call::Returned(answer)))));
            }
        }
        next
    }

    /// The caller runs the next job to its end, if there is one.
    pub(super) fn run_next(self, at: usize) -> Vec<Self> {
        let mut next = Vec::new();
        for job in self.queue.iter().copied().filter(|&job| self.is_in_turn(job)) {
            next.push(self.with(|world| {
                world.begin(job, Life::Running);
                world.calls.insert(at, Call::Waits(Until::Ran(job)));
            }));
        }
        if next.is_empty() {
            next.push(self.with(|world| drop(world.calls.insert(at, Call::Returned(Answer::Said(false))))));
        }
        next
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut world = self.clone();
        change(&mut world);
        world
    }

    fn may_start(&self, job: JobNumber, drive: Drive) -> bool {
        let running = self.count(|life| life == Life::Running);
        // A job that is waited for needs no worker: the one that waits runs it.
        match drive {
            Drive::Itself => self.is_awaited(job) || running < self.shape.workers && self.is_in_turn(job),
            // Out of turn, where the script waits for this one.
            Drive::Everything => running < self.shape.workers,
            Drive::Awaited => self.is_awaited(job),
        }
    }

    /// The runner of jobs now.
    fn drive(&self) -> Drive {
        if !self.shape.has(Ability::Manual) {
            return Drive::Itself;
        }
        let waits = |call: &Call| match call {
            Call::Waits(until) => !matches!(until, Until::Place(_) | Until::Ran(_) | Until::Step(..)),
            Call::Returned(_) => false,
        };
        if self.calls.values().any(waits) { Drive::Everything } else { Drive::Awaited }
    }

    /// One submitter's jobs start in order where there is one worker.
    fn is_in_turn(&self, job: JobNumber) -> bool {
        let by = self.jobs[&job].by;
        let first = self.queue.iter().find(|other| self.jobs[other].by == by);
        self.shape.workers > 1 || first == Some(&job)
    }

    fn is_awaited(&self, job: JobNumber) -> bool {
        let Submitter::Job(parent) = self.jobs[&job].by else { return false };
        matches!(self.life(parent), Some(Life::Awaiting | Life::InlineAwaiting))
    }

    fn is_child_done(&self, act: Act) -> bool {
        act.child().is_some_and(|child| matches!(self.life(child), Some(Life::Ended(_))))
    }

    /// Whose `submit` waited for a place has one.
    fn come_in(&mut self, number: JobNumber) {
        self.jobs.get_mut(&number).expect("it knocks").by = Submitter::Own(number);
        self.enqueue(number);
    }

    fn set_awaiting(&mut self, number: JobNumber) {
        let is_inline = self.life(number) == Some(Life::Inline);
        self.set(number, if is_inline { Life::InlineAwaiting } else { Life::Awaiting });
    }

    /// A job that runs does what it is there for.
    fn finish(&mut self, number: JobNumber) {
        let end = match self.jobs[&number].act {
            Act::Return => End::Returned,
            Act::Panic => End::Panicked,
            Act::Crash => End::Crashed,
            Act::Submit(child) => {
                self.submit_inside(child);
                if self.life(child) != Some(Life::Running) {
                    // It is about to return, and has done what it is there for.
                    self.jobs.get_mut(&number).expect("it runs").act = Act::Return;
                    return;
                }
                // The child runs inside of it.
                return self.set_awaiting(number);
            }
            Act::SubmitAndWait(child) => {
                self.submit_inside(child);
                return self.set_awaiting(number);
            }
        };
        self.end(number, end);
    }
}

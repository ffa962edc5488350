//! What an executor does by itself, in steps that cannot be divided.

use super::super::op::{Act, Delay, JobNumber};
use super::super::shape::Ability;
use super::{Answer, Call, End, Life, Submitter, World};

impl World {
    /// All worlds that may come next without anybody doing anything.
    pub(crate) fn steps(&self) -> Vec<Self> {
        let is_manual = self.shape.has(Ability::Manual);
        let mut next = Vec::new();
        for (&number, job) in &self.jobs {
            match job.life {
                Life::Delayed(Delay::Soon) if !is_manual => next.push(self.with(|world| world.enqueue(number))),
                Life::Knocking if self.is_full().is_none() => next.push(self.with(|world| world.come_in(number))),
                Life::Running | Life::Inline if !job.is_held => next.push(self.with(|world| world.finish(number))),
                Life::Awaiting if self.is_child_done(job.act) => {
                    next.push(self.with(|world| world.end(number, End::Returned)));
                }
                _ => {}
            }
        }
        if !is_manual {
            let startable = self.queue.iter().copied().filter(|&job| self.may_start(job));
            next.extend(startable.map(|job| self.with(|world| world.begin(job, Life::Running))));
        }
        for (&at, call) in &self.calls {
            let Call::Waits(until) = call else { continue };
            if let Some(answer) = self.answer_to(until) {
                next.push(self.with(|world| drop(world.calls.insert(at, Call::Returned(answer)))));
            }
        }
        next
    }

    /// The next job is run to its end by whoever calls, if there is one.
    pub(super) fn run_next(self, at: usize) -> Vec<Self> {
        let mut next = Vec::new();
        for job in self.queue.iter().copied().filter(|&job| self.is_in_turn(job)) {
            next.push(self.with(|world| {
                world.begin(job, Life::Running);
                world.finish(job);
                world.calls.insert(at, Call::Returned(Answer::Said(true)));
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

    fn may_start(&self, job: JobNumber) -> bool {
        let running = self.count(|life| life == Life::Running);
        // A job that is waited for needs no worker: the one that waits runs it.
        self.is_awaited(job) || running < self.shape.workers && self.is_in_turn(job)
    }

    /// One submitter's jobs start in order where there is one worker.
    fn is_in_turn(&self, job: JobNumber) -> bool {
        let by = self.jobs[&job].by;
        let first = self.queue.iter().find(|other| self.jobs[other].by == by);
        self.shape.workers > 1 || first == Some(&job)
    }

    fn is_awaited(&self, job: JobNumber) -> bool {
        let Submitter::Job(parent) = self.jobs[&job].by else { return false };
        self.life(parent) == Some(Life::Awaiting)
    }

    fn is_child_done(&self, act: Act) -> bool {
        act.child().is_some_and(|child| matches!(self.life(child), Some(Life::Ended(_))))
    }

    /// Whose `submit` waited for a place has one.
    fn come_in(&mut self, number: JobNumber) {
        self.jobs.get_mut(&number).expect("it knocks").by = Submitter::Own(number);
        self.enqueue(number);
    }

    /// A job that runs does what it is there for.
    fn finish(&mut self, number: JobNumber) {
        let end = match self.jobs[&number].act {
            Act::Return => End::Returned,
            Act::Panic => End::Panicked,
            Act::Crash => End::Crashed,
            Act::Submit(child) => {
                self.submit_inside(child);
                End::Returned
            }
            Act::SubmitAndWait(child) => {
                self.submit_inside(child);
                return self.set(number, Life::Awaiting);
            }
        };
        self.end(number, end);
    }
}

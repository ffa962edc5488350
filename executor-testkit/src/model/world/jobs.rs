//! The operations on a job.

use executor_core::Rejection;

use super::super::op::{Act, Delay, JobNumber, Op, Work};
use super::super::shape::{Ability, Full};
use super::{Answer, Call, End, Hold, Job, Life, Submitter, Until, World};

impl World {
    /// A job comes from the script, and what it will submit is known from now on.
    pub(super) fn submit(mut self, at: usize, op: &Op) -> Vec<Self> {
        let (number, Work { act, is_held }) = op.submitted().expect("it submits");
        let is_try = matches!(op, Op::TrySubmit(..));
        self.jobs.insert(number, Job::new(act, is_held, Submitter::Script, Hold::Future));
        if let Some(child) = act.child() {
            self.jobs.insert(child, Job::new(Act::Return, false, Submitter::Job(number), Hold::Nothing));
        }
        self.calls.insert(at, Call::until(Until::Place(number)));
        if !self.is_open {
            self.refuse(number, Rejection::Shutdown);
        } else if let Op::SubmitAfter(_, delay, _) = *op {
            let job = self.jobs.get_mut(&number).expect("it is here");
            (job.life, job.by) = (Life::Delayed(delay), Submitter::Own(number));
        } else {
            match self.is_full() {
                None => self.enqueue(number),
                Some(Full::DropOldest) => self.displace_oldest(number),
                Some(_) if is_try => self.refuse(number, Rejection::Full),
                Some(Full::Reject) => self.refuse(number, Rejection::Full),
                Some(Full::DropNewest) => self.refuse(number, Rejection::Dropped),
                Some(Full::Block) => self.set(number, Life::AwaitingSlot),
                Some(Full::CallerRuns) => self.begin(number, Life::Inline),
            }
        }
        if is_try && matches!(self.life(number), Some(Life::Ended(_))) {
            // It came back.
            self.jobs.get_mut(&number).expect("it is here").future = Hold::Nothing;
        }
        vec![self]
    }

    /// A job submits another.
    pub(super) fn submit_inside(&mut self, child: JobNumber) {
        if !self.is_open {
            return self.refuse(child, Rejection::Shutdown);
        }
        match self.is_full() {
            None => self.enqueue(child),
            Some(Full::DropOldest) => self.displace_oldest(child),
            Some(Full::Reject) => self.refuse(child, Rejection::Full),
            Some(Full::DropNewest) => self.refuse(child, Rejection::Dropped),
            // A worker never waits for a place: it runs the job itself.
            Some(Full::Block | Full::CallerRuns) => self.begin(child, Life::Running),
        }
    }

    fn displace_oldest(&mut self, job: JobNumber) {
        while self.is_full().is_some() {
            let oldest = self.queue.remove(0);
            self.set(oldest, Life::Displaced);
        }
        self.enqueue(job);
    }

    pub(super) fn enqueue(&mut self, job: JobNumber) {
        self.set(job, Life::Queued);
        self.queue.push(job);
    }

    /// It is not accepted, so it is not counted either.
    pub(super) fn refuse(&mut self, job: JobNumber, reason: Rejection) {
        self.set(job, Life::Ended(End::Refused(reason)));
    }

    pub(super) fn begin(&mut self, job: JobNumber, life: Life) {
        self.queue.retain(|&queued| queued != job);
        self.set(job, life);
        self.jobs.get_mut(&job).expect("it is here").ran = true;
    }

    /// The one outcome of a job that was accepted.
    pub(super) fn end(&mut self, job: JobNumber, end: End) {
        self.queue.retain(|&queued| queued != job);
        self.set(job, Life::Ended(end));
        let done = &mut self.done;
        let count = match end {
            End::Returned => &mut done.completed,
            End::Panicked => &mut done.panicked,
            End::Crashed => &mut done.crashed,
            End::Cancelled => &mut done.cancelled,
            End::Refused(_) | End::Strange => &mut done.failed,
        };
        *count += 1;
    }

    pub(super) fn set(&mut self, job: JobNumber, life: Life) {
        self.jobs.get_mut(&job).expect("it was submitted").life = life;
    }

    /// True if and only if the job never starts.
    pub(super) fn cancel(&mut self, job: JobNumber) -> Answer {
        Answer::Said(match self.jobs[&job].life {
            Life::Delayed(_) | Life::Queued | Life::Displaced => {
                self.end(job, End::Cancelled);
                true
            }
            // One that was stopped had started.
            life => life == Life::Ended(End::Cancelled) && !self.jobs[&job].ran,
        })
    }

    /// As `cancel`; a process that runs it is stopped, a thread is asked to.
    pub(super) fn abort(&mut self, job: JobNumber) -> Answer {
        match self.jobs[&job].life {
            Life::Running if self.shape.has(Ability::Processes) => {
                self.end(job, End::Cancelled);
                Answer::Said(true)
            }
            life if life.runs() => Answer::Said(true),
            _ => self.cancel(job),
        }
    }

    /// The process that runs the job is killed from outside.
    pub(super) fn kill(&mut self, job: JobNumber) -> Answer {
        let runs = self.jobs[&job].life == Life::Running;
        if runs {
            self.end(job, End::Crashed);
        }
        Answer::Said(runs)
    }

    /// Time passes, by a clock of the executor's own.
    pub(super) fn all_due(&mut self) {
        let due: Vec<_> =
            self.jobs.iter().filter(|(_, job)| job.life == Life::Delayed(Delay::Soon)).map(|(&n, _)| n).collect();
        for job in due {
            self.enqueue(job);
        }
    }
}

impl Job {
    fn new(act: Act, is_held: bool, by: Submitter, future: Hold) -> Self {
        Self { act, is_held, life: Life::NotSubmitted, ran: false, by, future }
    }
}

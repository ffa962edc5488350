//! Places in a bounded queue: who waits for one, and who is told when one is free.
//!
//! A freed place is told to one thread and one task, and taken by whoever comes first; the other waits on, where it was in its line.
//! Who was told and does not want the place any more tells the next.

use std::task::{Poll, Waker};
use std::time::Instant;

use executor_core::panics::{catch, drop_quietly};
use executor_core::{JobError, Priority, Rejection, current};

use super::members::Own;
use super::shared::Shared;
use super::state::State;
use super::waiters::{Free, Ticket};
use super::{Handle, Queued, Runner, Scheduler, pushed, worker};

/// Wakes tasks, outside of every lock: a waker is code of a user's.
pub(super) fn wake_tasks(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        drop_quietly(catch(|| waker.wake()));
    }
}

impl<R: Runner + 'static> Shared<R> {
    pub(super) fn tell_of_room(&self, free: Free) {
        if free.thread {
            self.room.notify_one();
        }
        wake_tasks(free.task);
    }

    fn is_full(&self, state: &State<R::Job>) -> bool {
        self.config.capacity.is_some_and(|capacity| state.lanes.placed() >= capacity)
    }

    /// A worker has taken the job from its lane. Where places are counted it has none from now on, so that nobody's cancel frees it
    /// again. False if it is dead.
    pub(super) fn gives_up_its_place(&self, job: &R::Job) -> bool {
        self.config.capacity.is_none() || job.move_to(self.taken.id())
    }

    /// A job that a worker was given was dead. Where places are counted, it was counted out when it was taken.
    pub(super) fn found_dead(&self, own: &Own<R::Job>) {
        if own.has_letter || self.config.capacity.is_none() {
            self.lock().removed_dead(own);
        }
    }

    fn push(&self, priority: Priority, job: R::Job) -> Result<(), (R::Job, Rejection)> {
        let state = self.lock();
        let reason = state.refusal().or_else(|| self.is_full(&state).then_some(Rejection::Full));
        if let Some(reason) = reason {
            return Err((job, reason));
        }
        self.enqueue(state, priority, job);
        Ok(())
    }

    fn push_above(&self, priority: Priority, job: R::Job) -> Result<(), (R::Job, Rejection)> {
        let state = self.lock();
        if let Some(reason) = state.refusal() {
            return Err((job, reason));
        }
        self.enqueue(state, priority, job);
        Ok(())
    }

    fn push_wait(&self, priority: Priority, job: R::Job, deadline: Option<Instant>) -> Result<(), (R::Job, Rejection)> {
        // Dropped last: to unblock takes the lock that the state holds.
        let mut blocked = None;
        let mut state = self.lock();
        let mut is_late = false;
        loop {
            if let Some(reason) = state.refusal() {
                return Err((job, reason));
            }
            if !self.is_full(&state) {
                self.enqueue(state, priority, job);
                return Ok(());
            }
            if is_late {
                return Err((job, Rejection::Full));
            }
            if blocked.is_none() {
                drop(state);
                blocked = Some(current::block());
                state = self.lock();
                continue;
            }
            state.waiters.threads += 1;
            is_late = !self.room.wait_until(&mut state, deadline);
            state.waiters.threads -= 1;
        }
    }

    /// Takes the oldest jobs out of a full queue to make room.
    fn push_over_oldest(&self, priority: Priority, job: R::Job) -> Result<(), (R::Job, Rejection)> {
        let mut state = self.lock();
        if let Some(reason) = state.refusal() {
            return Err((job, reason));
        }
        let (mut oldest, mut dead) = (Vec::new(), Vec::new());
        while self.is_full(&state) {
            let Some(job) = state.lanes.pop_oldest() else { break };
            if self.gives_up_its_place(&job) {
                oldest.push(job);
            } else {
                state.lanes.removed_dead(1);
                dead.push(job);
            }
        }
        state.displaced += oldest.len();
        self.enqueue(state, priority, job);
        for job in oldest {
            let notify = job.fail(JobError::Rejected(Rejection::Dropped));
            let mut state = self.lock();
            state.displaced -= 1;
            self.tell_of_end(state);
            drop(notify);
        }
        Ok(())
    }

    fn poll_push(
        &self,
        priority: Priority,
        job: &mut Option<R::Job>,
        ticket: &mut Ticket,
        waker: &Waker,
    ) -> Poll<Result<(), Rejection>> {
        // A clone, and the drop of the one before, run code of a user's.
        let waker = waker.clone();
        let mut state = self.lock();
        let before = ticket.0.and_then(|number| state.waiters.tasks.remove(&number));
        let polled = if let Some(reason) = state.refusal() {
            drop(state);
            Poll::Ready(Err(reason))
        } else if self.is_full(&state) {
            let waiters = &mut state.waiters;
            let number = *ticket.0.get_or_insert_with(|| {
                waiters.tickets += 1;
                waiters.tickets
            });
            waiters.tasks.insert(number, waker);
            drop(state);
            drop_quietly(before);
            return Poll::Pending;
        } else {
            self.enqueue(state, priority, job.take().expect("a job is pushed once"));
            Poll::Ready(Ok(()))
        };
        ticket.0 = None;
        drop_quietly(before);
        drop_quietly(waker);
        polled
    }

    fn give_up(&self, ticket: Ticket) {
        let Some(number) = ticket.0 else { return };
        let mut state = self.lock();
        let waker = state.waiters.tasks.remove(&number);
        // It was told of a place that it will not take.
        let free = (waker.is_none() && !self.is_full(&state)).then(|| state.waiters.one());
        drop(state);
        drop_quietly(waker);
        if let Some(free) = free {
            self.tell_of_room(free);
        }
    }

    /// Whether the calling thread is a worker of this scheduler.
    fn is_worker_here(&self) -> bool {
        worker::is_worker_of(self)
    }
}

/// What a scheduler and its handle both do with a bounded queue.
macro_rules! has_places {
    ($of:ident) => {
        impl<R: Runner + 'static> $of<R> {
            /// Puts a job at the end of its lane. Never blocks.
            ///
            /// # Errors
            ///
            /// The job, after a shutdown, or when the queue is full.
            pub fn push(&self, priority: Priority, job: R::Job) -> Result<(), (R::Job, Rejection)> {
                pushed(self.shared(), || self.absence(), job, |shared, job| shared.push(priority, job))
            }

            /// As `push`, full or not.
            ///
            /// # Errors
            ///
            /// The job, after a shutdown.
            pub fn push_above(&self, priority: Priority, job: R::Job) -> Result<(), (R::Job, Rejection)> {
                pushed(self.shared(), || self.absence(), job, |shared, job| shared.push_above(priority, job))
            }

            /// As `push`, but waits for a place in a full queue, until `deadline` at most. Blocks.
            ///
            /// # Errors
            ///
            /// The job, after a shutdown, or when the queue was full until the deadline.
            pub fn push_wait(
                &self,
                priority: Priority,
                job: R::Job,
                deadline: Option<Instant>,
            ) -> Result<(), (R::Job, Rejection)> {
                pushed(self.shared(), || self.absence(), job, |shared, job| shared.push_wait(priority, job, deadline))
            }

            /// As `push`, but ends the oldest job of the least priority in a full queue, as [`Rejection::Dropped`]. Never
            /// blocks.
            ///
            /// # Errors
            ///
            /// The job, after a shutdown.
            pub fn push_over_oldest(&self, priority: Priority, job: R::Job) -> Result<(), (R::Job, Rejection)> {
                pushed(self.shared(), || self.absence(), job, |shared, job| shared.push_over_oldest(priority, job))
            }

            /// As `push`, but where the queue is full, leaves the job where it is, and wakes `waker` when to try again. Give the
            /// same ticket each time, and [`give_up`](Self::give_up) with it if there is to be no next time. Never blocks.
            ///
            /// # Errors
            ///
            /// After a shutdown.
            ///
            /// # Panics
            ///
            /// When there is no job.
            pub fn poll_push(
                &self,
                priority: Priority,
                job: &mut Option<R::Job>,
                ticket: &mut Ticket,
                waker: &Waker,
            ) -> Poll<Result<(), Rejection>> {
                match self.shared() {
                    Some(shared) => shared.poll_push(priority, job, ticket, waker),
                    None => Poll::Ready(Err(self.absence())),
                }
            }

            /// Leaves the line. If a place was free for this ticket, the next in the line is told.
            pub fn give_up(&self, ticket: Ticket) {
                if let Some(shared) = self.shared() {
                    shared.give_up(ticket);
                }
            }

            /// Runs the job on this thread, instead of queueing it: a worker inside of the job that it has, any other thread as one that counts
            /// as a worker meanwhile. False if that cannot be, because it is too deep, or after a shutdown: then the job is still to be pushed.
            /// Blocks as long as the job runs.
            pub fn run_here(&self, job: &R::Job) -> bool {
                self.shared().is_some_and(|shared| shared.run_here(job))
            }

            /// Whether the calling thread is a worker of this very scheduler, or counts as one.
            pub fn is_worker_here(&self) -> bool {
                self.shared().is_some_and(|shared| shared.is_worker_here())
            }
        }
    };
}

has_places!(Scheduler);
has_places!(Handle);

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests;

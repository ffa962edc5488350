//! The objects of a manager, and their rules: no socket, no thread, no clock. Requests go in, answers come out.
//!
//! Each request gets an answer, or is a [`Violation`] that our clients never commit: then its client's connection must be cut,
//! and nothing else changes.

mod collection;
mod event_barrier;
mod queue;
mod semaphore;
#[cfg(all(test, not(loom)))]
mod tests;
mod tickets;
mod update_locks;

use std::collections::HashMap;
use std::time::Instant;

use collection::Data;
use event_barrier::{Barrier, Event};
use queue::Queue;
use semaphore::Semaphore;
pub(super) use tickets::Answer;
use tickets::{Caller, Left, Tickets};

use super::protocol::{New, ObjectId, Op, Refusal, Reply, Request, Ticket};

/// Names a connection.
pub(super) type ClientId = u64;

/// A request that our clients never send.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation;

/// The operations of all objects.
trait Object: Send {
    /// # Errors
    ///
    /// When the request is not valid for this object.
    fn handle(&mut self, op: Op<'_>, caller: Caller, desk: &mut Tickets) -> Result<(), Violation>;

    /// A wait is over: its client died, or its time is up. False if the wait goes on, as for the lock after a condition.
    fn give_up(&mut self, ticket: Ticket, desk: &mut Tickets) -> bool;

    /// A client died while it held this.
    fn recover(&mut self, _ticket: Ticket) {}

    /// The client itself is forgotten.
    fn forget(&mut self, _client: ClientId) {}

    /// After any of the above: lets waits go on that need not wait any more.
    fn settle(&mut self, _desk: &mut Tickets) {}
}

#[derive(Default)]
pub(super) struct State {
    objects: HashMap<ObjectId, Box<dyn Object>>,
    /// The number of the last object. 0 is none.
    last: ObjectId,
    desk: Tickets,
}

impl State {
    pub(super) fn join(&mut self, client: ClientId) {
        self.desk.join(client);
    }

    /// Does what a client asks for.
    ///
    /// # Errors
    ///
    /// When the request is not valid. The client must then [`leave`](State::leave).
    pub(super) fn handle(&mut self, client: ClientId, request: Request<'_>, now: Instant) -> Result<(), Violation> {
        let caller = Caller::new(client, &request, now);
        match request.op {
            Op::Create(new) => {
                self.last += 1;
                self.objects.insert(self.last, create(new));
                self.desk.answer(caller, Reply::Count(self.last));
                Ok(())
            }
            Op::Discard => {
                if self.objects.remove(&request.object).is_some() {
                    self.desk.discard(request.object, || Reply::Refused(Refusal::NotThere));
                }
                self.desk.answer(caller, Reply::Done);
                Ok(())
            }
            op => {
                if let Some(object) = self.objects.get_mut(&request.object) {
                    return object.handle(op, caller, &mut self.desk);
                }
                // `Arrived` gets no answer.
                if !matches!(op, Op::Arrived(_)) {
                    self.desk.answer(caller, Reply::Refused(Refusal::NotThere));
                }
                Ok(())
            }
        }
    }

    /// The client is gone: its waits end, and its holds are released.
    pub(super) fn leave(&mut self, client: ClientId) {
        let Left { waits, holds, objects } = self.desk.leave(client);
        for (ticket, object) in waits {
            if let Some(object) = self.objects.get_mut(&object) {
                object.give_up(ticket, &mut self.desk);
            }
        }
        for (ticket, object) in holds {
            if let Some(object) = self.objects.get_mut(&object) {
                object.recover(ticket);
            }
        }
        for object in objects {
            if let Some(object) = self.objects.get_mut(&object) {
                object.forget(client);
                object.settle(&mut self.desk);
            }
        }
    }

    /// When [`expire`](State::expire) has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.desk.next_deadline()
    }

    /// Ends the waits whose time is up.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((ticket, object)) = self.desk.expired(now) {
            let Some(object) = self.objects.get_mut(&object) else { continue };
            if object.give_up(ticket, &mut self.desk) {
                self.desk.call_with(ticket, Reply::Expired);
            }
            object.settle(&mut self.desk);
        }
    }

    /// Takes the answers to be sent.
    pub(super) fn answers(&mut self) -> std::vec::Drain<'_, Answer> {
        self.desk.answers.drain(..)
    }
}

fn create(new: New<'_>) -> Box<dyn Object> {
    match new {
        New::Map => Box::new(Data::map()),
        New::List { values, is_fixed } => Box::new(Data::list(values, is_fixed)),
        New::Queue { capacity } => Box::new(Queue::new(capacity)),
        New::Lock => Box::new(Semaphore::lock()),
        New::Semaphore { permits, most } => Box::new(Semaphore::new(permits, most)),
        New::Event => Box::new(Event::default()),
        New::Barrier { parties } => Box::new(Barrier::new(parties)),
    }
}

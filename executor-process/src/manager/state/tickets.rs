//! The waits and holds of clients, and the answers to send.
//!
//! Each wait and each hold has a ticket. Tickets are numbered in the order in which they were given out, so a map of them is a
//! queue from which any wait can be removed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::{ClientId, Violation};
use crate::ipc::payload::Bytes;
use crate::manager::protocol::{ObjectId, Reply, Request, Ticket};

/// How many waits and holds a client may have. Each takes a thread, a guard or an item; a client with more floods the manager.
pub(in crate::manager) const MOST_TICKETS: usize = 1 << 16;

/// The origin of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) client: ClientId,
    pub(super) request: u64,
    pub(super) object: ObjectId,
    /// `None`: it waits without a limit, or the limit is too far in the future.
    deadline: Option<Instant>,
    /// It does not wait at all.
    no_wait: bool,
}

impl Caller {
    pub(super) fn new(client: ClientId, request: &Request<'_>, now: Instant) -> Self {
        let limit = request.limit.map(Duration::from_nanos);
        Self {
            client,
            request: request.id,
            object: request.object,
            deadline: limit.and_then(|limit| now.checked_add(limit)),
            no_wait: limit.is_some_and(|limit| limit.is_zero()),
        }
    }
}

#[derive(Default)]
struct Client {
    waits: BTreeSet<Ticket>,
    holds: BTreeMap<Ticket, ObjectId>,
    /// Other objects that must learn when it is gone.
    ties: BTreeSet<ObjectId>,
}

/// The waits and holds of a client that is gone.
#[derive(Default)]
pub(super) struct Left {
    pub(super) waits: Vec<(Ticket, ObjectId)>,
    /// The last first.
    pub(super) holds: Vec<(Ticket, ObjectId)>,
    /// All its objects.
    pub(super) objects: BTreeSet<ObjectId>,
}

/// An answer to a request of a client.
pub(in crate::manager) type Answer = (ClientId, u64, Reply<Bytes>);

#[derive(Default)]
pub(super) struct Tickets {
    last: Ticket,
    waits: HashMap<Ticket, Caller>,
    /// The same by object.
    waiting: BTreeSet<(ObjectId, Ticket)>,
    holders: BTreeMap<(ObjectId, Ticket), ClientId>,
    deadlines: BTreeSet<(Instant, Ticket)>,
    clients: HashMap<ClientId, Client>,
    pub(super) answers: Vec<Answer>,
}

impl Tickets {
    pub(super) fn join(&mut self, client: ClientId) {
        self.clients.insert(client, Client::default());
    }

    pub(super) fn leave(&mut self, client: ClientId) -> Left {
        let Some(Client { waits, holds, ties }) = self.clients.remove(&client) else { return Left::default() };
        let mut left = Left { objects: ties, ..Left::default() };
        for ticket in waits {
            if let Some(caller) = self.waits.remove(&ticket) {
                self.forget(ticket, &caller);
                left.waits.push((ticket, caller.object));
            }
        }
        for (ticket, object) in holds.into_iter().rev() {
            self.holders.remove(&(object, ticket));
            left.holds.push((ticket, object));
        }
        left.objects.extend(left.waits.iter().chain(&left.holds).map(|(_, object)| *object));
        left
    }

    /// The object must learn when the client is gone.
    pub(super) fn tie(&mut self, caller: Caller) {
        if let Some(client) = self.clients.get_mut(&caller.client) {
            client.ties.insert(caller.object);
        }
    }

    pub(super) fn untie(&mut self, caller: Caller) {
        if let Some(client) = self.clients.get_mut(&caller.client) {
            client.ties.remove(&caller.object);
        }
    }

    pub(super) fn answer(&mut self, caller: Caller, reply: Reply<Bytes>) {
        self.answers.push((caller.client, caller.request, reply));
    }

    /// A ticket for the caller's wait. `None` if it does not wait at all: then `Expired` is answered.
    pub(super) fn wait(&mut self, caller: Caller) -> Result<Option<Ticket>, Violation> {
        if caller.no_wait {
            self.answer(caller, Reply::Expired);
            return Ok(None);
        }
        self.line_up(caller).map(Some)
    }

    /// As [`wait`](Tickets::wait), with a ticket in any case, and whether the caller does not wait at all.
    pub(super) fn wait_always(&mut self, mut caller: Caller) -> Result<(Ticket, bool), Violation> {
        caller.deadline = caller.deadline.filter(|_| !caller.no_wait);
        Ok((self.line_up(caller)?, caller.no_wait))
    }

    fn line_up(&mut self, caller: Caller) -> Result<Ticket, Violation> {
        let ticket = self.number();
        let client = self.clients.get_mut(&caller.client).ok_or(Violation)?;
        if client.waits.len() >= MOST_TICKETS {
            return Err(Violation);
        }
        client.waits.insert(ticket);
        if let Some(deadline) = caller.deadline {
            self.deadlines.insert((deadline, ticket));
        }
        self.waits.insert(ticket, caller);
        self.waiting.insert((caller.object, ticket));
        Ok(ticket)
    }

    pub(super) fn is_waiting(&self, ticket: Ticket) -> bool {
        self.waits.contains_key(&ticket)
    }

    /// The wait is over, and the caller is to be answered.
    pub(super) fn call(&mut self, ticket: Ticket) -> Option<Caller> {
        let caller = self.waits.remove(&ticket)?;
        self.forget(ticket, &caller);
        if let Some(client) = self.clients.get_mut(&caller.client) {
            client.waits.remove(&ticket);
        }
        Some(caller)
    }

    /// The wait is over, and answered with `reply`.
    pub(super) fn call_with(&mut self, ticket: Ticket, reply: Reply<Bytes>) {
        if let Some(caller) = self.call(ticket) {
            self.answer(caller, reply);
        }
    }

    /// It waits on, without a limit.
    pub(super) fn lift_deadline(&mut self, ticket: Ticket) {
        if let Some(caller) = self.waits.get_mut(&ticket)
            && let Some(deadline) = caller.deadline.take()
        {
            self.deadlines.remove(&(deadline, ticket));
        }
    }

    /// A ticket for what the client holds from now on.
    pub(super) fn hold(&mut self, caller: Caller) -> Ticket {
        let ticket = self.number();
        if let Some(client) = self.clients.get_mut(&caller.client) {
            client.holds.insert(ticket, caller.object);
            self.holders.insert((caller.object, ticket), caller.client);
        }
        ticket
    }

    /// Whether the caller may take one more.
    pub(super) fn may_hold(&self, caller: Caller) -> Result<(), Violation> {
        let held = self.clients.get(&caller.client).ok_or(Violation)?.holds.len();
        if held < MOST_TICKETS { Ok(()) } else { Err(Violation) }
    }

    /// The client no longer holds it.
    pub(super) fn let_go(&mut self, caller: Caller, ticket: Ticket) -> Result<(), Violation> {
        let client = self.clients.get_mut(&caller.client).ok_or(Violation)?;
        if client.holds.get(&ticket) != Some(&caller.object) {
            return Err(Violation);
        }
        client.holds.remove(&ticket);
        self.holders.remove(&(caller.object, ticket));
        Ok(())
    }

    /// Whether the client holds it.
    pub(super) fn check(&self, caller: Caller, ticket: Ticket) -> Result<(), Violation> {
        let client = self.clients.get(&caller.client).ok_or(Violation)?;
        if client.holds.get(&ticket) == Some(&caller.object) { Ok(()) } else { Err(Violation) }
    }

    /// The object is gone: its waits are answered with `reply`, and its holds end.
    pub(super) fn discard(&mut self, object: ObjectId, reply: impl Fn() -> Reply<Bytes>) {
        while let Some((_, ticket)) = self.waiting.range((object, 0)..=(object, Ticket::MAX)).next().copied() {
            self.call_with(ticket, reply());
        }
        while let Some((&(_, ticket), &client)) = self.holders.range((object, 0)..=(object, Ticket::MAX)).next() {
            self.holders.remove(&(object, ticket));
            if let Some(client) = self.clients.get_mut(&client) {
                client.holds.remove(&ticket);
            }
        }
        for client in self.clients.values_mut() {
            client.ties.remove(&object);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// A wait whose time is up.
    pub(super) fn expired(&mut self, now: Instant) -> Option<(Ticket, ObjectId)> {
        let (_, ticket) = *self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?;
        self.lift_deadline(ticket);
        Some((ticket, self.waits.get(&ticket)?.object))
    }

    fn number(&mut self) -> Ticket {
        self.last += 1;
        self.last
    }

    fn forget(&mut self, ticket: Ticket, caller: &Caller) {
        self.waiting.remove(&(caller.object, ticket));
        if let Some(deadline) = caller.deadline {
            self.deadlines.remove(&(deadline, ticket));
        }
    }
}

#[cfg(all(test, not(loom)))]
impl Tickets {
    /// Whether there are no waits and no holds.
    pub(super) fn is_clear(&self) -> bool {
        let is_idle = |client: &Client| client.waits.is_empty() && client.holds.is_empty();
        self.waits.is_empty()
            && self.waiting.is_empty()
            && self.holders.is_empty()
            && self.deadlines.is_empty()
            && self.clients.values().all(is_idle)
    }
}

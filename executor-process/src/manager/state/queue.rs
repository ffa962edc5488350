//! A queue: items go to one consumer each, in order, and are counted until they are done with.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::tickets::{Caller, Tickets};
use super::{ClientId, Object, Violation};
use crate::ipc::payload::Bytes;
use crate::manager::protocol::{Op, Refusal, Reply, Ticket};

pub(super) struct Queue {
    items: VecDeque<Bytes>,
    capacity: Option<usize>,
    consumers: BTreeSet<Ticket>,
    producers: BTreeMap<Ticket, Bytes>,
    joiners: BTreeSet<Ticket>,
    /// On their way to a consumer, who has not said that they arrived.
    on_the_way: BTreeMap<Ticket, Bytes>,
    /// How many items each client has received and not said to be done.
    owed: HashMap<ClientId, u64>,
    /// How many items are not done.
    unfinished: u64,
    /// How many went with a consumer.
    lost: u64,
}

impl Queue {
    pub(super) fn new(capacity: Option<u64>) -> Self {
        Self {
            items: VecDeque::new(),
            // With capacity 0, it would never take an item; with one beyond memory, it has no bound.
            capacity: capacity.map(|capacity| usize::try_from(capacity.max(1)).unwrap_or(usize::MAX)),
            consumers: BTreeSet::new(),
            producers: BTreeMap::new(),
            joiners: BTreeSet::new(),
            on_the_way: BTreeMap::new(),
            owed: HashMap::new(),
            unfinished: 0,
            lost: 0,
        }
    }

    fn has_room(&self) -> bool {
        self.capacity.is_none_or(|capacity| self.items.len() < capacity)
    }

    fn push(&mut self, item: Bytes) {
        self.items.push_back(item);
        self.unfinished += 1;
    }

    /// Gives an item to a consumer who asked for it.
    fn deliver(&mut self, item: Bytes, caller: Caller, desk: &mut Tickets) {
        let ticket = desk.hold(caller);
        self.on_the_way.insert(ticket, item.clone());
        desk.answer(caller, Reply::Granted { ticket, was_abandoned: false, is_late: false, values: vec![item] });
    }

    fn finish(&mut self, client: ClientId) -> bool {
        let Some(owed) = self.owed.get_mut(&client).filter(|owed| **owed > 0) else { return false };
        *owed -= 1;
        if *owed == 0 {
            self.owed.remove(&client);
        }
        self.unfinished = self.unfinished.saturating_sub(1);
        true
    }
}

impl Object for Queue {
    fn handle(&mut self, op: Op<'_>, caller: Caller, desk: &mut Tickets) -> Result<(), Violation> {
        match op {
            Op::Len => desk.answer(caller, Reply::Count(self.items.len() as u64)),
            // Producers that wait for room are first.
            Op::Send(item) if self.producers.is_empty() && self.has_room() => {
                self.push(item.0.to_vec().into());
                desk.answer(caller, Reply::Done);
            }
            Op::Send(item) => {
                let ticket = desk.wait(caller)?;
                self.producers.extend(ticket.map(|ticket| (ticket, item.0.to_vec().into())));
            }
            Op::Receive => {
                desk.may_hold(caller)?;
                // No consumer waits while there is an item.
                if let Some(item) = self.items.pop_front() {
                    self.deliver(item, caller, desk);
                } else {
                    self.consumers.extend(desk.wait(caller)?);
                }
            }
            Op::Arrived(ticket) => {
                desk.let_go(caller, ticket)?;
                self.on_the_way.remove(&ticket);
                *self.owed.entry(caller.client).or_default() += 1;
                desk.tie(caller);
                return Ok(());
            }
            Op::TaskDone => {
                let is_finished = self.finish(caller.client);
                if !self.owed.contains_key(&caller.client) {
                    desk.untie(caller);
                }
                desk.answer(caller, if is_finished { Reply::Done } else { Reply::Refused(Refusal::NothingToDo) });
            }
            Op::Join if self.unfinished == 0 => desk.answer(caller, Reply::Count(self.lost)),
            Op::Join => self.joiners.extend(desk.wait(caller)?),
            _ => return Err(Violation),
        }
        self.settle(desk);
        Ok(())
    }

    fn give_up(&mut self, ticket: Ticket, _desk: &mut Tickets) -> bool {
        self.consumers.remove(&ticket);
        self.producers.remove(&ticket);
        self.joiners.remove(&ticket);
        true
    }

    /// The last is recovered first, so they come to the front in their order.
    fn recover(&mut self, ticket: Ticket) {
        if let Some(item) = self.on_the_way.remove(&ticket) {
            self.items.push_front(item);
        }
    }

    fn forget(&mut self, client: ClientId) {
        if let Some(owed) = self.owed.remove(&client) {
            self.lost += owed;
            self.unfinished = self.unfinished.saturating_sub(owed);
        }
    }

    /// Gives items to waiting consumers, and room to waiting producers.
    fn settle(&mut self, desk: &mut Tickets) {
        loop {
            if self.has_room()
                && let Some((ticket, item)) = self.producers.pop_first()
            {
                // The item of a dead producer is dropped.
                if let Some(caller) = desk.call(ticket) {
                    self.push(item);
                    desk.answer(caller, Reply::Done);
                }
            } else if !self.items.is_empty()
                && let Some(ticket) = self.consumers.pop_first()
            {
                if let Some(caller) = desk.call(ticket)
                    && let Some(item) = self.items.pop_front()
                {
                    self.deliver(item, caller, desk);
                }
            } else {
                break;
            }
        }
        if self.unfinished == 0 {
            while let Some(ticket) = self.joiners.pop_first() {
                desk.call_with(ticket, Reply::Count(self.lost));
            }
        }
    }
}

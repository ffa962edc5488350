//! Events and barriers, for which many wait at once.

use std::collections::BTreeSet;

use super::tickets::{Caller, Tickets};
use super::{Object, Violation};
use crate::manager::protocol::{Op, Reply, Ticket};

#[derive(Default)]
pub(super) struct Event {
    is_set: bool,
    waiting: BTreeSet<Ticket>,
}

impl Object for Event {
    fn handle(&mut self, op: Op<'_>, caller: Caller, desk: &mut Tickets) -> Result<(), Violation> {
        match op {
            Op::Set(is_set) => {
                self.is_set = is_set;
                while is_set && let Some(ticket) = self.waiting.pop_first() {
                    desk.call_with(ticket, Reply::Done);
                }
                desk.answer(caller, Reply::Done);
            }
            Op::IsSet => desk.answer(caller, Reply::Flag(self.is_set)),
            Op::Await if self.is_set => desk.answer(caller, Reply::Done),
            Op::Await => self.waiting.extend(desk.wait(caller)?),
            _ => return Err(Violation),
        }
        Ok(())
    }

    fn give_up(&mut self, ticket: Ticket, _desk: &mut Tickets) -> bool {
        self.waiting.remove(&ticket);
        true
    }
}

pub(super) struct Barrier {
    parties: usize,
    waiting: BTreeSet<Ticket>,
}

impl Barrier {
    pub(super) fn new(parties: u64) -> Self {
        Self { parties: usize::try_from(parties).unwrap_or(usize::MAX), waiting: BTreeSet::new() }
    }
}

impl Object for Barrier {
    fn handle(&mut self, op: Op<'_>, caller: Caller, desk: &mut Tickets) -> Result<(), Violation> {
        match op {
            Op::Len => desk.answer(caller, Reply::Count(self.waiting.len() as u64)),
            Op::Await if self.waiting.len() + 1 >= self.parties => {
                while let Some(ticket) = self.waiting.pop_first() {
                    desk.call_with(ticket, Reply::Flag(false));
                }
                desk.answer(caller, Reply::Flag(true));
            }
            Op::Await => self.waiting.extend(desk.wait(caller)?),
            _ => return Err(Violation),
        }
        Ok(())
    }

    fn give_up(&mut self, ticket: Ticket, _desk: &mut Tickets) -> bool {
        self.waiting.remove(&ticket);
        true
    }
}

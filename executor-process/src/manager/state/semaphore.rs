//! Permits. A lock is a semaphore of one, and a condition is a lock on which its holders can wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use super::tickets::{Caller, Tickets};
use super::{Object, Violation};
use crate::manager::protocol::{Op, Refusal, Reply, Ticket};

pub(super) struct Semaphore {
    free: u64,
    /// The most that can be free.
    most: u64,
    /// Only the holder can release its permit, and can wait for a notification.
    is_lock: bool,
    /// Waits for a permit, and whether the notification came too late.
    line: BTreeMap<Ticket, bool>,
    /// Waits for a notification.
    sleepers: BTreeSet<Ticket>,
    /// A holder died with a permit, and no later holder knows yet.
    was_abandoned: bool,
}

impl Semaphore {
    pub(super) fn new(permits: u64, most: Option<u64>) -> Self {
        Self {
            free: permits,
            most: most.unwrap_or(u64::MAX),
            is_lock: false,
            line: BTreeMap::new(),
            sleepers: BTreeSet::new(),
            was_abandoned: false,
        }
    }

    pub(super) fn lock() -> Self {
        Self { is_lock: true, ..Self::new(1, Some(1)) }
    }

    fn free_one(&mut self) {
        self.free = self.free.saturating_add(1).min(self.most);
    }

    fn grant(&mut self, caller: Caller, is_late: bool, desk: &mut Tickets) {
        self.free -= 1;
        let ticket = desk.hold(caller);
        let was_abandoned = std::mem::take(&mut self.was_abandoned);
        desk.answer(caller, Reply::Granted { ticket, was_abandoned, is_late, values: Vec::new() });
    }

    /// Ends the wait for a notification: now it waits for the permit, without a limit.
    fn wake(&mut self, ticket: Ticket, is_late: bool, desk: &mut Tickets) {
        desk.lift_deadline(ticket);
        self.line.insert(ticket, is_late);
    }
}

impl Object for Semaphore {
    fn handle(&mut self, op: Op<'_>, caller: Caller, desk: &mut Tickets) -> Result<(), Violation> {
        match op {
            Op::Acquire => {
                desk.may_hold(caller)?;
                // No client waits while a permit is free.
                if self.free > 0 {
                    self.grant(caller, false, desk);
                } else if let Some(ticket) = desk.wait(caller)? {
                    self.line.insert(ticket, false);
                }
            }
            Op::Release(ticket) => {
                desk.let_go(caller, ticket)?;
                self.free_one();
                desk.answer(caller, Reply::Done);
            }
            Op::Forget(ticket) if !self.is_lock => {
                desk.let_go(caller, ticket)?;
                desk.answer(caller, Reply::Done);
            }
            Op::Return if !self.is_lock => {
                let is_full = self.free >= self.most;
                self.free_one();
                desk.answer(caller, if is_full { Reply::Refused(Refusal::TooMany) } else { Reply::Done });
            }
            Op::Wait(ticket) if self.is_lock => {
                desk.let_go(caller, ticket)?;
                self.free_one();
                match desk.wait_always(caller)? {
                    (ticket, true) => self.wake(ticket, true, desk),
                    (ticket, false) => {
                        self.sleepers.insert(ticket);
                    }
                }
            }
            Op::Notify { ticket, all } if self.is_lock => {
                desk.check(caller, ticket)?;
                while let Some(sleeper) = self.sleepers.pop_first() {
                    self.wake(sleeper, false, desk);
                    if !all {
                        break;
                    }
                }
                desk.answer(caller, Reply::Done);
            }
            _ => return Err(Violation),
        }
        self.settle(desk);
        Ok(())
    }

    /// A wait for a notification is answered only once it has the lock again: its caller relies on that.
    fn give_up(&mut self, ticket: Ticket, desk: &mut Tickets) -> bool {
        if self.sleepers.remove(&ticket) && desk.is_waiting(ticket) {
            self.wake(ticket, true, desk);
            return false;
        }
        self.line.remove(&ticket);
        true
    }

    fn recover(&mut self, _ticket: Ticket) {
        self.free_one();
        self.was_abandoned = true;
    }

    fn settle(&mut self, desk: &mut Tickets) {
        while self.free > 0
            && let Some((ticket, is_late)) = self.line.pop_first()
        {
            if let Some(caller) = desk.call(ticket) {
                self.grant(caller, is_late, desk);
            }
        }
    }
}

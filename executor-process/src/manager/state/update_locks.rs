//! Locks for changes: one client at a time holds a key, an index, or the whole, and other changes wait in line.
//!
//! Each held part has a line of its own. A change of the whole waits until no part is held, and later changes wait in one line
//! with it. So no operation here takes longer because others wait.

use std::collections::{BTreeMap, HashMap};

use crate::manager::protocol::Ticket;

/// The part that a change locks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    Key(Vec<u8>),
    Index(u64),
    All,
}

/// A part that is held, or was until now.
struct Part<W> {
    holder: Option<Ticket>,
    line: BTreeMap<Ticket, W>,
}

/// `W` is a change that waits.
pub(super) struct UpdateLocks<W> {
    held: HashMap<Ticket, Scope>,
    parts: HashMap<Scope, Part<W>>,
    /// Parts whose line may move: they are no longer held.
    free: Vec<Scope>,
    /// The holder of the whole.
    all: Option<Ticket>,
    /// Used when the first in it wants the whole, or the whole is held.
    line: BTreeMap<Ticket, (Scope, W)>,
    /// In which part's line each ticket is.
    waits: HashMap<Ticket, Scope>,
}

impl<W> Default for UpdateLocks<W> {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            parts: HashMap::new(),
            free: Vec::new(),
            all: None,
            line: BTreeMap::new(),
            waits: HashMap::new(),
        }
    }
}

impl<W> UpdateLocks<W> {
    /// Whether a change may be made now. It passes no wait for the same part.
    pub(super) fn is_open(&self, scope: &Scope) -> bool {
        let is_apart = if let Scope::All = scope { self.parts.is_empty() } else { !self.parts.contains_key(scope) };
        is_apart && self.all.is_none() && self.line.is_empty()
    }

    pub(super) fn hold(&mut self, ticket: Ticket, scope: Scope) {
        if let Scope::All = scope {
            self.all = Some(ticket);
        } else {
            self.part(scope.clone()).holder = Some(ticket);
        }
        self.held.insert(ticket, scope);
    }

    pub(super) fn held_by(&self, ticket: Ticket) -> Option<&Scope> {
        self.held.get(&ticket)
    }

    /// After this, the caller must take the waits that may go on from [`next`](UpdateLocks::next).
    pub(super) fn release(&mut self, ticket: Ticket) {
        match self.held.remove(&ticket) {
            Some(Scope::All) => self.all = None,
            Some(scope) => {
                self.part(scope.clone()).holder = None;
                self.free.push(scope);
            }
            None => {}
        }
    }

    /// Only where it is not [open](UpdateLocks::is_open).
    pub(super) fn line_up(&mut self, ticket: Ticket, scope: Scope, change: W) {
        if self.all.is_some() || !self.line.is_empty() || scope == Scope::All {
            self.line.insert(ticket, (scope, change));
        } else {
            self.waits.insert(ticket, scope.clone());
            self.part(scope).line.insert(ticket, change);
        }
    }

    /// As after [`release`](UpdateLocks::release).
    pub(super) fn give_up(&mut self, ticket: Ticket) {
        self.line.remove(&ticket);
        if let Some(part) = self.waits.remove(&ticket).and_then(|scope| self.parts.get_mut(&scope)) {
            part.line.remove(&ticket);
        }
    }

    /// The first change that need not wait any more.
    pub(super) fn next(&mut self) -> Option<(Ticket, Scope, W)> {
        while let Some(scope) = self.free.pop() {
            let Some(part) = self.parts.get_mut(&scope).filter(|part| part.holder.is_none()) else { continue };
            if let Some((ticket, change)) = part.line.pop_first() {
                self.waits.remove(&ticket);
                // It may be free for the next as well.
                self.free.push(scope.clone());
                return Some((ticket, scope, change));
            }
            self.parts.remove(&scope);
        }
        while self.all.is_none()
            && let Some((ticket, (scope, change))) = self.line.pop_first()
        {
            if scope == Scope::All && !self.parts.is_empty() {
                self.line.insert(ticket, (scope, change));
                return None;
            }
            if !self.parts.contains_key(&scope) {
                return Some((ticket, scope, change));
            }
            self.waits.insert(ticket, scope.clone());
            self.part(scope).line.insert(ticket, change);
        }
        None
    }

    fn part(&mut self, scope: Scope) -> &mut Part<W> {
        self.parts.entry(scope).or_insert_with(|| Part { holder: None, line: BTreeMap::new() })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn overlap(one: &Scope, other: &Scope) -> bool {
        one == other || *one == Scope::All || *other == Scope::All
    }

    proptest! {
        /// After any arrivals, withdrawals and releases, a ticket is in if and only if no earlier ticket that is still there has or
        /// wants the same part.
        #[test]
        fn nobody_passes_who_waits_for_the_same_and_nobody_waits_for_nothing(acts in vec((0..3_u8, 0..4_u64, 0..20_usize), 1..80)) {
            let mut gate = UpdateLocks::<()>::default();
            let mut here: BTreeMap<Ticket, Scope> = BTreeMap::new();
            let mut inside: BTreeSet<Ticket> = BTreeSet::new();
            for (ticket, (act, scope, whose)) in (1..).zip(acts) {
                let whose = here.keys().nth(whose).copied();
                if let (0, Some(whose)) = (act, whose) {
                    here.remove(&whose);
                    if inside.remove(&whose) { gate.release(whose) } else { gate.give_up(whose) }
                } else {
                    let scope = if scope == 0 { Scope::All } else { Scope::Index(scope) };
                    if gate.is_open(&scope) {
                        gate.hold(ticket, scope.clone());
                        inside.insert(ticket);
                    } else {
                        gate.line_up(ticket, scope.clone(), ());
                    }
                    here.insert(ticket, scope);
                }
                while let Some((ticket, scope, ())) = gate.next() {
                    prop_assert_eq!(Some(&scope), here.get(&ticket));
                    gate.hold(ticket, scope);
                    inside.insert(ticket);
                }
                for (ticket, scope) in &here {
                    let may = !here.range(..ticket).any(|(_, before)| overlap(before, scope));
                    prop_assert_eq!(inside.contains(ticket), may, "{} of {:?}", ticket, &here);
                }
            }
            for ticket in here.keys() {
                if inside.contains(ticket) { gate.release(*ticket) } else { gate.give_up(*ticket) }
            }
            prop_assert!(gate.next().is_none() && gate.parts.is_empty() && gate.waits.is_empty() && gate.held.is_empty());
        }
    }
}

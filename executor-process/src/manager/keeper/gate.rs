//! Who may change what: one key, one index, or all of it is held by one client at a time, and changes wait for it in line.

use std::collections::{BTreeMap, HashSet};

use crate::manager::wire::Ticket;

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    Key(Vec<u8>),
    Index(u64),
    All,
}

/// Scopes, of which none overlaps another.
#[derive(Default)]
struct Taken {
    parts: HashSet<Scope>,
    is_all: bool,
}

impl Taken {
    fn overlaps(&self, scope: &Scope) -> bool {
        self.is_all || if let Scope::All = scope { !self.parts.is_empty() } else { self.parts.contains(scope) }
    }

    fn add(&mut self, scope: Scope) {
        if let Scope::All = scope {
            self.is_all = true;
        } else {
            self.parts.insert(scope);
        }
    }

    fn remove(&mut self, scope: &Scope) {
        if let Scope::All = scope {
            self.is_all = false;
        } else {
            self.parts.remove(scope);
        }
    }
}

/// `W` is a change that waits.
pub(super) struct Gate<W> {
    held: BTreeMap<Ticket, Scope>,
    taken: Taken,
    line: BTreeMap<Ticket, (Scope, W)>,
}

impl<W> Default for Gate<W> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), taken: Taken::default(), line: BTreeMap::new() }
    }
}

impl<W> Gate<W> {
    /// Whether a change may be made now. It passes nobody who waits for the same.
    pub(super) fn is_open(&self, scope: &Scope) -> bool {
        let overlaps =
            |waiting: &Scope| waiting == scope || matches!((waiting, scope), (Scope::All, _) | (_, Scope::All));
        !self.taken.overlaps(scope) && !self.line.values().any(|(waiting, _)| overlaps(waiting))
    }

    pub(super) fn hold(&mut self, ticket: Ticket, scope: Scope) {
        self.taken.add(scope.clone());
        self.held.insert(ticket, scope);
    }

    pub(super) fn held_by(&self, ticket: Ticket) -> Option<&Scope> {
        self.held.get(&ticket)
    }

    pub(super) fn release(&mut self, ticket: Ticket) {
        if let Some(scope) = self.held.remove(&ticket) {
            self.taken.remove(&scope);
        }
    }

    pub(super) fn line_up(&mut self, ticket: Ticket, scope: Scope, change: W) {
        self.line.insert(ticket, (scope, change));
    }

    pub(super) fn give_up(&mut self, ticket: Ticket) {
        self.line.remove(&ticket);
    }

    /// The first change that need not wait any more.
    pub(super) fn next(&mut self) -> Option<(Ticket, Scope, W)> {
        let mut passed = Taken::default();
        let mut next = None;
        for (ticket, (scope, _)) in &self.line {
            if !self.taken.overlaps(scope) && !passed.overlaps(scope) {
                next = Some(*ticket);
                break;
            }
            if let Scope::All = scope {
                break; // everybody behind it waits for it
            }
            passed.add(scope.clone());
        }
        let ticket = next?;
        let (scope, change) = self.line.remove(&ticket)?;
        Some((ticket, scope, change))
    }
}

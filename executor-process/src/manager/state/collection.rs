//! Maps and lists. Values, namespaces and arrays are such, too: a value is a list of one that keeps its length.
//!
//! Reads never wait. A change waits while somebody holds what it is about, to change it himself.

use std::collections::HashMap;

use super::tickets::{Caller, Tickets};
use super::update_locks::{Scope, UpdateLocks};
use super::{Object, Violation};
use crate::ipc::payload::Bytes;
use crate::manager::protocol::{Change, Op, Place, Raw, Refusal, Reply, Ticket};

enum Content {
    Map(HashMap<Vec<u8>, Bytes>),
    List { values: Vec<Bytes>, is_fixed: bool },
}

pub(super) struct Data {
    content: Content,
    gate: UpdateLocks<(Caller, Write)>,
}

/// A change, as it waits.
enum Write {
    Put(Bytes),
    PutNew(Bytes),
    Insert(u64, Bytes),
    Extend(Vec<Bytes>),
    Pop,
    Remove,
    RemoveAt(u64),
    Swap(u64, u64),
    Clear,
    Hold,
}

fn owned(raw: Raw<'_>) -> Bytes {
    raw.0.to_vec().into()
}

fn all_owned(values: Vec<Raw<'_>>) -> Vec<Bytes> {
    values.into_iter().map(owned).collect()
}

impl Data {
    pub(super) fn map() -> Self {
        Self { content: Content::Map(HashMap::new()), gate: UpdateLocks::default() }
    }

    pub(super) fn list(values: Vec<Raw<'_>>, is_fixed: bool) -> Self {
        Self { content: Content::List { values: all_owned(values), is_fixed }, gate: UpdateLocks::default() }
    }

    fn commit(
        &mut self,
        ticket: Ticket,
        change: Change<'_>,
        caller: Caller,
        desk: &mut Tickets,
    ) -> Result<(), Violation> {
        desk.check(caller, ticket)?;
        let scope = self.gate.held_by(ticket).ok_or(Violation)?;
        self.content.apply(scope, change)?;
        desk.let_go(caller, ticket)?;
        desk.answer(caller, Reply::Done);
        self.gate.release(ticket);
        self.settle(desk);
        Ok(())
    }

    fn run(&mut self, scope: Scope, write: Write, caller: Caller, desk: &mut Tickets) {
        let reply = if let Write::Hold = write {
            match self.content.seen(&scope) {
                Err(refusal) => Reply::Refused(refusal),
                Ok(values) => {
                    let ticket = desk.hold(caller);
                    self.gate.hold(ticket, scope);
                    Reply::Granted { ticket, was_abandoned: false, is_late: false, values }
                }
            }
        } else {
            self.content.change(scope, write).unwrap_or_else(Reply::Refused)
        };
        desk.answer(caller, reply);
    }
}

impl Object for Data {
    fn handle(&mut self, op: Op<'_>, caller: Caller, desk: &mut Tickets) -> Result<(), Violation> {
        let (scope, write) = match op {
            Op::Commit(ticket, change) => return self.commit(ticket, change, caller, desk),
            Op::Get(_) | Op::Len | Op::All => {
                desk.answer(caller, self.content.read(op)?);
                return Ok(());
            }
            op => self.content.prepare(op)?,
        };
        if let Write::Hold = write {
            desk.may_hold(caller)?;
        }
        if self.gate.is_open(&scope) {
            self.run(scope, write, caller, desk);
        } else if let Some(ticket) = desk.wait(caller)? {
            self.gate.line_up(ticket, scope, (caller, write));
        }
        Ok(())
    }

    fn give_up(&mut self, ticket: Ticket, _desk: &mut Tickets) -> bool {
        self.gate.give_up(ticket);
        true
    }

    fn recover(&mut self, ticket: Ticket) {
        self.gate.release(ticket);
    }

    fn settle(&mut self, desk: &mut Tickets) {
        while let Some((ticket, scope, (caller, write))) = self.gate.next() {
            if desk.call(ticket).is_some() {
                self.run(scope, write, caller, desk);
            }
        }
    }
}

impl Content {
    fn read(&self, op: Op<'_>) -> Result<Reply<Bytes>, Violation> {
        Ok(match (self, op) {
            (Self::Map(map), Op::Get(Place::Key(key))) => Reply::Value(map.get(key.0).cloned()),
            (Self::Map(map), Op::Len) => Reply::Count(map.len() as u64),
            (Self::Map(map), Op::All) => {
                Reply::Pairs(map.iter().map(|(key, value)| (key.clone().into(), value.clone())).collect())
            }
            (Self::List { values, .. }, Op::Get(Place::Index(index))) => Reply::Value(at(values, index).cloned()),
            (Self::List { values, .. }, Op::Len) => Reply::Count(values.len() as u64),
            (Self::List { values, .. }, Op::All) => Reply::Values(values.clone()),
            _ => return Err(Violation),
        })
    }

    /// The scope and the change of a request.
    fn prepare(&self, op: Op<'_>) -> Result<(Scope, Write), Violation> {
        let key = |key: Raw<'_>| Scope::Key(key.0.to_vec());
        Ok(match (self, op) {
            (Self::Map(_), Op::Put(Place::Key(at), value)) => (key(at), Write::Put(owned(value))),
            (Self::Map(_), Op::PutNew(at, value)) => (key(at), Write::PutNew(owned(value))),
            (Self::Map(_), Op::Remove(Place::Key(at))) => (key(at), Write::Remove),
            (Self::Map(_), Op::Hold(Some(Place::Key(at)))) => (key(at), Write::Hold),
            (Self::List { .. }, Op::Put(Place::Index(at), value)) => (Scope::Index(at), Write::Put(owned(value))),
            (Self::List { .. }, Op::Hold(Some(Place::Index(at)))) => (Scope::Index(at), Write::Hold),
            (Self::List { .. }, Op::Hold(None)) => (Scope::All, Write::Hold),
            (Self::List { .. }, Op::Swap(one, other)) => (Scope::All, Write::Swap(one, other)),
            (Self::List { is_fixed: false, .. }, Op::Insert(at, value)) => {
                (Scope::All, Write::Insert(at, owned(value)))
            }
            (Self::List { is_fixed: false, .. }, Op::Extend(values)) => (Scope::All, Write::Extend(all_owned(values))),
            (Self::List { is_fixed: false, .. }, Op::Pop) => (Scope::All, Write::Pop),
            (Self::List { is_fixed: false, .. }, Op::Remove(Place::Index(at))) => (Scope::All, Write::RemoveAt(at)),
            (Self::Map(_) | Self::List { is_fixed: false, .. }, Op::Clear) => (Scope::All, Write::Clear),
            _ => return Err(Violation),
        })
    }

    /// The values for the holder of a scope.
    fn seen(&self, scope: &Scope) -> Result<Vec<Bytes>, Refusal> {
        Ok(match (self, scope) {
            (Self::Map(map), Scope::Key(key)) => map.get(key).cloned().into_iter().collect(),
            (Self::List { values, .. }, Scope::Index(index)) => {
                vec![at(values, *index).cloned().ok_or(out_of(values))?]
            }
            (Self::List { values, .. }, _) => values.clone(),
            (Self::Map(_), _) => Vec::new(),
        })
    }

    fn change(&mut self, scope: Scope, write: Write) -> Result<Reply<Bytes>, Refusal> {
        match self {
            Self::Map(map) => Ok(change_map(map, scope, write)),
            Self::List { values, .. } => change_list(values, &scope, write),
        }
    }

    /// Applies the change of the holder.
    fn apply(&mut self, scope: &Scope, change: Change<'_>) -> Result<(), Violation> {
        match (self, scope, change) {
            (_, _, Change::None) => {}
            (Self::Map(map), Scope::Key(key), Change::Put(value)) => {
                map.insert(key.clone(), owned(value));
            }
            (Self::Map(map), Scope::Key(key), Change::Remove) => {
                map.remove(key);
            }
            (Self::List { values, .. }, Scope::Index(index), Change::Put(value)) => {
                *at_mut(values, *index).ok_or(Violation)? = owned(value);
            }
            (Self::List { values, is_fixed }, Scope::All, Change::All(new)) => {
                if *is_fixed && new.len() != values.len() {
                    return Err(Violation);
                }
                *values = all_owned(new);
            }
            _ => return Err(Violation),
        }
        Ok(())
    }
}

fn change_map(map: &mut HashMap<Vec<u8>, Bytes>, scope: Scope, write: Write) -> Reply<Bytes> {
    match (scope, write) {
        (Scope::Key(key), Write::Put(value)) => Reply::Value(map.insert(key, value)),
        (Scope::Key(key), Write::PutNew(value)) => {
            let before = map.get(&key).cloned();
            if before.is_none() {
                map.insert(key, value);
            }
            Reply::Value(before)
        }
        (Scope::Key(key), _) => Reply::Value(map.remove(&key)),
        _ => {
            *map = HashMap::new();
            Reply::Done
        }
    }
}

fn change_list(values: &mut Vec<Bytes>, scope: &Scope, write: Write) -> Result<Reply<Bytes>, Refusal> {
    let refusal = out_of(values);
    match (scope, write) {
        (Scope::Index(index), Write::Put(value)) => {
            let before = std::mem::replace(at_mut(values, *index).ok_or(refusal)?, value);
            return Ok(Reply::Value(Some(before)));
        }
        (_, Write::Insert(index, value)) => {
            let index = usize::try_from(index).ok().filter(|index| *index <= values.len()).ok_or(refusal)?;
            values.insert(index, value);
        }
        (_, Write::Extend(more)) => values.extend(more),
        (_, Write::Pop) => return Ok(Reply::Value(values.pop())),
        (_, Write::RemoveAt(index)) => {
            let index = usize::try_from(index).ok().filter(|index| *index < values.len()).ok_or(refusal)?;
            return Ok(Reply::Value(Some(values.remove(index))));
        }
        (_, Write::Swap(one, other)) => {
            let inside = |index| usize::try_from(index).ok().filter(|index| *index < values.len());
            let (one, other) = inside(one).zip(inside(other)).ok_or(refusal)?;
            values.swap(one, other);
        }
        _ => *values = Vec::new(),
    }
    Ok(Reply::Done)
}

fn at(values: &[Bytes], index: u64) -> Option<&Bytes> {
    values.get(usize::try_from(index).ok()?)
}

fn at_mut(values: &mut [Bytes], index: u64) -> Option<&mut Bytes> {
    values.get_mut(usize::try_from(index).ok()?)
}

fn out_of(values: &[Bytes]) -> Refusal {
    Refusal::OutOfRange { len: values.len() as u64 }
}

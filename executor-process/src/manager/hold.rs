//! Locks, permits, items and places held by a process until it returns them or dies.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection::Connection;
use super::error::ManagerError;
use super::handle::{Answer, Handle, odd};
use super::protocol::{Change, Op, Place, Raw, Reply, Ticket};

impl Handle {
    /// Holds a place, or all of it, until the change is made or the hold is dropped.
    pub(super) fn hold(&self, place: Option<Place<'_>>) -> Result<Held<'_>, ManagerError> {
        let give_back = |ticket| Op::Commit(ticket, Change::None);
        self.take(None, Op::Hold(place), give_back)?.ok_or_else(odd)
    }

    /// Changes what is at an index.
    pub(super) fn update_at<T, R>(&self, index: u64, change: impl FnOnce(&mut T) -> R) -> Result<R, ManagerError>
    where
        T: Serialize + DeserializeOwned,
    {
        let held = self.hold(Some(Place::Index(index)))?;
        let [value] = held.values()?[..] else { return Err(odd()) };
        let mut value = self.decode(value)?;
        let result = change(&mut value);
        let value = self.encode(&value)?;
        held.commit(Change::Put(Raw(&value)))?;
        Ok(result)
    }

    /// Takes a permit, or a lock, which has one. `None` when the time is up.
    pub(super) fn acquire<'a, G>(
        &'a self,
        limit: Option<u64>,
        guard: fn(Held<'a>) -> G,
    ) -> Result<Option<G>, ManagerError> {
        Ok(self.take(limit, Op::Acquire, Op::Release)?.map(guard))
    }

    /// Asks for something to hold, which `give_back` ends. `None` when the time is up.
    pub(super) fn take(
        &self,
        limit: Option<u64>,
        op: Op<'_>,
        give_back: fn(Ticket) -> Op<'static>,
    ) -> Result<Option<Held<'_>>, ManagerError> {
        // The same connection for the whole hold: the manager ties a hold to its connection.
        let connection = self.link.connection()?;
        let answer = connection.ask(self.object, limit, op).map_err(|failure| self.link.explain(failure))?;
        let answer = Answer(answer);
        if let Reply::Expired = answer.reply()? {
            return Ok(None);
        }
        let mut held = Held {
            handle: self,
            connection,
            answer: Answer(Vec::new()),
            ticket: 0,
            was_abandoned: false,
            is_late: false,
            give_back: None,
        };
        held.receive(answer, give_back)?;
        Ok(Some(held))
    }
}

/// A hold of a lock, permit, item or place. Its drop returns it unchanged.
pub(super) struct Held<'a> {
    handle: &'a Handle,
    connection: Arc<Connection>,
    /// The answer that granted it.
    answer: Answer,
    ticket: Ticket,
    pub(super) was_abandoned: bool,
    pub(super) is_late: bool,
    /// The request that ends it. `None` if it has ended.
    give_back: Option<fn(Ticket) -> Op<'static>>,
}

impl Held<'_> {
    pub(super) fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// The held values.
    pub(super) fn values(&self) -> Result<Vec<Raw<'_>>, ManagerError> {
        match self.answer.reply()? {
            Reply::Granted { values, .. } => Ok(values),
            _ => Err(odd()),
        }
    }

    /// Sends a request about it that does not end it.
    pub(super) fn ask(&self, limit: Option<u64>, op: Op<'_>) -> Result<Answer, ManagerError> {
        let link = &self.handle.link;
        self.connection.ask(self.handle.object, limit, op).map(Answer).map_err(|failure| link.explain(failure))
    }

    /// Ends it with a change.
    pub(super) fn commit(self, change: Change<'_>) -> Result<(), ManagerError> {
        let ticket = self.ticket;
        self.end(Op::Commit(ticket, change))
    }

    /// Sends the request that ends it.
    pub(super) fn end(mut self, op: Op<'_>) -> Result<(), ManagerError> {
        match self.ask(None, op)?.reply()? {
            Reply::Done => {
                self.give_back = None;
                Ok(())
            }
            _ => Err(odd()),
        }
    }

    /// Exchanges it for another hold, in place.
    pub(super) fn exchange(&mut self, limit: Option<u64>, op: Op<'_>) -> Result<(), ManagerError> {
        let Some(give_back) = self.give_back.take() else { return Err(odd()) };
        let answer = self.ask(limit, op)?;
        self.receive(answer, give_back)
    }

    fn receive(&mut self, answer: Answer, give_back: fn(Ticket) -> Op<'static>) -> Result<(), ManagerError> {
        match answer.reply()? {
            Reply::Granted { ticket, was_abandoned, is_late, .. } => {
                (self.ticket, self.was_abandoned, self.is_late) = (ticket, was_abandoned, is_late);
            }
            _ => return Err(odd()),
        }
        self.answer = answer;
        self.give_back = Some(give_back);
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Where it fails, the connection is over, and with it the hold.
        match self.give_back.take().map(|give_back| give_back(self.ticket)) {
            Some(op @ Op::Arrived(_)) => drop(self.connection.tell(self.handle.object, op)),
            Some(op) => drop(self.connection.ask(self.handle.object, None, op)),
            None => {}
        }
    }
}

//! The one job of the matrix: what goes wrong, and when, is data.

use executor::current;
use serde::de::Deserializer;
use serde::ser::{Error, SerializeTuple, Serializer};
use serde::{Deserialize, Serialize};

use super::faults::Fault;
use crate::support::event_log::Writer;
use crate::support::rendezvous::Arrival;

/// When it goes wrong, while a worker has the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Moment {
    /// When the job is read.
    Reading,
    Running,
    /// When half of the result is written.
    Replying,
    /// In the result's destructor, before it is known to be done.
    Dropping,
}

pub(super) const ALL: [Moment; 4] = [Moment::Reading, Moment::Running, Moment::Replying, Moment::Dropping];

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Parts {
    pub(super) number: u64,
    pub(super) trap: Option<(Fault, Moment)>,
    pub(super) arrival: Arrival,
    pub(super) writer: Writer,
}

impl Parts {
    /// Goes wrong in the first run of the job, if this is the moment.
    fn pass(&self, moment: Moment) -> Result<(), String> {
        match self.trap {
            Some((fault, at)) if at == moment && current::attempt() == Some(1) => fault.commit(&self.arrival),
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub(super) struct Order(pub(super) Parts);

impl TryFrom<Parts> for Order {
    type Error = String;

    fn try_from(parts: Parts) -> Result<Self, String> {
        parts.pass(Moment::Reading)?;
        Ok(Self(parts))
    }
}

impl From<Order> for Parts {
    fn from(order: Order) -> Self {
        order.0
    }
}

/// The number of its order, and in the worker all of that.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) number: u64,
    order: Option<Box<Order>>,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "order {}", self.0.number)
    }
}

impl Answer {
    fn pass(&self, moment: Moment) -> Result<(), String> {
        self.order.as_ref().map_or(Ok(()), |order| order.0.pass(moment))
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut halves = serializer.serialize_tuple(2)?;
        halves.serialize_element(&self.number)?;
        self.pass(Moment::Replying).map_err(S::Error::custom)?;
        halves.serialize_element(&!self.number)?;
        halves.end()
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (number, check) = <(u64, u64)>::deserialize(deserializer)?;
        if check == !number { Ok(Self { number, order: None }) } else { Err(serde::de::Error::custom("half a result")) }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.pass(Moment::Dropping).expect("nothing is encoded here");
    }
}

/// The job that each worker of the matrix runs.
pub(super) fn obey(order: Order) -> Answer {
    order.0.writer.write(order.0.number);
    order.0.pass(Moment::Running).expect("nothing is encoded here");
    Answer { number: order.0.number, order: Some(Box::new(order)) }
}

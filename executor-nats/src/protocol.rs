//! Shared by submitters and hosts: subjects, streams, messages, and the one place that decides an outcome.

pub(crate) mod batch;
pub(crate) mod large;
pub(crate) mod ledger;
pub(crate) mod loss;
pub(crate) mod message;
pub(crate) mod names;
pub(crate) mod removal;
pub(crate) mod settings;
pub(crate) mod streams;
pub(crate) mod times;

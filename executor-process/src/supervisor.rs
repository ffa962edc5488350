//! Starts, watches, stops and reaps a worker process, and holds the parent's ends of its channels.

pub(crate) mod child;
pub(crate) mod claims;
pub(crate) mod delivery;
pub(crate) mod environment;
pub(crate) mod host_check;
#[cfg(feature = "tracing")]
pub(crate) mod job_trace;
pub(crate) mod lifeline;
pub(crate) mod lifetime;
pub(crate) mod listener;
pub(crate) mod output;
pub(crate) mod records;
pub(crate) mod rendezvous;
pub(crate) mod reply_receiver;
pub(crate) mod roster;
pub(crate) mod start;
pub(crate) mod watcher;

//! How payloads travel beside the messages of a worker and its parent: descriptors through a socket of their own, large ones
//! through shared memory that is used again.
//!
//! ipc-channel carries the messages. It is no way for these descriptors: it maps every one that is no socket for writing, which a
//! sealed file refuses, and panics where there is no room for one; see ARCHITECTURE.md.
//!
//! A packet of descriptors is sent before the message that names it, so the receiver never waits for one: what is not there was
//! not sent. Large payloads lie in *slots*, files of memory that both sides keep. The writer takes a slot whose first word is
//! zero, and sets it; the reader clears it when it is done. No slot is taken for what is larger than all slots may be together:
//! that goes in a file of its own.

mod link;
mod mapped;
mod outgoing;
mod parent;
mod sink;
mod slots;
mod worker;

pub(crate) use outgoing::Outgoing;
pub(crate) use parent::ParentEnd;
pub(crate) use sink::{encode_result, outgoing};
pub(crate) use worker::{Opened, WorkerEnd};

/// Both ends, for tests.
#[cfg(all(test, not(loom)))]
pub(crate) fn pair() -> (std::sync::Arc<ParentEnd>, WorkerEnd) {
    let (ours, theirs) = crate::ipc::socket::pair().expect("there are descriptors left");
    (std::sync::Arc::new(ParentEnd::new(ours)), WorkerEnd::new(theirs))
}

#[cfg(all(test, not(loom)))]
mod tests;

//! The threads that a scheduler has started, until they are joined.

use std::collections::BTreeMap;

use super::callback_queue::Purpose;
use super::sync::JoinHandle;

/// The role of a thread.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Worker(usize),
    Timer,
    /// One after the other for each purpose, so each has its number.
    Errands(Purpose, usize),
}

#[derive(Default)]
pub(super) struct Threads {
    pub(super) living: BTreeMap<Role, JoinHandle<()>>,
    /// The one that ended last, while the pool lives on. It joined the one before.
    pub(super) ended: Option<JoinHandle<()>>,
}

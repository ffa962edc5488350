//! The copies of messages that this host was given, as far as no other host was given one before.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::protocol::removal::Copy;

/// More messages than a host has at a time. Of older ones, copies count as those of others.
const MAX_KNOWN: usize = 10_000;

/// How often each message was delivered, by its number in the stream.
#[derive(Default)]
pub(super) struct Copies(RefCell<BTreeMap<u64, u64>>);

impl Copies {
    /// A copy has come. This host may have returned the one before.
    pub(super) fn came(&self, copy: Copy) {
        let mut known = self.0.borrow_mut();
        let before = known.remove(&copy.sequence).unwrap_or_default();
        if copy.delivered == before + 1 {
            known.insert(copy.sequence, copy.delivered);
        }
        if known.len() > MAX_KNOWN {
            known.pop_first();
        }
    }

    /// Whether no other host was given the message before. The copy is used now.
    pub(super) fn is_only(&self, copy: Copy) -> bool {
        self.0.borrow_mut().remove(&copy.sequence) == Some(copy.delivered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(sequence: u64, delivered: u64) -> Copy {
        Copy::of_reply(&format!("$JS.ACK.jobs.consumer.{delivered}.{sequence}.1.1.1")).expect("a subject")
    }

    #[test]
    fn first_and_returned_copies_are_the_only_ones() {
        let copies = Copies::default();
        for delivered in 1..4 {
            copies.came(copy(7, delivered));
        }
        assert!(copies.is_only(copy(7, 3)));
        assert!(!copies.is_only(copy(7, 3)), "it was used");
    }

    #[test]
    fn copy_after_one_of_another_host_is_not_the_only_one() {
        let copies = Copies::default();
        copies.came(copy(7, 2));
        assert!(!copies.is_only(copy(7, 2)));
        copies.came(copy(8, 1));
        copies.came(copy(8, 3));
        assert!(!copies.is_only(copy(8, 3)));
    }

    #[test]
    fn old_copies_are_forgotten() {
        let copies = Copies::default();
        for sequence in 0..=MAX_KNOWN {
            copies.came(copy(sequence as u64, 1));
        }
        assert!(!copies.is_only(copy(0, 1)) && copies.is_only(copy(1, 1)));
    }
}

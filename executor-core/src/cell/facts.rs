//! The facts that are known of a job in every state, in seven bytes: so they fit behind the tag of the state.

use crate::queue_id::QueueId;

/// Six bytes of the queue's id, the lowest first, and a byte of flags.
#[derive(Clone, Copy, Default)]
pub(super) struct Facts([u8; 7]);

const FLAGS: usize = 6;
const NEVER_STARTED: u8 = 1;
const ABORTED: u8 = 2;
const DETACHED: u8 = 4;
const MEASURED: u8 = 8;

/// The kind of an outcome, kept after the outcome was taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Other,
    /// Cancelled before it started: only then is `cancel` true.
    NeverStarted,
    Aborted,
}

impl Facts {
    /// Whose queue the job waits in, or has waited in last.
    #[inline]
    pub(super) fn queue_id(self) -> Option<QueueId> {
        let mut bytes = [0; 8];
        bytes[..FLAGS].copy_from_slice(&self.0[..FLAGS]);
        QueueId::from_number(u64::from_le_bytes(bytes))
    }

    #[inline]
    pub(super) fn set_queue_id(&mut self, queue_id: QueueId) {
        self.0[..FLAGS].copy_from_slice(&queue_id.number().to_le_bytes()[..FLAGS]);
    }

    #[inline]
    pub(super) fn end(self) -> End {
        match self.0[FLAGS] & (NEVER_STARTED | ABORTED) {
            NEVER_STARTED => End::NeverStarted,
            ABORTED => End::Aborted,
            _ => End::Other,
        }
    }

    /// Sets the kind of the outcome, once.
    pub(super) fn set_end(&mut self, end: End) {
        self.0[FLAGS] |= match end {
            End::Other => 0,
            End::NeverStarted => NEVER_STARTED,
            End::Aborted => ABORTED,
        };
    }

    /// Whether the future is gone: the outcome will not be taken.
    #[inline]
    pub(super) fn is_detached(self) -> bool {
        self.0[FLAGS] & DETACHED != 0
    }

    pub(super) fn set_detached(&mut self) {
        self.0[FLAGS] |= DETACHED;
    }

    /// Whether the job's times are measured.
    pub(super) fn is_measured(self) -> bool {
        self.0[FLAGS] & MEASURED != 0
    }

    pub(super) fn set_measured(&mut self) {
        self.0[FLAGS] |= MEASURED;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn facts_do_not_change_each_other() {
        let mut facts = Facts::default();
        assert_eq!((facts.queue_id(), facts.end(), facts.is_detached()), (None, End::Other, false));
        let (first, last) = (QueueId::next(), QueueId::from_number((1 << 48) - 1).unwrap());
        facts.set_queue_id(first);
        facts.set_end(End::Aborted);
        assert_eq!((facts.queue_id(), facts.end(), facts.is_detached()), (Some(first), End::Aborted, false));
        facts.set_detached();
        facts.set_queue_id(last);
        assert_eq!((facts.queue_id(), facts.end(), facts.is_detached()), (Some(last), End::Aborted, true));
        let mut never = Facts::default();
        never.set_measured();
        never.set_end(End::NeverStarted);
        assert_eq!((never.queue_id(), never.end(), never.is_detached()), (None, End::NeverStarted, false));
        assert!(never.is_measured() && !facts.is_measured());
    }
}

//! Moves this worker away from the core of the thread that it serves.
//!
//! The kernel wakes the reader of a socket on the core of the writer, which is about to sleep. So the two share a core although another
//! one is idle, and neither can be awake for the other's message. Once both are awake on two cores, they stay there.

use std::cell::Cell;

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// How many messages in a row come through the socket until the first move. A move costs as much as some messages.
const FIRST: u32 = 32;

/// The most messages from one move to the next, where moves do not help.
const LAST: u32 = 16 * 1024;

pub(super) struct Core {
    /// Messages through the socket since the last move, or since a message came while this worker was awake.
    asleep: Cell<u32>,
    /// How many of them are enough for a move.
    enough: Cell<u32>,
}

impl Core {
    pub(super) const fn new() -> Self {
        Self { asleep: Cell::new(0), enough: Cell::new(FIRST) }
    }

    /// A message came while this worker was awake.
    pub(super) fn was_awake(&self) {
        self.asleep.set(0);
        self.enough.set(FIRST);
    }

    /// A message came through the socket, from a thread on the core `other`. Moves to another core if that is the same one, and enough of
    /// them have come.
    pub(super) fn was_asleep(&self, other: u64) {
        self.asleep.set(self.asleep.get() + 1);
        if self.asleep.get() < self.enough.get() {
            return;
        }
        self.asleep.set(0);
        self.enough.set(LAST.min(2 * self.enough.get()));
        let own = sched_getcpu();
        if other == own as u64 {
            // It goes on where it is, should the system refuse.
            let _ = leave(own);
        }
    }
}

/// Moves this thread to another core than this one that it may use, if there is any. It may use all of them again then.
fn leave(core: usize) -> rustix::io::Result<()> {
    let all = sched_getaffinity(None)?;
    let mut others = all;
    if core < CpuSet::MAX_CPU {
        others.unset(core);
    }
    if others.count() > 0 {
        sched_setaffinity(None, &others)?;
        sched_setaffinity(None, &all)?;
    }
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn move_keeps_the_cores_that_may_be_used() {
        let all = sched_getaffinity(None).unwrap();
        leave(sched_getcpu()).unwrap();
        assert_eq!(sched_getaffinity(None).unwrap(), all);
    }

    #[test]
    fn moves_that_do_not_help_become_rare() {
        let core = Core::new();
        let mut moves = Vec::new();
        for message in 1..100_000 {
            // No core has this number, so no move is made.
            core.was_asleep(u64::MAX);
            if core.asleep.get() == 0 {
                moves.push(message);
            }
        }
        assert_eq!(moves[..4], [32, 32 + 64, 32 + 64 + 128, 32 + 64 + 128 + 256]);
        assert!(moves.len() < 15, "{moves:?}");
        core.was_awake();
        (0..31).for_each(|_| core.was_asleep(u64::MAX));
        assert_eq!((core.asleep.get(), core.enough.get()), (31, FIRST));
    }
}

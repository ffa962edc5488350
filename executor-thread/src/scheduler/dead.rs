//! How many of the jobs in a queue are dead: cancelled, or run in place by a thread that waits for them, with their entries still there.

/// A job's death is told before or after its entry is taken out, so for moments this is below zero.
#[derive(Default)]
pub(crate) struct Dead(isize);

impl Dead {
    /// One has died, and its entry was in the queue, or has been taken out before.
    pub(crate) fn died(&mut self) {
        self.0 += 1;
    }

    /// Entries were taken out that are dead, or about to be.
    pub(crate) fn removed(&mut self, n: usize) {
        self.0 -= isize::try_from(n).unwrap_or(isize::MAX);
    }

    /// Entries were taken out alive that tell another queue id of their end.
    pub(crate) fn moved(&mut self, n: usize) {
        self.0 += isize::try_from(n).unwrap_or(isize::MAX);
    }

    /// How many entries are dead.
    pub(crate) fn count(&self) -> usize {
        self.0.max(0).unsigned_abs()
    }

    /// How many were taken out whose death was not told yet.
    pub(crate) fn untold(&self) -> usize {
        self.0.min(0).unsigned_abs()
    }

    /// How many of `n` entries are alive.
    pub(crate) fn alive_of(&self, n: usize) -> usize {
        n.saturating_add_signed(-self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_once_whichever_comes_first() {
        let mut dead = Dead::default();
        dead.died();
        assert_eq!((dead.count(), dead.untold(), dead.alive_of(3)), (1, 0, 2));
        dead.removed(2);
        assert_eq!((dead.count(), dead.untold()), (0, 1));
        dead.died();
        assert_eq!((dead.count(), dead.untold(), dead.alive_of(1)), (0, 0, 1));
    }
}

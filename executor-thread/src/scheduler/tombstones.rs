//! How many entries of a queue, or jobs taken from it, are tombstones: left by jobs that were cancelled, or run in place by a thread that waits for them.

/// The end of a job is reported before or after its entry is taken out, so for moments this is below zero.
#[derive(Default)]
pub(crate) struct Tombstones(isize);

impl Tombstones {
    /// A job has ended, and its entry was in the queue, or has been taken out before.
    pub(crate) fn add_tombstone(&mut self) {
        self.0 += 1;
    }

    /// Entries were taken out of jobs that have ended, or are about to.
    pub(crate) fn removed(&mut self, n: usize) {
        self.0 -= isize::try_from(n).unwrap_or(isize::MAX);
    }

    /// Entries were taken out alive that tell another queue id of their end.
    pub(crate) fn moved(&mut self, n: usize) {
        self.0 += isize::try_from(n).unwrap_or(isize::MAX);
    }

    /// How many entries are tombstones.
    pub(crate) fn count(&self) -> usize {
        self.0.max(0).unsigned_abs()
    }

    /// How many were taken out whose end was not reported yet.
    pub(crate) fn unreported(&self) -> usize {
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
        let mut tombstones = Tombstones::default();
        tombstones.add_tombstone();
        assert_eq!((tombstones.count(), tombstones.unreported(), tombstones.alive_of(3)), (1, 0, 2));
        tombstones.removed(2);
        assert_eq!((tombstones.count(), tombstones.unreported()), (0, 1));
        tombstones.add_tombstone();
        assert_eq!((tombstones.count(), tombstones.unreported(), tombstones.alive_of(1)), (0, 0, 1));
    }
}

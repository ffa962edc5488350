//! The memory that a job takes while it waits.

use std::hint::black_box;
use std::sync::mpsc;

use super::{Work, float};
use crate::machine::kibibytes;
use crate::peers::Contender;

/// Jobs queued behind one that blocks the only thread. In bytes per job: the growth of the process's resident memory,
/// with the job's future in a vector, and no memory there that an earlier measurement has left.
pub(crate) struct Memory {
    pub(crate) jobs: u64,
}

impl Work for Memory {
    fn threads(&self) -> usize {
        1
    }

    fn measure<C: Contender>(&self, pool: &C) -> f64 {
        let (open, gate) = mpsc::channel::<()>();
        let blocker = pool.submit(move || gate.recv().is_err());
        let mut futures = Vec::with_capacity(usize::try_from(self.jobs).expect("fits into memory"));
        let before = resident();
        for number in 0..self.jobs {
            futures.push(pool.submit(move || black_box(number)));
        }
        let after = resident();
        drop(open);
        assert!(C::result(blocker), "nobody has sent anything");
        let sum: u64 = futures.into_iter().map(C::result).sum();
        assert_eq!(sum, self.jobs * (self.jobs - 1) / 2, "{} lost a result", C::NAME);
        match (before, after) {
            (Some(before), Some(after)) => float(after.saturating_sub(before)) / float(self.jobs),
            // This system does not say.
            _ => f64::NAN,
        }
    }
}

/// The resident memory of this process, in bytes, as Linux tells it.
pub(super) fn resident() -> Option<u64> {
    kibibytes("/proc/self/status", "VmRSS:").map(|resident| resident * 1024)
}

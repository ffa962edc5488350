//! The memory that is still in use after a burst.

use std::hint::black_box;

use super::trim::trim;
use super::{Work, float, memory::resident};
use crate::peers::Contender;

/// Many jobs, queued and run. In MiB: how much larger the process's resident memory is afterwards,
/// when the allocator has given back what is free.
pub(crate) struct Kept {
    pub(crate) threads: usize,
    pub(crate) jobs: u64,
}

impl Work for Kept {
    fn threads(&self) -> usize {
        self.threads
    }

    fn measure<C: Contender>(&self, pool: &C) -> f64 {
        let resident = || {
            trim();
            resident()
        };
        let before = resident();
        let futures: Vec<_> = (0..self.jobs).map(|number| pool.submit(move || black_box(number))).collect();
        let sum: u64 = futures.into_iter().map(C::result).sum();
        assert_eq!(sum, self.jobs * (self.jobs - 1) / 2, "{} lost a result", C::NAME);
        // Behind all of its jobs, the pool has let go of them.
        super::warm(pool, self.threads);
        match (before, resident()) {
            (Some(before), Some(after)) => float(after.saturating_sub(before)) / float(1 << 20),
            // This system does not say.
            _ => f64::NAN,
        }
    }
}

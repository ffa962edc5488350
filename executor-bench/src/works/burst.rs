//! Many parked workers, and suddenly a job for each.

use std::hint::black_box;
use std::time::Instant;

use super::{PARKED, Work, pause};
use crate::peers::Contender;
use crate::stats::median;

/// As many trivial jobs as there are workers, all of whom are parked. In microseconds from the first submit to the last
/// result: the median of a number of bursts, each after a pause.
pub(crate) struct Burst {
    pub(crate) threads: usize,
    pub(crate) bursts: u64,
}

impl Burst {
    fn once<C: Contender>(&self, pool: &C) -> f64 {
        let jobs = u64::try_from(self.threads).expect("a small number");
        let mut futures = Vec::with_capacity(self.threads);
        pause(PARKED);
        let started = Instant::now();
        for number in 0..jobs {
            futures.push(pool.submit(move || black_box(number) + 1));
        }
        let sum: u64 = futures.into_iter().map(C::result).sum();
        let elapsed = started.elapsed();
        assert_eq!(sum, jobs * (jobs + 1) / 2, "{} lost a result", C::NAME);
        elapsed.as_secs_f64() * 1e6
    }
}

impl Work for Burst {
    fn threads(&self) -> usize {
        self.threads
    }

    fn measure<C: Contender>(&self, pool: &C) -> f64 {
        let times: Vec<_> = (0..self.bursts).map(|_| self.once(pool)).collect();
        median(&times)
    }

    fn python(&self) -> Option<String> {
        Some(format!("burst {} {}", self.threads, self.bursts))
    }
}

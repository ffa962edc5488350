//! Jobs that wait, the typical use of a thread pool.

use std::time::{Duration, Instant};

use super::{Work, float, pause};
use crate::peers::Contender;

/// Many jobs that sleep for a millisecond each. In milliseconds from the first submit to the last result.
pub(crate) struct Sleeps {
    pub(crate) threads: usize,
    pub(crate) jobs: u64,
}

const NAP: Duration = Duration::from_millis(1);

/// How many sleeps of an otherwise idle process tell how long one takes.
const SAMPLES: u32 = 200;

impl Work for Sleeps {
    fn threads(&self) -> usize {
        self.threads
    }

    fn measure<C: Contender>(&self, pool: &C) -> f64 {
        let started = Instant::now();
        let job = |number| {
            pool.submit(move || {
                pause(NAP);
                number
            })
        };
        let futures: Vec<_> = (0..self.jobs).map(job).collect();
        let sum: u64 = futures.into_iter().map(C::result).sum();
        let elapsed = started.elapsed();
        assert_eq!(sum, self.jobs * (self.jobs - 1) / 2, "{} lost a result", C::NAME);
        elapsed.as_secs_f64() * 1e3
    }

    /// The ideal: as long as such sleeps really take, and nothing in between.
    fn without_pool(&self) -> Option<(&'static str, f64)> {
        let started = Instant::now();
        for _ in 0..SAMPLES {
            pause(NAP);
        }
        let nap = started.elapsed().as_secs_f64() * 1e3 / f64::from(SAMPLES);
        let threads = u64::try_from(self.threads).expect("a small number");
        Some((super::IDEAL, float(self.jobs) / float(threads) * nap))
    }

    fn python(&self) -> Option<String> {
        Some(format!("sleeps {} {}", self.threads, self.jobs))
    }
}

//! One job at a time.

use std::hint::black_box;
use std::time::Instant;

use super::{Work, float};
use crate::peers::Contender;

/// Submits one trivial job and waits for its result, again and again, with one thread in the pool. In nanoseconds per
/// round trip.
pub(crate) struct PingPong {
    pub(crate) trips: u64,
}

impl Work for PingPong {
    fn threads(&self) -> usize {
        1
    }

    fn measure<C: Contender>(&self, pool: &C) -> f64 {
        let started = Instant::now();
        let mut number = 0;
        for _ in 0..self.trips {
            number = C::result(pool.submit(move || black_box(number) + 1));
        }
        let elapsed = started.elapsed();
        assert_eq!(number, self.trips, "{} lost a result", C::NAME);
        elapsed.as_secs_f64() * 1e9 / float(self.trips)
    }

    fn python(&self) -> Option<String> {
        Some(format!("ping-pong 1 {}", self.trips))
    }
}

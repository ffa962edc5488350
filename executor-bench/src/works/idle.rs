//! The cost of a pool that has almost nothing to do.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::{Work, pause};
use crate::peers::Contender;

/// The name of the submitting thread without a pool, in the tables.
pub(crate) const ALONE: &str = "submitter alone";

/// A large pool that gets one trivial job per millisecond. In cores: the processor time of the whole process per time,
/// so the submitter's part, which wakes a thousand times a second, is in it.
pub(crate) struct Idle {
    pub(crate) threads: usize,
    pub(crate) time: Duration,
}

const PERIOD: Duration = Duration::from_millis(1);

impl Idle {
    /// Calls `tick` with the number of each period, at its end.
    fn measure(&self, mut tick: impl FnMut(u64)) -> f64 {
        let (started, before) = (Instant::now(), processor_time());
        let periods = (self.time.as_nanos() / PERIOD.as_nanos()).try_into().expect("a short time");
        let mut next = started;
        for number in 0..periods {
            next += PERIOD;
            // Late, after another process had the core: the periods missed are not made up for in a rush.
            next = next.max(Instant::now());
            pause(next.saturating_duration_since(Instant::now()));
            tick(number);
        }
        let used = processor_time().checked_sub(before).expect("processor time only grows");
        used.as_secs_f64() / started.elapsed().as_secs_f64()
    }
}

/// The processor time that all threads of this process have used so far.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().expect("processor time is not negative")
}

impl Work for Idle {
    fn threads(&self) -> usize {
        self.threads
    }

    fn measure<C: Contender>(&self, pool: &C) -> f64 {
        let mut future = None;
        let cores = self.measure(|number| {
            // The job of the last period has ended long ago, so this does not block, and every result is checked.
            let before = future.replace(pool.submit(move || black_box(number)));
            assert_eq!(before.map(C::result), number.checked_sub(1), "{} lost a result", C::NAME);
        });
        future.map(C::result);
        cores
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn without_pool(&self) -> Option<(&'static str, f64)> {
        Some((ALONE, self.measure(|number| assert_eq!(black_box(number), number))))
    }

    fn python(&self) -> Option<String> {
        Some(format!("idle {} {}", self.threads, self.time.as_millis()))
    }
}

//! The cost of a pool that has nothing to do.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::{Work, pause};
use crate::peers::Contender;

/// A large pool without a job. In milliseconds of processor time that all threads but the one that waits have used meanwhile.
pub(crate) struct Rest {
    pub(crate) threads: usize,
    pub(crate) time: Duration,
}

fn used(clock: ClockId) -> Duration {
    clock_gettime(clock).try_into().expect("processor time is not negative")
}

impl Work for Rest {
    fn threads(&self) -> usize {
        self.threads
    }

    fn measure<C: Contender>(&self, _: &C) -> f64 {
        // This thread's own time is taken around that of all: what taking it costs is then in both.
        let own_before = used(ClockId::ThreadCPUTime);
        let all_before = used(ClockId::ProcessCPUTime);
        pause(self.time);
        let all = used(ClockId::ProcessCPUTime).saturating_sub(all_before);
        let own = used(ClockId::ThreadCPUTime).saturating_sub(own_before);
        all.saturating_sub(own).as_secs_f64() * 1e3
    }

    fn is_alone(&self) -> bool {
        true
    }
}

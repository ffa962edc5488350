//! Times at which this host heard nothing: it was stopped, or the connection was.
//!
//! A message that comes afterwards may be older than it looks.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The time after a stall in which messages may come that the system has kept for this host.
const AFTER: Duration = Duration::from_secs(10);

pub(super) struct Stalls {
    /// The longest time between two ticks that is no stall.
    limit: Duration,
    ticked: Cell<Instant>,
    trusted: Cell<Instant>,
}

impl Stalls {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, ticked: Cell::new(Instant::now()), trusted: Cell::new(Instant::now()) }
    }

    /// This host is running. Called about three times in each limit.
    pub(super) fn tick(&self, is_new_connection: bool) {
        let now = Instant::now();
        let is_late = now.duration_since(self.ticked.replace(now)) >= self.limit;
        if is_late || is_new_connection {
            self.trusted.set(now + AFTER);
        }
    }

    /// Messages that came before this time may have been on their way for long.
    pub(super) fn trusted(&self) -> Instant {
        let now = Instant::now();
        // Stopped, and not ticked again.
        if now.duration_since(self.ticked.get()) >= self.limit { now + AFTER } else { self.trusted.get() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_that_ticks_is_trusted() {
        let stalls = Stalls::new(Duration::from_secs(3600));
        stalls.tick(false);
        assert!(stalls.trusted() <= Instant::now());
        stalls.tick(true);
        assert!(stalls.trusted() > Instant::now());
    }

    #[test]
    fn late_tick_is_a_stall_before_and_after() {
        let stalls = Stalls::new(Duration::ZERO);
        assert!(stalls.trusted() > Instant::now());
        stalls.tick(false);
        assert!(stalls.trusted.get() > Instant::now());
    }
}

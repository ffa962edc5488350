//! How long jobs run, and so how far ahead a host takes them.

use std::cell::Cell;
use std::time::Duration;

use crate::protocol::times::{RunTimes, average};

/// How much work of a worker may be claimed behind the job that it runs. About the time of a claim's way to the server and back.
const CLAIMED_AHEAD: Duration = Duration::from_millis(1);

/// How many jobs of a worker may be claimed ahead, however short they are.
const MOST_AHEAD: u32 = 128;

/// Of a job whose function has not run here: nothing is claimed behind it.
const UNKNOWN: Duration = Duration::from_secs(3600);

/// The measured run times, by function.
#[derive(Default)]
pub(super) struct Pace {
    times: RunTimes,
    /// Of the last jobs, whatever their functions.
    recent: Cell<Option<Duration>>,
}

impl Pace {
    /// The time that a job of this function will probably take.
    pub(super) fn estimate(&self, function: Option<&str>) -> Duration {
        function.and_then(|function| self.times.get(function)).unwrap_or(UNKNOWN)
    }

    /// A job of this function has run for this time.
    pub(super) fn ran(&self, function: &str, time: Duration) {
        self.recent.set(Some(average(self.recent.get(), time)));
        self.times.ran(function, time);
    }

    /// Whether a job may be claimed although no worker is free: those before it take `load` in all.
    pub(super) fn is_soon(load: Duration, estimate: Duration, claimed: usize, workers: usize) -> bool {
        let (most, workers) = limits(workers);
        claimed < most && load.saturating_add(estimate) <= CLAIMED_AHEAD * workers
    }

    /// How many jobs a host has at once, claimed or waiting for that.
    pub(super) fn capacity(&self, workers: usize) -> usize {
        let ahead = self.recent.get().map_or(0, |time| {
            let jobs = CLAIMED_AHEAD.as_nanos().checked_div(time.as_nanos()).unwrap_or(u128::MAX);
            u32::try_from(jobs).unwrap_or(MOST_AHEAD).min(MOST_AHEAD)
        });
        // As many again are on their way while the claimed ones run.
        workers.saturating_mul(1 + 2 * ahead as usize)
    }
}

fn limits(workers: usize) -> (usize, u32) {
    let workers = u32::try_from(workers).unwrap_or(1 << 16).min(1 << 16);
    (workers as usize * (1 + MOST_AHEAD as usize), workers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_micros(10);
    const LONG: Duration = Duration::from_millis(100);

    #[test]
    fn unknown_jobs_are_not_taken_ahead() {
        let pace = Pace::default();
        assert_eq!(pace.capacity(4), 4);
        assert!(!Pace::is_soon(Duration::ZERO, pace.estimate(Some("f")), 4, 4));
        pace.ran("f", SHORT);
        assert!(!Pace::is_soon(Duration::ZERO, pace.estimate(Some("g")), 4, 4));
        assert!(!Pace::is_soon(Duration::ZERO, pace.estimate(None), 4, 4));
    }

    #[test]
    fn short_jobs_are_claimed_a_millisecond_ahead() {
        let pace = Pace::default();
        pace.ran("f", SHORT);
        let estimate = pace.estimate(Some("f"));
        assert_eq!(pace.capacity(2), 2 * (1 + 2 * 100));
        assert!(Pace::is_soon(estimate * 199, estimate, 199, 2));
        assert!(!Pace::is_soon(estimate * 200, estimate, 200, 2));
    }

    #[test]
    fn jobs_without_a_measurable_time_have_a_limit() {
        let pace = Pace::default();
        pace.ran("f", Duration::ZERO);
        assert_eq!(pace.capacity(1), 1 + 2 * 128);
        assert!(Pace::is_soon(Duration::ZERO, Duration::ZERO, 128, 1));
        assert!(!Pace::is_soon(Duration::ZERO, Duration::ZERO, 129, 1));
    }

    #[test]
    fn long_job_ends_claiming_ahead_of_its_function() {
        let pace = Pace::default();
        (0..100).for_each(|_| pace.ran("f", SHORT));
        pace.ran("f", LONG);
        assert_eq!(pace.capacity(2), 2);
        assert!(!Pace::is_soon(Duration::ZERO, pace.estimate(Some("f")), 2, 2));
        (0..100).for_each(|_| pace.ran("f", SHORT));
        assert!(Pace::is_soon(Duration::ZERO, pace.estimate(Some("f")), 2, 2), "it recovers");
    }
}

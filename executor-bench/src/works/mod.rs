//! The works that are measured, each generic over the contender that does it.

mod burst;
mod idle;
mod kept;
mod memory;
mod ping_pong;
mod rest;
mod sleeps;
mod submits;
mod trim;

use std::sync::{Arc, Barrier};
use std::time::Duration;

use rustix::thread::Timespec;

pub(crate) use self::burst::Burst;
pub(crate) use self::idle::{ALONE, Idle};
pub(crate) use self::kept::Kept;
pub(crate) use self::memory::Memory;
pub(crate) use self::ping_pong::PingPong;
pub(crate) use self::rest::Rest;
pub(crate) use self::sleeps::Sleeps;
pub(crate) use self::submits::Submits;
use crate::peers::Contender;

/// Something to do with a pool, that checks its results and returns one measurement.
pub(crate) trait Work {
    /// How many threads each contender gets.
    fn threads(&self) -> usize;

    /// Does it once. All threads of the pool exist, and are idle.
    fn measure<C: Contender>(&self, pool: &C) -> f64;

    /// Whether a pool is gone before the next contender's turn, because its mere presence would be measured too.
    fn is_alone(&self) -> bool {
        false
    }

    /// A measurement without any pool, to compare with.
    fn without_pool(&self) -> Option<(&'static str, f64)> {
        None
    }

    /// The same for `CPython`, as a line for its script, which answers with a number.
    fn python(&self) -> Option<String> {
        None
    }
}

/// Makes a pool start all its threads, by as many jobs that wait for each other; then lets them become idle.
pub(crate) fn warm<C: Contender>(pool: &C, threads: usize) {
    let all_run = Arc::new(Barrier::new(threads));
    let job = || {
        let all_run = all_run.clone();
        pool.submit(move || all_run.wait().is_leader())
    };
    let futures: Vec<_> = std::iter::repeat_with(job).take(threads).collect();
    let leaders = futures.into_iter().map(C::result).filter(|&is_leader| is_leader);
    assert_eq!(leaders.count(), 1, "{} has not started all its threads", C::NAME);
    pause(PARKED);
}

/// The name of what no pool can be faster than, in the tables.
pub(crate) const IDEAL: &str = "ideal";

/// Long enough for workers without a job to park.
const PARKED: Duration = Duration::from_millis(3);

/// Sleeps as the standard library does, in one system call that a signal would cut short.
pub(crate) fn pause(time: Duration) {
    let time = Timespec::try_from(time).expect("a short time");
    // Cut short it would only be a measurement among others.
    let _ = rustix::thread::nanosleep(&time);
}

/// For sizes and sums that stay far below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "a measurement is not that precise")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

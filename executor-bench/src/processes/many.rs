//! Many trivial jobs: all are submitted, then each result is taken.

use std::time::Instant;

use super::echo::Channel;
use super::{CHANNEL, Contender, Lazy, Ours, Procspawn, python, size, warm};
use crate::rounds::Entrant;
use crate::works::float;

fn check(sum: u64, jobs: u64) {
    assert_eq!(sum, jobs * (jobs + 1) / 2, "a result is lost or wrong");
}

/// In nanoseconds per job.
fn measure<C: Contender>(pool: &C, jobs: u64) -> f64 {
    let mut futures = Vec::with_capacity(size(jobs));
    let started = Instant::now();
    futures.extend((0..jobs).map(|number| pool.submit(number)));
    let sum = futures.into_iter().map(C::result).sum();
    let elapsed = started.elapsed();
    check(sum, jobs);
    elapsed.as_secs_f64() * 1e9 / float(jobs)
}

/// The least that one process can take: a thread sends, and this one receives.
fn by_channel(channel: &Channel<u64>, jobs: u64) -> f64 {
    let started = Instant::now();
    let sum = channel.ask_all(0..jobs);
    let elapsed = started.elapsed();
    check(sum, jobs);
    elapsed.as_secs_f64() * 1e9 / float(jobs)
}

/// Each of procspawn's holds descriptors; more of them than that are refused by the system.
const PROCSPAWN_MOST: u64 = 200;

pub(super) fn entrants(processes: usize, jobs: u64) -> Vec<Entrant<'static>> {
    fn pool<C: Contender + 'static>(processes: usize, jobs: u64) -> Entrant<'static> {
        let pool = warm::<C>(processes);
        Entrant::new(C::NAME, move || pool.with(|pool| measure(pool, jobs)))
    }
    let channel = Lazy::new(Channel::of_numbers);
    let mut list = vec![
        pool::<Ours>(processes, jobs),
        Entrant::new(CHANNEL, move || channel.with(|channel| by_channel(channel, jobs))),
        pool::<Procspawn>(processes, jobs.min(PROCSPAWN_MOST)),
    ];
    // As for thread pools, a share of the jobs is enough.
    list.extend(python::entrants(&format!("pipelined {processes} {}", (jobs / 10).max(1))));
    list
}

/// Ours alone, as jobs per second.
pub(super) fn rate(processes: usize, jobs: u64) -> Entrant<'static> {
    let pool = warm::<Ours>(processes);
    Entrant::new(Ours::NAME, move || 1e9 / pool.with(|pool| measure(pool, jobs)))
}

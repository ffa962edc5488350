//! The file descriptors that queued jobs hold.

use std::fs;

use executor_core::call;
use executor_process::channel;

use super::jobs::block;
use super::python::Pools;
use super::{Contender, Kind, Ours, size, warm};
use crate::rounds::Entrant;
use crate::works::float;

/// The open file descriptors of this process.
pub(super) fn open() -> u64 {
    let entries = fs::read_dir("/proc/self/fd").expect("Linux has a list of them");
    entries.count().try_into().expect("a small number")
}

/// Jobs queued behind one that blocks the only worker. How many descriptors more there are.
fn measure(pool: &Ours, jobs: u64) -> f64 {
    let (started, has_started) = channel().expect("a socket can be made");
    let (gate, closed) = channel().expect("a socket can be made");
    let blocker = pool.0.submit(call(block, (started, closed)));
    has_started.recv().expect("the blocker runs");
    let mut futures = Vec::with_capacity(size(jobs));
    let before = open();
    futures.extend((0..jobs).map(|number| pool.submit(number)));
    let after = open();
    drop(gate);
    blocker.result().expect("no job of a benchmark fails");
    let sum: u64 = futures.into_iter().map(Ours::result).sum();
    assert_eq!(sum, jobs * (jobs + 1) / 2, "a result is lost or wrong");
    float(after.saturating_sub(before))
}

/// procspawn is left out: each of its jobs holds some, and the process would have none left.
pub(super) fn entrants(jobs: u64) -> Vec<Entrant<'static>> {
    let pool = warm::<Ours>(1);
    let python = Pools::new(Kind::Executor).entrant(Kind::Executor.name(), format!("descriptors {jobs}"));
    vec![Entrant::new(Ours::NAME, move || pool.with(|pool| measure(pool, jobs))), python]
}

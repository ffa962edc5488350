//! Many jobs while workers are killed all the time: exactly the killed ones fail.

use std::collections::{BTreeMap, BTreeSet};

use executor::{JobError, ProcessPool, as_completed, call};
use rustix::process::{Pid, Signal, kill_process};

use super::pool;
use crate::support::event_log::{EventLog, Writer};
use crate::support::within_patience;

const JOBS: u64 = if cfg!(debug_assertions) { 20_000 } else { 100_000 };

/// The number of jobs in the pool at once.
const WAVE: u64 = 1000;

fn write_and_square((writer, number): (Writer, u64)) -> u64 {
    writer.write(number);
    number * number
}

/// Kills a worker after every 50 to 200 results.
struct Killer<'a> {
    pool: &'a ProcessPool,
    random: u64,
    results_left: u64,
    killed: BTreeSet<u32>,
}

impl<'a> Killer<'a> {
    fn of(pool: &'a ProcessPool) -> Self {
        Self { pool, random: 0x5eed, results_left: 50, killed: BTreeSet::new() }
    }

    /// Xorshift.
    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn has_a_result(&mut self) {
        self.results_left -= 1;
        if self.results_left > 0 {
            return;
        }
        self.results_left = 50 + self.next() % 151;
        let (pids, random) = (self.pool.pids(), self.next());
        let Some(&pid) = usize::try_from(random >> 8).ok().and_then(|n| pids.get(n.checked_rem(pids.len())?)) else {
            return;
        };
        // It may be gone by now, and then it is not ours that killed it.
        if kill_process(Pid::from_raw(pid.cast_signed()).expect("no zero"), Signal::KILL).is_ok() {
            self.killed.insert(pid);
        }
    }
}

/// Looks at each outcome, and at how often each job ran.
fn judge(outcomes: BTreeMap<u64, Result<u64, JobError>>, killed: &BTreeSet<u32>, log: &EventLog) {
    assert!(outcomes.keys().copied().eq(0..JOBS), "one outcome for each");
    let mut crashed = BTreeSet::new();
    for (number, outcome) in outcomes {
        match outcome {
            Ok(square) => assert_eq!(square, number * number),
            Err(JobError::Crashed(crash)) => {
                assert_eq!(crash.signal(), Some("SIGKILL"), "job {number}: {crash:#}");
                assert!(killed.contains(&crash.pid()), "job {number}: nobody killed its worker: {crash:#}");
                assert!(crashed.insert(crash.pid()), "job {number}: a worker runs one job at a time: {crash:#}");
            }
            Err(other) => panic!("job {number}: {other}"),
        }
    }
    let entries = log.sorted();
    assert!(entries.windows(2).all(|pair| pair[0] < pair[1]), "each ran once at most");
    // A job that was killed may not have written to the log.
    let missing = usize::try_from(JOBS).expect("not so many") - entries.len();
    assert!(missing <= crashed.len(), "{missing} did not run, and {} crashed", crashed.len());
    assert!(killed.len() > 20 && !crashed.is_empty(), "{} kills, {} crashes", killed.len(), crashed.len());
}

#[test]
fn of_many_jobs_exactly_those_fail_whose_worker_was_killed() {
    kill_workers_of(|| pool(2));
}

#[test]
fn forked_workers_that_are_killed_cost_their_jobs_alone() {
    kill_workers_of(|| ProcessPool::builder().processes(2).template(call!(u64::isqrt(4))).build().expect("a pool"));
}

fn kill_workers_of(make: fn() -> ProcessPool) {
    within_patience(move || {
        let (pool, log) = (make(), EventLog::new());
        let (mut killer, mut outcomes) = (Killer::of(&pool), BTreeMap::new());
        for start in (0..JOBS).step_by(usize::try_from(WAVE).expect("not so many")) {
            let numbers = start..JOBS.min(start + WAVE);
            let futures: Vec<_> =
                numbers.map(|number| pool.submit(call!(write_and_square((log.writer(), number))))).collect();
            for (index, outcome) in as_completed(futures) {
                assert!(outcomes.insert(start + index as u64, outcome).is_none(), "one outcome");
                killer.has_a_result();
            }
        }
        judge(outcomes, &killer.killed, &log);
        pool.shutdown(true);
        assert!(pool.pids().is_empty());
    });
}

#[test]
fn of_many_items_exactly_those_fail_whose_worker_was_killed() {
    within_patience(|| {
        let (pool, log) = (pool(2), EventLog::new());
        let (mut killer, mut outcomes) = (Killer::of(&pool), BTreeMap::new());
        let writer = log.writer();
        for (number, outcome) in (0..).zip(pool.map((0..JOBS).map(|number| (writer.clone(), number)), write_and_square))
        {
            outcomes.insert(number, outcome);
            killer.has_a_result();
        }
        judge(outcomes, &killer.killed, &log);
    });
}

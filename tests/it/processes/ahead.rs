//! Jobs that were sent to a worker behind another one: they are as good as queued.

use std::thread;
use std::time::{Duration, Instant};

use executor::{Future, JobError, ProcessPool, ShutdownPolicy, Status, call};

use super::deaths::{crash, kill};
use super::pool;
use crate::support::door::{Bell, Door, Guest};
use crate::support::ledger::{Ledger, Pen};
use crate::support::{eventually, within_patience};

/// Quick, unless it has a bell to ring. One function, so the pool takes all of them for quick.
fn pass(bell: Option<Bell>, pen: Pen, number: u64) -> u64 {
    pen.write(number);
    if let Some(bell) = bell {
        bell.ring(number);
    }
    number
}

fn ring(bell: Bell, number: u64) {
    bell.ring(number);
}

struct Scene {
    pool: ProcessPool,
    door: Door,
    ledger: Ledger,
    /// Each holds a worker.
    holders: Vec<Guest>,
}

/// A pool whose workers are all busy, and know how quick [`pass`] is.
fn scene(workers: usize) -> Scene {
    let (pool, door, ledger) = (pool(workers), Door::new(), Ledger::new());
    let block = || (0..workers).map(|n| pool.submit(call!(ring(door.bell(), 100 + n as u64)))).collect::<Vec<_>>();
    drop(block());
    drop(door.answer_all(workers));
    for worker in 0..4 * workers as u64 {
        pool.submit(call!(pass(None, ledger.pen(), 1000 + worker))).result().unwrap();
    }
    let blocked = block();
    let holders = door.answer_all(workers);
    drop(blocked);
    Scene { pool, door, ledger, holders }
}

impl Scene {
    fn submit(&self, number: u64, rings: bool) -> Future<u64> {
        self.pool.submit(call!(pass(rings.then(|| self.door.bell()), self.ledger.pen(), number)))
    }

    /// Submits five jobs of which the one at `ringer` rings, lets one worker have them, and waits until that job runs.
    fn five(&mut self, ringer: u64) -> (Vec<Future<u64>>, Guest) {
        let futures = (0..5).map(|number| self.submit(number, number == ringer)).collect();
        drop(self.holders.pop());
        let guest = self.door.answer();
        assert_eq!(guest.number(), ringer);
        (futures, guest)
    }

    /// The jobs that ran, of the five.
    fn ran(&self) -> Vec<u64> {
        self.ledger.sorted().into_iter().filter(|&number| number < 1000).collect()
    }
}

#[test]
fn a_report_counts_what_was_cancelled_behind_another_job() {
    within_patience(|| {
        let mut scene = scene(1);
        let ((futures, guest), mut probes) = (scene.five(0), 0);
        let report = thread::scope(|scope| {
            let report = scope.spawn(|| scene.pool.shutdown_with(ShutdownPolicy::drain()));
            eventually("it is shut down", || {
                let is_open = scene.pool.try_submit(call!(|| (), ())).is_ok();
                probes += usize::from(is_open);
                !is_open
            });
            assert!(futures[1..].iter().all(Future::cancel), "they have not started");
            drop(guest);
            report.join().unwrap()
        });
        assert_eq!((report.completed, report.cancelled, report.still_running), (1 + probes, 4, 0));
    });
}

#[test]
fn sent_jobs_can_be_cancelled() {
    within_patience(|| {
        let mut scene = scene(1);
        let (futures, guest) = scene.five(0);
        for future in &futures[1..] {
            assert_eq!(future.status(), Status::Queued);
            assert!(future.cancel(), "it has not started");
            assert_eq!(future.status(), Status::Cancelled);
        }
        assert!(!futures[0].cancel() && futures[0].is_running());
        drop(guest);
        let outcomes: Vec<_> = futures.into_iter().map(Future::result).collect();
        assert!(matches!(outcomes[..], [Ok(0), Err(JobError::Cancelled), ..]), "{outcomes:?}");
        assert_eq!(scene.ran(), [0]);
    });
}

/// They leave the statistics at once, not only when the parent takes them back from the worker.
#[test]
fn cancelled_sent_jobs_are_not_queued() {
    within_patience(|| {
        for _ in 0..20 {
            let mut scene = scene(1);
            let (futures, guest) = scene.five(0);
            assert!(futures[1..].iter().all(Future::cancel), "they have not started");
            let stats = scene.pool.stats();
            assert_eq!((stats.queued, stats.running, stats.cancelled), (0, 1, 4), "{stats}");
            drop(guest);
            assert_eq!(scene.pool.shutdown_with(ShutdownPolicy::drain()).cancelled, 0, "that was before");
        }
    });
}

#[test]
fn sent_jobs_run_in_another_worker() {
    within_patience(|| {
        let mut scene = scene(2);
        let (futures, _guest) = scene.five(0);
        drop(scene.holders.pop());
        for (number, future) in (0..).zip(futures).skip(1) {
            assert_eq!(future.result().unwrap(), number);
        }
        assert_eq!(scene.ran(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn results_arrive_while_another_job_runs() {
    within_patience(|| {
        let mut scene = scene(1);
        let (mut futures, _guest) = scene.five(3);
        for (number, future) in (0..3).zip(futures.drain(..3)) {
            assert_eq!(future.result().unwrap(), number);
        }
        assert!(futures[0].is_running());
    });
}

#[test]
fn a_callback_may_wait_for_what_was_sent_with_its_job() {
    within_patience(|| {
        let mut scene = scene(1);
        let (sender, answers) = std::sync::mpsc::channel();
        let (mut futures, guest) = scene.five(1);
        let last = futures.pop().unwrap();
        futures.swap_remove(0).on_done(move |first| drop(sender.send((first, last.result()))));
        drop(guest);
        assert!(matches!(answers.recv().unwrap(), (Ok(0), Ok(4))));
    });
}

#[test]
fn a_death_costs_the_job_that_ran_and_the_others_run_once() {
    within_patience(|| {
        for ringer in [0, 2, 4] {
            let mut scene = scene(1);
            let (futures, guest) = scene.five(ringer);
            kill(guest.pid());
            for (number, future) in (0..).zip(futures) {
                if number == ringer {
                    assert_eq!(crash(future).signal(), Some("SIGKILL"));
                } else {
                    assert_eq!(future.result().unwrap(), number);
                }
            }
            assert_eq!(scene.ran(), [0, 1, 2, 3, 4], "each once");
        }
    });
}

#[test]
fn an_abort_costs_its_own_job_alone() {
    within_patience(|| {
        let mut scene = scene(1);
        let (futures, guest) = scene.five(1);
        assert!(futures[1].abort());
        guest.wait_for_its_death();
        let outcomes: Vec<_> = futures.into_iter().map(Future::result).collect();
        assert!(matches!(outcomes[..], [Ok(0), Err(JobError::Cancelled), Ok(2), Ok(3), Ok(4)]), "{outcomes:?}");
        assert_eq!(scene.ran(), [0, 1, 2, 3, 4]);
    });
}

/// Busy for some tens of microseconds, however fast the machine is.
fn spin(micros: u64) -> u64 {
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(micros) {
        std::hint::spin_loop();
    }
    micros
}

fn spin_or_ring(micros: u64, bell: Option<Bell>) -> u64 {
    bell.map_or_else(
        || spin(micros),
        |bell| {
            bell.ring(micros);
            micros
        },
    )
}

#[test]
fn a_callback_may_wait_for_a_job_that_its_worker_has_yet_to_end() {
    within_patience(|| {
        let (pool, door) = (pool(1), Door::new());
        // The first in a process takes longer.
        for _ in 0..20 {
            pool.submit(call!(spin_or_ring(120, None))).result().unwrap();
        }
        let held = pool.submit(call!(ring(door.bell(), 0)));
        let guest = door.answer();
        // By the time that the third runs, the first has waited for long enough to be told of.
        let bells = [None, None, Some(door.bell()), None];
        let mut futures: Vec<_> = bells.into_iter().map(|bell| pool.submit(call!(spin_or_ring(120, bell)))).collect();
        let (sender, answers) = std::sync::mpsc::channel();
        let third = futures.remove(2);
        let (told, tells) = std::sync::mpsc::channel();
        futures.remove(0).on_done(move |first| {
            told.send(()).unwrap();
            drop(sender.send((first, third.result())));
        });
        drop(guest);
        let guest = door.answer();
        tells.recv().unwrap();
        drop(guest);
        assert!(matches!(answers.recv().unwrap(), (Ok(120), Ok(120))));
        held.result().unwrap();
    });
}

#[test]
fn an_abort_at_the_end_of_a_job_does_not_hit_the_next_one_of_its_message() {
    within_patience(|| {
        let pool = pool(1);
        for round in 0..150 {
            let futures: Vec<_> = (0..6).map(|_| pool.submit(call!(spin(40)))).collect();
            let aborted = round % 5;
            let is_seen = |status| matches!(status, Status::Running | Status::Done);
            while !is_seen(futures[aborted].status()) {
                std::hint::spin_loop();
            }
            spin(round as u64 % 45);
            let hit = futures[aborted].abort();
            for (number, future) in futures.into_iter().enumerate() {
                match future.result() {
                    Ok(40) => assert!(!hit || number != aborted),
                    Err(JobError::Cancelled) => assert!(hit && number == aborted),
                    other => panic!("{number} of round {round}: {other:?}"),
                }
            }
        }
    });
}

#[test]
fn a_shutdown_waits_for_what_was_taken_back() {
    within_patience(|| {
        let mut scene = scene(1);
        let (futures, guest) = scene.five(0);
        scene.pool.shutdown(false);
        drop(guest);
        scene.pool.shutdown(true);
        assert!(futures.iter().all(Future::is_done));
        assert_eq!(scene.ran(), [0, 1, 2, 3, 4]);
        eventually("no process is left", || scene.pool.pids().is_empty());
    });
}

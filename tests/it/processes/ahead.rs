//! Jobs that were sent to a worker behind another one: they are as good as queued.

use std::thread;
use std::time::{Duration, Instant};

use executor::{Future, JobError, ProcessPool, ShutdownPolicy, Status, call};

use super::deaths::{crash, kill};
use super::pool;
use crate::support::event_log::{EventLog, Writer};
use crate::support::rendezvous::{Arrival, Rendezvous, Waiter};
use crate::support::{eventually, within_patience};

/// Quick, unless it arrives at a rendezvous. One function, so the pool takes all of them for quick.
fn pass(arrival: Option<Arrival>, writer: Writer, number: u64) -> u64 {
    writer.write(number);
    if let Some(arrival) = arrival {
        arrival.arrive(number);
    }
    number
}

fn arrive(arrival: Arrival, number: u64) {
    arrival.arrive(number);
}

struct Scene {
    pool: ProcessPool,
    rendezvous: Rendezvous,
    log: EventLog,
    /// Each holds a worker.
    holders: Vec<Waiter>,
}

/// A pool whose workers are all busy, and know how quick [`pass`] is.
fn scene(workers: usize) -> Scene {
    let (pool, rendezvous, log) = (pool(workers), Rendezvous::new(), EventLog::new());
    let block =
        || (0..workers).map(|n| pool.submit(call!(arrive(rendezvous.arrival(), 100 + n as u64)))).collect::<Vec<_>>();
    drop(block());
    drop(rendezvous.accept_all(workers));
    for worker in 0..4 * workers as u64 {
        pool.submit(call!(pass(None, log.writer(), 1000 + worker))).result().unwrap();
    }
    let blocked = block();
    let holders = rendezvous.accept_all(workers);
    drop(blocked);
    Scene { pool, rendezvous, log, holders }
}

impl Scene {
    fn submit(&self, number: u64, arrives: bool) -> Future<u64> {
        self.pool.submit(call!(pass(arrives.then(|| self.rendezvous.arrival()), self.log.writer(), number)))
    }

    /// Submits five jobs of which the one at `arriving` arrives, lets one worker have them, and waits until that job runs.
    fn five(&mut self, arriving: u64) -> (Vec<Future<u64>>, Waiter) {
        let futures = (0..5).map(|number| self.submit(number, number == arriving)).collect();
        drop(self.holders.pop());
        let waiter = self.rendezvous.accept();
        assert_eq!(waiter.number(), arriving);
        (futures, waiter)
    }

    /// The jobs that ran, of the five.
    fn ran(&self) -> Vec<u64> {
        self.log.sorted().into_iter().filter(|&number| number < 1000).collect()
    }
}

#[test]
fn a_report_counts_what_was_cancelled_behind_another_job() {
    within_patience(|| {
        let mut scene = scene(1);
        let ((futures, waiter), mut probes) = (scene.five(0), 0);
        let report = thread::scope(|scope| {
            let report = scope.spawn(|| scene.pool.shutdown_with(ShutdownPolicy::drain()));
            eventually("it is shut down", || {
                let is_open = scene.pool.try_submit(call!(|| (), ())).is_ok();
                probes += usize::from(is_open);
                !is_open
            });
            assert!(futures[1..].iter().all(Future::cancel), "they have not started");
            drop(waiter);
            report.join().unwrap()
        });
        assert_eq!((report.completed, report.cancelled, report.still_running), (1 + probes, 4, 0));
    });
}

#[test]
fn sent_jobs_can_be_cancelled() {
    within_patience(|| {
        let mut scene = scene(1);
        let (futures, waiter) = scene.five(0);
        for future in &futures[1..] {
            assert_eq!(future.status(), Status::Queued);
            assert!(future.cancel(), "it has not started");
            assert_eq!(future.status(), Status::Cancelled);
        }
        assert!(!futures[0].cancel() && futures[0].is_running());
        drop(waiter);
        let outcomes: Vec<_> = futures.into_iter().map(Future::result).collect();
        assert!(matches!(outcomes[..], [Ok(0), Err(JobError::Cancelled(_)), ..]), "{outcomes:?}");
        assert_eq!(scene.ran(), [0]);
    });
}

/// They leave the statistics at once, not only when the parent takes them back from the worker.
#[test]
fn cancelled_sent_jobs_are_not_queued() {
    within_patience(|| {
        for _ in 0..20 {
            let mut scene = scene(1);
            let (futures, waiter) = scene.five(0);
            assert!(futures[1..].iter().all(Future::cancel), "they have not started");
            let stats = scene.pool.stats();
            assert_eq!((stats.queued, stats.running, stats.cancelled), (0, 1, 4), "{stats}");
            drop(waiter);
            assert_eq!(scene.pool.shutdown_with(ShutdownPolicy::drain()).cancelled, 0, "that was before");
        }
    });
}

#[test]
fn sent_jobs_run_in_another_worker() {
    within_patience(|| {
        let mut scene = scene(2);
        let (futures, _waiter) = scene.five(0);
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
        let (mut futures, _waiter) = scene.five(3);
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
        let (mut futures, waiter) = scene.five(1);
        let last = futures.pop().unwrap();
        let first = futures.swap_remove(0);
        // If the first has ended by then, the callback runs on the thread that registers it.
        let registering =
            std::thread::spawn(move || first.on_done(move |first| drop(sender.send((first, last.result())))));
        drop(waiter);
        assert!(matches!(answers.recv().unwrap(), (Ok(0), Ok(4))));
        registering.join().unwrap();
    });
}

#[test]
fn a_death_costs_the_job_that_ran_and_the_others_run_once() {
    within_patience(|| {
        for arriving in [0, 2, 4] {
            let mut scene = scene(1);
            let (futures, waiter) = scene.five(arriving);
            kill(waiter.pid());
            for (number, future) in (0..).zip(futures) {
                if number == arriving {
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
        let (futures, waiter) = scene.five(1);
        assert!(futures[1].abort());
        waiter.wait_for_its_death();
        let outcomes: Vec<_> = futures.into_iter().map(Future::result).collect();
        assert!(matches!(outcomes[..], [Ok(0), Err(JobError::Cancelled(_)), Ok(2), Ok(3), Ok(4)]), "{outcomes:?}");
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

fn spin_or_arrive(micros: u64, arrival: Option<Arrival>) -> u64 {
    arrival.map_or_else(
        || spin(micros),
        |arrival| {
            arrival.arrive(micros);
            micros
        },
    )
}

#[test]
fn a_callback_may_wait_for_a_job_that_its_worker_has_yet_to_end() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(1), Rendezvous::new());
        // The first in a process takes longer.
        for _ in 0..20 {
            pool.submit(call!(spin_or_arrive(120, None))).result().unwrap();
        }
        let held = pool.submit(call!(arrive(rendezvous.arrival(), 0)));
        let waiter = rendezvous.accept();
        // By the time that the third runs, the first has waited for long enough to be told of.
        let arrivals = [None, None, Some(rendezvous.arrival()), None];
        let mut futures: Vec<_> =
            arrivals.into_iter().map(|arrival| pool.submit(call!(spin_or_arrive(120, arrival)))).collect();
        let (sender, answers) = std::sync::mpsc::channel();
        let third = futures.remove(2);
        let (told, tells) = std::sync::mpsc::channel();
        let first = futures.remove(0);
        // As above.
        let registering = std::thread::spawn(move || {
            first.on_done(move |first| {
                told.send(()).unwrap();
                drop(sender.send((first, third.result())));
            });
        });
        drop(waiter);
        let waiter = rendezvous.accept();
        tells.recv().unwrap();
        drop(waiter);
        assert!(matches!(answers.recv().unwrap(), (Ok(120), Ok(120))));
        registering.join().unwrap();
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
                    Err(JobError::Cancelled(_)) => assert!(hit && number == aborted),
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
        let (futures, waiter) = scene.five(0);
        scene.pool.shutdown(false);
        drop(waiter);
        scene.pool.shutdown(true);
        assert!(futures.iter().all(Future::is_done));
        assert_eq!(scene.ran(), [0, 1, 2, 3, 4]);
        eventually("no process is left", || scene.pool.pids().is_empty());
    });
}

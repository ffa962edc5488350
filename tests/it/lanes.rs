//! A bounded queue, seen from the scheduler: it counts its slots exactly, however a job leaves it. And low jobs have their turn.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use executor::extend::cell::Run;
use executor::extend::scheduler::{Batch, Config, Priority, Runner};
use executor::{Future, JobError, JobOptions, Rejection, ThreadPool};

use crate::support::bounds::occupy;
use crate::support::boxed;
use crate::support::latch::Latch;
use crate::support::owned::Owned;
use crate::support::within_patience;

type Entry = Arc<dyn Run>;

/// Takes jobs from the queue when it is told to, and claims them when it is told so.
struct Slow {
    taken: Sender<()>,
    claim: Arc<Mutex<Receiver<()>>>,
}

impl Runner for Slow {
    type Job = Entry;

    fn run(&mut self, job: Entry, _: &mut Batch<'_, Entry>) -> bool {
        self.taken.send(()).unwrap();
        // An error says that the test is over.
        let _: Result<(), _> = self.claim.lock().unwrap().recv();
        job.run()
    }
}

struct Fixture {
    scheduler: Owned<Slow>,
    taken: Receiver<()>,
    claim: Option<Sender<()>>,
}

impl Fixture {
    fn new(capacity: usize) -> Self {
        let (takes, taken) = mpsc::channel();
        let (claim, claims) = mpsc::channel();
        let claims = Arc::new(Mutex::new(claims));
        let config = Config { capacity: Some(capacity), ..Config::new("slow", 1) };
        let scheduler = Owned::new(config, move |_| Slow { taken: takes.clone(), claim: claims.clone() });
        Self { scheduler, taken, claim: Some(claim) }
    }

    /// A job in the queue, if it is taken.
    fn push(&self, priority: Priority, number: u32) -> Result<Future<u32>, Rejection> {
        let (cell, future) = Future::of_job_at(self.scheduler.queue(), move || number);
        self.scheduler.push(priority, cell).map(|()| future).map_err(|(_, reason)| reason)
    }

    fn push_over_oldest(&self, priority: Priority, number: u32) -> Future<u32> {
        let (cell, future) = Future::of_job_at(self.scheduler.queue(), move || number);
        assert!(self.scheduler.push_over_oldest(priority, cell).is_ok());
        future
    }

    fn fill(&self) -> Vec<Future<u32>> {
        (0..).map_while(|number| self.push(Priority::Normal, number).ok()).collect()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.claim = None;
    }
}

#[test]
fn a_job_that_is_cancelled_on_its_way_frees_no_second_place() {
    within_patience(|| {
        let slow = Fixture::new(3);
        let on_its_way = slow.push(Priority::Normal, 9).unwrap();
        slow.taken.recv().unwrap();
        let mut waiting = slow.fill();
        assert_eq!(waiting.len(), 3, "one that was taken has no place");
        assert!(on_its_way.cancel());
        assert_eq!(slow.push(Priority::Normal, 9).unwrap_err(), Rejection::Full);
        // The dead are passed over, and counted once.
        assert!(waiting.remove(0).cancel());
        assert!(waiting.remove(0).cancel());
        slow.claim.as_ref().unwrap().send(()).unwrap();
        slow.taken.recv().unwrap();
        assert_eq!(slow.fill().len(), 3);
        assert_eq!(waiting.remove(0).status(), executor::Status::Queued);
    });
}

#[test]
fn the_oldest_of_the_least_priority_makes_room() {
    within_patience(|| {
        let slow = Fixture::new(5);
        drop(slow.push(Priority::High, 0).unwrap());
        slow.taken.recv().unwrap();
        let [high, normal, low, second] =
            [(Priority::High, 1), (Priority::Normal, 2), (Priority::Low, 3), (Priority::Low, 4)]
                .map(|(priority, number)| slow.push(priority, number).unwrap());
        let dead = slow.push(Priority::Low, 5).unwrap();
        let is_dropped = |future: Future<u32>| match future.try_result() {
            Ok(Err(JobError::Rejected(refused))) => assert_eq!(refused.reason(), Rejection::Dropped),
            other => panic!("{other:?}"),
        };
        let urgent = slow.push_over_oldest(Priority::High, 6);
        is_dropped(low);
        assert!(dead.cancel());
        let newer = slow.push_over_oldest(Priority::Normal, 7);
        assert!(!second.is_done(), "the cancelled one has made room");
        let newest = slow.push_over_oldest(Priority::Normal, 8);
        is_dropped(second);
        let last = slow.push_over_oldest(Priority::Low, 9);
        is_dropped(normal);
        assert!([&high, &urgent, &newer, &newest, &last].iter().all(|future| !future.is_done()));
        assert_eq!(slow.push(Priority::High, 9).unwrap_err(), Rejection::Full);
    });
}

/// After how many others a low job starts that is queued before them, on a pool that has run `before` jobs.
///
/// Each worker stays in the last job that may start before the low one, until that runs: how the system shares its cores is not measured.
fn others_before_a_low_job(threads: usize, before: usize) -> usize {
    let pool = ThreadPool::new(threads);
    executor::join_all((0..before).map(|_| pool.submit(boxed(|| ()))));
    let (busy, started) = (occupy(&pool, threads), Arc::new(AtomicUsize::new(0)));
    let (hold, latch) = Latch::closed();
    let low = pool.with(JobOptions::new().priority(Priority::Low)).submit({
        let started = started.clone();
        move || {
            let others = started.load(Ordering::SeqCst);
            drop(hold);
            others
        }
    });
    for _ in 0..5000 {
        let (started, latch) = (started.clone(), latch.clone());
        pool.execute(boxed(move || {
            if started.fetch_add(1, Ordering::SeqCst) + threads > 100 {
                latch.wait();
            }
        }));
    }
    drop(busy);
    low.result().expect("it runs")
}

#[test]
fn a_low_job_starts_after_at_most_100_others() {
    within_patience(|| {
        for threads in [1, 2, 8] {
            for before in 0..50 {
                let others = others_before_a_low_job(threads, before);
                assert!(others <= 100, "{threads} threads, {before} jobs before: {others}");
            }
        }
    });
}

#[cfg(feature = "process")]
#[test]
fn a_low_job_of_a_process_starts_after_at_most_100_others() {
    use crate::support::event_log::EventLog;
    use crate::support::rendezvous::Rendezvous;
    use executor_testkit::contract::Do;

    within_patience(|| {
        // Where there are two, the system may stop one after the start of the low job, and before it can write: the other one runs
        // some hundred jobs meanwhile, and not half of all.
        for (processes, jobs, most) in [(1, 1000, 100), (2, 10_000, 5000)] {
            let low = jobs;
            let pool = executor::ProcessPool::new(processes).expect("a process or two");
            let (rendezvous, before, log) = (Rendezvous::new(), EventLog::new(), EventLog::new());
            // So that it is known how short these are, and many are sent ahead.
            executor::join_all((0..200).map(|n| pool.submit(Do::Write(before.writer(), n))));
            (0..processes as u64).for_each(|n| drop(pool.submit(Do::Arrive(rendezvous.arrival(), n))));
            let waiters = rendezvous.accept_all(processes);
            drop(pool.with(JobOptions::new().priority(Priority::Low)).submit(Do::Write(log.writer(), low)));
            (0..jobs).for_each(|n| drop(pool.submit(Do::Write(log.writer(), n))));
            drop(waiters);
            pool.wait_idle();
            let others = log.entries().iter().position(|&n| n == low).expect("it runs");
            assert!(others <= most, "{processes} processes: {others}");
        }
    });
}

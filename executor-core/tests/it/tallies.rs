//! The counts of ended jobs: those of a worker, in numbers of its own, and those of all other threads.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use executor_core::cell::{Cell, QueuedControl, Run, Task};
use executor_core::home::HomeId;
use executor_core::registry::Aside;
use executor_core::registry::Registration;
use executor_core::tally::{Member, Tally};
use executor_core::{Broken, Crashed, Exit, Future, JobError, Panicked, Stats, TimedOut};

use crate::homes::nowhere;
use crate::support::within_patience;

/// A registered home with a tally, but without a queue.
fn counted(measures: bool) -> (Arc<Tally>, Registration) {
    let tally = Tally::new(measures);
    (tally.clone(), Registration::counted(nowhere(), tally))
}

/// A moment that is measured to the nanosecond: not before the first that ever was.
pub(crate) fn now() -> Instant {
    Cell::<_, (), ()>::queued((), Ok).waits_since(Instant::now());
    Instant::now()
}

/// How its jobs end, by what they are counted as.
fn outcome(of: &str) -> Result<u32, JobError> {
    Err(match of {
        "completed" => return Ok(7),
        "panicked" => JobError::Panicked(Panicked::remote("no luck", None)),
        "cancelled" => JobError::Cancelled,
        "timed out" => JobError::TimedOut(TimedOut::new("it", Duration::from_secs(1))),
        "crashed" => JobError::Crashed(Crashed::new("it", 7, Exit::Code(1), Duration::ZERO)),
        "failed" => JobError::Broken(Broken::new("no paper")),
        other => panic!("{other}"),
    })
}

/// Ends jobs at `home` in each way: once in the first, and once more in each further one.
fn end_some(home: HomeId) {
    for (n, of) in ["completed", "panicked", "cancelled", "timed out", "crashed", "failed"].into_iter().enumerate() {
        for _ in 0..=n {
            let cell = Arc::new(Cell::queued((), Ok).at(home));
            assert!(cell.claim(None).is_some());
            cell.finish(outcome(of)).fire();
        }
    }
}

fn counts(stats: &Stats) -> [u64; 6] {
    let Stats { completed, panicked, cancelled, timed_out, crashed, failed, .. } = *stats;
    [completed, panicked, cancelled, timed_out, crashed, failed]
}

#[test]
fn each_way_of_ending_is_counted_by_whoever_ends_the_job() {
    type Enter = fn(&Arc<Tally>, [HomeId; 3]) -> Option<Member>;
    let ways: [Enter; 3] =
        [|_, _| None, |tally, homes| Some(tally.join(homes)), |tally, homes| Some(tally.visit(homes))];
    for enter in ways {
        within_patience(move || {
            let (tally, home) = counted(false);
            let (other_tally, other) = counted(false);
            let member = enter(&tally, [home.id(); 3]);
            end_some(home.id());
            assert_eq!(counts(&tally.stats()), [1, 2, 3, 4, 5, 6]);
            end_some(other.id());
            end_some(home.id());
            assert_eq!(counts(&tally.stats()), [2, 4, 6, 8, 10, 12]);
            drop(member);
            assert_eq!(counts(&tally.stats()), [2, 4, 6, 8, 10, 12], "what one who leaves has counted stays");
            end_some(home.id());
            assert_eq!(counts(&tally.stats()), [3, 6, 9, 12, 15, 18]);
            assert_eq!(counts(&other_tally.stats()), [1, 2, 3, 4, 5, 6]);
            assert_eq!(tally.stats().done(), 63);
        });
    }
}

#[test]
fn members_count_beside_each_other_and_nest() {
    within_patience(|| {
        let (tally, home) = counted(false);
        let (inner_tally, inner) = counted(false);
        let (home_id, homes) = (home.id(), [home.id(); 3]);
        let (go_on, told) = mpsc::channel::<()>();
        let (ended, has_ended) = mpsc::channel();
        let there = tally.clone();
        let thread = thread::spawn(move || {
            let _member = there.join(homes);
            end_some(home_id);
            ended.send(()).unwrap();
            let _ = told.recv();
        });
        has_ended.recv().unwrap();
        let outer = tally.join(homes);
        let nested = inner_tally.join([inner.id(); 3]);
        end_some(inner.id());
        drop(nested);
        end_some(home.id());
        assert_eq!(counts(&tally.stats()), [2, 4, 6, 8, 10, 12]);
        assert_eq!(counts(&inner_tally.stats()), [1, 2, 3, 4, 5, 6]);
        drop(outer);
        drop(go_on);
        thread.join().unwrap();
        assert_eq!(counts(&tally.stats()), [2, 4, 6, 8, 10, 12]);
    });
}

#[test]
fn a_job_that_runs_aside_counts_as_running_until_it_ends() {
    for joins in [false, true] {
        within_patience(move || {
            let (tally, home) = counted(false);
            let member = joins.then(|| tally.join([home.id(); 3]));
            let first = Aside::enter(Some(home.id()));
            let second = Aside::enter(Some(home.id()));
            let nowhere = Aside::enter(None);
            assert_eq!(tally.stats().running, 2);
            drop((first, nowhere));
            assert_eq!(tally.stats().running, 1);
            drop(second);
            assert_eq!(tally.stats().running, 0);
            drop(member);
        });
    }
}

/// The job has waited for an hour when it is run.
#[test]
fn jobs_are_measured_where_the_tally_has_room_for_it_and_they_have_a_beginning() {
    const HOUR: Duration = Duration::from_hours(1);
    for (joins, measures) in [(false, false), (false, true), (true, false), (true, true)] {
        within_patience(move || {
            let (tally, home) = counted(measures);
            let member = joins.then(|| tally.join([home.id(); 3]));
            let (unmeasured, _unmeasured) = Future::of_job_at(home.id(), || ());
            assert!(unmeasured.run());
            let now = now();
            for _ in 0..2 {
                let cell = Arc::new(Cell::<_, (), ()>::queued((), Ok).at(home.id()));
                cell.waits_since(now);
                cell.took(now + HOUR, 2 * HOUR);
            }
            let (job, _future) = Future::of_job_at(home.id(), || ());
            job.waits_since(now);
            assert!(job.run());
            drop(member);
            let stats = tally.stats();
            assert_eq!((stats.wait.is_some(), stats.run.is_some()), (measures, measures));
            if let (Some(wait), Some(run)) = (stats.wait, stats.run) {
                assert_eq!((wait.count(), run.count()), (3, 3));
                assert_eq!((wait.max(), run.max()), (HOUR, 2 * HOUR));
                assert!(wait.quantile(0.0) < HOUR / 2 && run.quantile(0.0) < HOUR);
            }
        });
    }
}

#[test]
fn debug_of_a_tally_prints_its_counts() {
    let (tally, home) = counted(false);
    end_some(home.id());
    let text = format!("{tally:?}");
    assert!(text.starts_with("Tally { stats: Stats {") && text.contains("completed: 1, panicked: 2"), "{text}");
    assert!(format!("{:?}", tally.join([home.id(); 3])).starts_with("Member"));
}

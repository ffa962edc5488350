//! The counts of ended jobs: those of a worker, in local counters, and those of all other threads.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use executor_core::cell::{Cell, Control, QueuedControl, Run, Task};
use executor_core::job_counters::{JobCounters, WorkerCounters};
use executor_core::observe::{JobDescription, JobOutcome, RunningJob};
use executor_core::queue_id::QueueId;
use executor_core::registry::QueueRegistration;
use executor_core::registry::{InlineRun, ObservedRun};
use executor_core::{Broken, Crashed, Exit, Future, JobError, JobPath, Panicked, Stats, TimedOut};

use crate::departures::nowhere;
use crate::support::within_patience;

/// A registration with counters, but without a queue.
fn counted(measures: bool) -> (Arc<JobCounters>, QueueRegistration) {
    let counters = JobCounters::new(measures);
    (counters.clone(), QueueRegistration::counted(nowhere(), counters))
}

/// A moment that is measured to the nanosecond: not before the first that ever was.
pub(crate) fn now() -> Instant {
    Cell::<_, (), ()>::queued((), Ok).mark_enqueued(Instant::now());
    Instant::now()
}

/// How its jobs end, by what they are counted as.
fn outcome(of: &str) -> Result<u32, JobError> {
    Err(match of {
        "completed" => return Ok(7),
        "panicked" => JobError::Panicked(Panicked::remote("no luck", None)),
        "cancelled" => JobError::cancelled(),
        "timed out" => JobError::TimedOut(TimedOut::new("it", Duration::from_secs(1))),
        "crashed" => JobError::Crashed(Crashed::new("it", 7, Exit::Code(1), Duration::ZERO)),
        "failed" => JobError::Broken(Broken::new("no paper")),
        other => panic!("{other}"),
    })
}

/// Ends jobs at `queue_id` in each way: once in the first, and once more in each further one.
fn end_some(queue_id: QueueId) {
    for (n, of) in ["completed", "panicked", "cancelled", "timed out", "crashed", "failed"].into_iter().enumerate() {
        for _ in 0..=n {
            let cell = Arc::new(Cell::queued((), Ok).at(queue_id));
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
fn each_way_of_ending_is_counted() {
    type Enter = fn(&Arc<JobCounters>, [QueueId; 3]) -> Option<WorkerCounters>;
    let ways: [Enter; 3] = [
        |_, _| None,
        |counters, queue_ids| Some(counters.local(queue_ids)),
        |counters, queue_ids| Some(counters.shared(queue_ids)),
    ];
    for enter in ways {
        within_patience(move || {
            let (counters, registration) = counted(false);
            let (other_counters, other) = counted(false);
            let own = enter(&counters, [registration.id(); 3]);
            end_some(registration.id());
            assert_eq!(counts(&counters.stats()), [1, 2, 3, 4, 5, 6]);
            end_some(other.id());
            end_some(registration.id());
            assert_eq!(counts(&counters.stats()), [2, 4, 6, 8, 10, 12]);
            drop(own);
            assert_eq!(counts(&counters.stats()), [2, 4, 6, 8, 10, 12], "what one who leaves has counted stays");
            end_some(registration.id());
            assert_eq!(counts(&counters.stats()), [3, 6, 9, 12, 15, 18]);
            assert_eq!(counts(&other_counters.stats()), [1, 2, 3, 4, 5, 6]);
            assert_eq!(counters.stats().done(), 63);
        });
    }
}

#[test]
fn workers_count_beside_each_other_and_nest() {
    within_patience(|| {
        let (counters, registration) = counted(false);
        let (inner_counters, inner) = counted(false);
        let (queue_id, queue_ids) = (registration.id(), [registration.id(); 3]);
        let (go_on, told) = mpsc::channel::<()>();
        let (ended, has_ended) = mpsc::channel();
        let there = counters.clone();
        let thread = thread::spawn(move || {
            let _counters = there.local(queue_ids);
            end_some(queue_id);
            ended.send(()).unwrap();
            let _ = told.recv();
        });
        has_ended.recv().unwrap();
        let outer = counters.local(queue_ids);
        let nested = inner_counters.local([inner.id(); 3]);
        end_some(inner.id());
        drop(nested);
        end_some(registration.id());
        assert_eq!(counts(&counters.stats()), [2, 4, 6, 8, 10, 12]);
        assert_eq!(counts(&inner_counters.stats()), [1, 2, 3, 4, 5, 6]);
        drop(outer);
        drop(go_on);
        thread.join().unwrap();
        assert_eq!(counts(&counters.stats()), [2, 4, 6, 8, 10, 12]);
    });
}

#[test]
fn a_job_that_runs_inline_counts_as_running_until_it_ends() {
    for joins in [false, true] {
        within_patience(move || {
            let (counters, registration) = counted(false);
            let own = joins.then(|| counters.local([registration.id(); 3]));
            let first = InlineRun::enter(Some(registration.id()));
            let second = InlineRun::enter(Some(registration.id()));
            let nowhere = InlineRun::enter(None);
            assert_eq!(counters.stats().running, 2);
            drop((first, nowhere));
            assert_eq!(counters.stats().running, 1);
            drop(second);
            assert_eq!(counters.stats().running, 0);
            drop(own);
        });
    }
}

/// The job has waited for an hour when it is run.
#[test]
fn jobs_are_measured_where_the_counters_have_room_for_it_and_they_have_a_beginning() {
    const HOUR: Duration = Duration::from_secs(3600);
    for (joins, measures) in [(false, false), (false, true), (true, false), (true, true)] {
        within_patience(move || {
            let (counters, registration) = counted(measures);
            let own = joins.then(|| counters.local([registration.id(); 3]));
            let (unmeasured, _unmeasured) = Future::of_job_at(registration.id(), || ());
            assert!(unmeasured.run());
            let now = now();
            for _ in 0..2 {
                let cell = Arc::new(Cell::<_, (), ()>::queued((), Ok).at(registration.id()));
                cell.mark_enqueued(now);
                let description = JobDescription::new(JobPath::of::<()>().into(), None, None);
                let mut job = RunningJob::here(cell.id(), description, cell.queued_at().expect("it is marked"));
                job.started_at = now + HOUR;
                let run = ObservedRun::begin(registration.id(), job);
                assert_eq!((run.is_some(), counters.running().len()), (measures, usize::from(measures)));
                if let Some(run) = run {
                    run.end(2 * HOUR, JobOutcome::Completed);
                }
                assert!(counters.running().is_empty());
            }
            let (job, _future) = Future::of_job_at(registration.id(), || ());
            job.mark_enqueued(now);
            assert!(job.run());
            drop(own);
            let stats = counters.stats();
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
fn debug_of_counters_prints_the_counts() {
    let (counters, registration) = counted(false);
    end_some(registration.id());
    let text = format!("{counters:?}");
    assert!(text.starts_with("JobCounters { stats: Stats {") && text.contains("completed: 1, panicked: 2"), "{text}");
    assert!(format!("{:?}", counters.local([registration.id(); 3])).starts_with("WorkerCounters"));
}

//! Timelines that are made up, drawn and saved.

mod pictures;
mod recorders;
mod traces;
mod xml;

use std::panic::Location;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::timeline::{Bar, Memory, Place, State, Timeline, order_in_processes};
use crate::error::{JobName, JobPath};
use crate::label::Label;
use crate::observe::JobDescription;
use crate::status::JobId;

const MS: i64 = 1_000_000;
const HOUR: i64 = 3_600_000 * MS;

fn bar(worker: &str, [queued, start, end]: [i64; 3], state: State) -> Bar {
    named("job", worker, [queued, start, end], state)
}

fn named(name: &str, worker: &str, [queued, start, end]: [i64; 3], state: State) -> Bar {
    let label = Arc::new(Label { name: Some(name.into()), tag: None });
    let name = JobName::new(Some(&label), JobPath::of::<u8>());
    Bar {
        worker: worker.into(),
        pid: None,
        id: JobId::from_number(7),
        job: JobDescription::new(name, Some(label), Some(Location::caller())),
        attempt: 1,
        queued,
        start,
        end,
        ran: end - start,
        state,
    }
}

fn tagged(mut bar: Bar, tag: &str) -> Bar {
    bar.job.label = Some(Arc::new(Label { name: None, tag: Some(tag.into()) }));
    bar
}

fn timeline(length: i64, bars: Vec<Bar>) -> Timeline {
    Timeline {
        program: "program".to_owned(),
        bars: vec![Arc::new(bars)],
        memory: Vec::new(),
        length,
        dropped: 0,
        limit: 1_000_000,
    }
}

/// Short jobs on eight workers, of which one in a thousand panics.
fn busy(jobs: i64) -> Timeline {
    let mut bars = Vec::new();
    for worker in 0..8 {
        let name = format!("worker-{worker}");
        for n in 0..jobs / 8 {
            let state = if (n + 77 * worker) % 1_000 == 500 { State::Panicked } else { State::Completed };
            let start = n * 80_000;
            bars.push(bar(&name, [start - 30_000, start, start + 1_000 * (1 + n % 79)], state));
        }
    }
    timeline(jobs / 8 * 80_000, bars)
}

/// Anything that a recording may hold, in orders of magnitude from nanoseconds to days.
fn any_timeline() -> impl Strategy<Value = Timeline> {
    let time = || (0_u32..15, 0_i64..1_000).prop_map(|(tens, digits)| digits * 10_i64.pow(tens) / 100);
    let odd = ["a", "exec-1", "استيراد", "🎉👩‍👩‍👧", "]]>&<\"", "\u{202e}\0\n"];
    let texts = || prop_oneof![".{0,30}", select(odd.map(str::to_owned).to_vec())];
    let bars = (texts(), texts(), proptest::option::of(texts()), [time(), time(), time()], select(State::ALL.to_vec()))
        .prop_map(|(worker, name, tag, [queued, wait, run], state)| {
            let start = queued - 1_000 + wait;
            let bar = named(&name, &worker, [queued - 1_000, start, start + run], state);
            let bar = match tag {
                Some(tag) => tagged(bar, &tag),
                None => bar,
            };
            Bar { pid: (run % 3 == 0).then_some(4_000_000_000), ..bar }
        });
    let memory = (time(), 0..u64::MAX / 2, proptest::option::of(any::<u64>())).prop_map(|(at, own, workers)| Memory {
        at,
        own,
        workers,
    });
    (texts(), vec(bars, 0..60), vec(memory, 0..10), time(), any::<u64>()).prop_map(
        |(program, bars, mut memory, length, dropped)| {
            memory.sort_by_key(|sample| sample.at);
            Timeline { program, memory, dropped, ..timeline(length, bars) }
        },
    )
}

/// The places of bars on one worker.
fn places(times: &[[i64; 2]]) -> Vec<[usize; 2]> {
    let bars = times.iter().map(|[start, end]| bar("w", [0, *start, *end], State::Completed)).collect();
    let timeline = timeline(100, bars);
    let workers = timeline.workers(false);
    workers[0].places.iter().map(|Place { stack, depth }| [*stack, *depth]).collect()
}

#[test]
fn bars_inside_of_others_are_deeper() {
    assert_eq!(places(&[[0, 10], [10, 20], [20, 30]]), [[0, 0]; 3], "one after the other");
    assert_eq!(places(&[[0, 10], [2, 8], [3, 8], [8, 10]]), [[0, 0], [0, 1], [0, 2], [0, 1]]);
    assert_eq!(places(&[[0, 10], [5, 15], [6, 10], [10, 20]]), [[0, 0], [1, 0], [0, 1], [0, 0]], "not inside");
    assert_eq!(places(&[[0, 10], [0, 20]]), [[0, 0], [0, 1]], "the longer one is outside");
}

#[test]
fn workers_are_sorted_by_number() {
    let bars = ["exec-10", "exec-9", "a", "exec-1", ""].map(|worker| bar(worker, [0, 1, 2], State::Completed));
    let timeline = timeline(10, bars.to_vec());
    let names: Vec<_> = timeline.workers(false).iter().map(|worker| worker.name).collect();
    assert_eq!(names, ["", "a", "exec-1", "exec-9", "exec-10"]);
}

#[test]
fn queue_depth_counts_jobs_that_wait() {
    let bars = [[-5, 10, 20], [0, 10, 12], [5, 5, 6], [8, 30, 40]].map(|times| bar("w", times, State::Completed));
    assert_eq!(timeline(50, bars.to_vec()).queue_depth(), [(0, 2), (8, 3), (10, 1), (30, 0)]);
}

#[test]
fn busy_time_counts_nested_jobs_once() {
    let times = [[0, -10, 10], [0, 2, 8], [0, 20, 30], [0, 90, 120]];
    let timeline = timeline(100, times.map(|times| bar("w", times, State::Completed)).to_vec());
    assert_eq!(timeline.workers(false)[0].busy(100), 10 + 10 + 10);
}

/// The times of jobs in a process, each with the time it was sent, the time it was reported, and how long it ran.
fn ordered(jobs: &[([i64; 3], State)]) -> Vec<[i64; 2]> {
    let bars = jobs.iter().map(|([sent, reported, ran], state)| {
        let bar = bar("w", [0, *sent, *reported], *state);
        Bar { pid: Some(7), ran: *ran, ..bar }
    });
    let mut bars = [Arc::new(bars.collect())];
    order_in_processes(&mut bars);
    bars[0].iter().map(|bar: &Bar| [bar.start, bar.end]).collect()
}

#[test]
fn jobs_of_a_process_run_one_by_one() {
    use State::{Completed, Crashed, Panicked, Running, TimedOut};
    let together = [([0, 100, 10], Completed), ([0, 100, 10], Panicked), ([5, 100, 10], Completed)];
    assert_eq!(ordered(&together), [[70, 80], [80, 90], [90, 100]], "before the report of all");
    assert_eq!(ordered(&[([0, 20, 10], Completed), ([0, 50, 20], Completed)]), [[10, 20], [30, 50]]);
    let killed =
        [([0, 40, 10], Completed), ([0, 100, 100], Crashed), ([100, 130, 30], TimedOut), ([110, 150, 40], Running)];
    assert_eq!(ordered(&killed), [[30, 40], [40, 100], [100, 130], [130, 150]], "from their sending");
    assert_eq!(ordered(&[([0, 20, 90], Completed), ([0, 20, 90], Completed)]), [[0, 0], [0, 20]], "forged times");
}

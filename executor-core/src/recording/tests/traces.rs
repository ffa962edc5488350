//! The files in Chrome's trace format.

use std::collections::HashMap;
use std::process;

use proptest::prelude::*;
use serde_json::Value;

use super::super::timeline::{Bar, Memory, State, Timeline};
use super::super::trace;
use super::{MS, any_timeline, bar, busy, named, tagged, timeline};

fn saved(timeline: &Timeline) -> Value {
    let mut text = Vec::new();
    trace::write(timeline, &mut text).expect("a vector takes all");
    serde_json::from_slice(&text).expect("JSON")
}

fn events<'a>(saved: &'a Value, phase: &str) -> Vec<&'a Value> {
    let events = saved["traceEvents"].as_array().expect("a list of events");
    events.iter().filter(|event| event["ph"] == phase).collect()
}

/// The events have the fields that the format asks for, and those of a thread are inside of each other or apart.
fn check(saved: &Value) {
    let mut threads: HashMap<_, Vec<[f64; 2]>> = HashMap::new();
    for event in saved["traceEvents"].as_array().expect("a list of events") {
        assert!(event["pid"].is_u64() && event["tid"].is_u64() && event["name"].is_string(), "{event}");
        match event["ph"].as_str().expect("a phase") {
            "X" => {
                let time = |field: &str| event[field].as_f64().filter(|time| *time >= 0.0).expect("a time");
                let thread = (event["pid"].as_u64(), event["tid"].as_u64());
                threads.entry(thread).or_default().push([time("ts"), time("ts") + time("dur")]);
            }
            "C" => assert!(event["ts"].is_f64() && event["args"].as_object().is_some_and(|args| !args.is_empty())),
            "M" => assert!(event["args"]["name"].is_string()),
            other => panic!("{other} is no phase of a recording"),
        }
    }
    for times in threads.values_mut() {
        times.sort_by(|a, b| a[0].total_cmp(&b[0]).then(b[1].total_cmp(&a[1])));
        // The numbers are too large for all digits of their fractions.
        let fits = |outer: [f64; 2], inner: [f64; 2]| inner[1] <= outer[1] * (1.0 + 1e-12) + 0.001;
        let mut open: Vec<[f64; 2]> = Vec::new();
        for time in times {
            open.retain(|outer| outer[1] * (1.0 - 1e-12) - 0.001 > time[0]);
            assert!(open.last().is_none_or(|outer| fits(*outer, *time)), "{time:?} is partly in {open:?}");
            open.push(*time);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_recording_is_saved_as_a_trace(timeline in any_timeline()) {
        let saved = saved(&timeline);
        check(&saved);
        let names = |mut names: Vec<String>| {
            names.sort();
            names
        };
        let given = names(timeline.bars().map(|bar| bar.name().to_owned()).collect());
        let read = events(&saved, "X").iter().map(|event| event["name"].as_str().expect("a name").to_owned()).collect();
        prop_assert_eq!(names(read), given);
    }
}

#[test]
fn a_trace_has_all_of_a_job() {
    let one = Bar {
        pid: Some(123),
        attempt: 2,
        ..tagged(named("na\\me\u{1}\n🎉", "exec-0", [1_500, 2_000_250, 5_000_001], State::TimedOut), "request \"7\"")
    };
    let place = one.job.place.expect("known").to_string();
    let saved = saved(&timeline(9 * MS, vec![one, bar("a", [-MS, -500, 3], State::Running)]));
    check(&saved);
    let jobs = events(&saved, "X");
    let job = jobs.iter().find(|event| event["pid"] == 123).expect("a job of a process");
    assert_eq!(job["name"], "na\\me\u{1}\n🎉");
    assert_eq!((&job["ts"], &job["dur"], &job["cat"]), (&2_000.25.into(), &2_999.751.into(), &"timed out".into()));
    let arguments = serde_json::json!({
        "id": 7, "outcome": "timed out", "attempt": 2, "tag": "request \"7\"", "submitted_at": place,
        "wait_us": 1_998.75, "run_us": 2_999.751,
    });
    assert_eq!(job["args"], arguments);
    let before = jobs.iter().find(|event| event["pid"] == process::id()).expect("a job of this process");
    assert_eq!((&before["ts"], &before["dur"], &before["args"]["run_us"]), (&0.0.into(), &0.003.into(), &0.503.into()));
    let name_of = |pid: u32, kind: &str| {
        let names = events(&saved, "M");
        let name = names.iter().find(|event| event["pid"] == pid && event["name"] == kind).expect("a name");
        name["args"]["name"].as_str().expect("a text").to_owned()
    };
    assert_eq!(name_of(123, "process_name"), "exec-0 (123)");
    assert_eq!(
        (name_of(process::id(), "process_name"), name_of(process::id(), "thread_name")),
        ("program".into(), "a".into())
    );
}

#[test]
fn a_trace_counts_the_queue_and_memory() {
    let memory = vec![Memory { at: -3, own: 1 << 40, workers: None }, Memory { at: 2_000, own: 5, workers: Some(6) }];
    let saved = saved(&Timeline { memory, dropped: 3, ..timeline(MS, vec![bar("a", [10, 20, 30], State::Completed)]) });
    let counters: Vec<_> =
        events(&saved, "C").iter().map(|event| (event["ts"].clone(), event["args"].clone())).collect();
    let expected = serde_json::json!([
        [0.01, { "jobs": 1 }], [0.02, { "jobs": 0 }],
        [0.0, { "this process": 1_u64 << 40 }], [2.0, { "this process": 5, "worker processes": 6 }],
    ]);
    assert_eq!(serde_json::to_value(counters).expect("JSON"), expected);
    assert_eq!(saved["otherData"]["jobs_dropped"], "3");
}

#[test]
fn a_trace_of_many_jobs_has_each() {
    let saved = saved(&busy(8 * 500));
    check(&saved);
    assert_eq!(events(&saved, "X").len(), 4_000);
}

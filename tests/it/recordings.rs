//! Recordings of pools.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use executor::{JobOptions, Pool, Recording, ThreadPool, current};
use executor_testkit::ManualExecutor;
use serde_json::Value;

use crate::support::Directory;
use crate::support::boxed;

fn measured(threads: usize) -> ThreadPool {
    ThreadPool::builder().threads(threads).measure(true).build().expect("a small pool")
}

#[test]
fn recording_that_cannot_be_saved_says_so() {
    let recording = measured(1).record().expect("it is measured");
    let directory = Directory::new();
    assert!(recording.save(directory.path()).is_err(), "a directory is no file");
    let picture = directory.path().join("run.SVG");
    recording.save(&picture).expect("it is saved");
    assert!(std::fs::read_to_string(picture).expect("a picture").starts_with("<svg "));
}

/// The jobs of the trace, in the order of their ids.
fn jobs(recording: &Recording) -> Vec<Value> {
    let directory = Directory::new();
    let path = directory.path().join("run.json");
    recording.save(&path).expect("it is saved");
    let saved: Value = serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON");
    let events = saved["traceEvents"].as_array().expect("events").iter();
    let mut jobs: Vec<_> = events.filter(|event| event["ph"] == "X").cloned().collect();
    jobs.sort_by_key(|job| (job["args"]["id"].as_u64(), job["args"]["attempt"].as_u64()));
    jobs
}

fn outcomes(recording: &Recording) -> Vec<String> {
    jobs(recording).iter().map(|job| job["args"]["outcome"].as_str().expect("a word").to_owned()).collect()
}

#[test]
fn recording_has_each_job_that_ran() {
    let pool = measured(1);
    pool.submit(boxed(|| ())).result().expect("before the recording");
    let recording = pool.record().expect("it is measured");
    let named = pool.with(JobOptions::new().name("thumb").tag("request 7"));
    let place = line!() + 1;
    named.submit(boxed(|| ())).result().expect("it returns");
    pool.submit(boxed(|| panic!("no luck"))).result().expect_err("it panics");
    let limited = pool.with(JobOptions::new().timeout(Duration::from_millis(1)));
    limited.submit(boxed(|| while !current::stop_requested() {})).result().expect_err("it is late");
    let never = pool.submit_after(Duration::from_secs(3600), boxed(|| ()));
    assert!(never.cancel());
    pool.wait_idle();
    recording.stop();
    pool.submit(boxed(|| ())).result().expect("after the recording");
    assert_eq!(outcomes(&recording), ["completed", "panicked", "timed out"]);
    let first = &jobs(&recording)[0];
    assert_eq!((&first["name"], &first["args"]["tag"]), (&"thumb".into(), &"request 7".into()));
    let at = first["args"]["submitted_at"].as_str().expect("a place");
    assert!(at.contains(&format!("recordings.rs:{place}:")), "{at}");
    assert!(recording.svg().contains("executor-0"));
}

#[test]
fn running_job_is_recorded_as_running() {
    let pool = measured(2);
    let recording = pool.record().expect("it is measured");
    let (started, starts) = mpsc::channel();
    let (go_on, waits) = mpsc::channel::<()>();
    let long = pool.submit(boxed(move || {
        started.send(()).expect("the test waits");
        waits.recv().expect("the test sends");
    }));
    starts.recv().expect("it starts");
    assert_eq!(outcomes(&recording), ["still running"], "a snapshot");
    recording.stop();
    go_on.send(()).expect("the job waits");
    long.result().expect("it returns");
    assert_eq!(outcomes(&recording), ["still running"], "as it was at the stop");
    assert!(recording.svg().contains("1 still running"));
}

#[test]
fn two_recordings_are_apart() {
    let pool = measured(1);
    let first = pool.record().expect("it is measured");
    pool.submit(boxed(|| ())).result().expect("it returns");
    let second = pool.handle().record().expect("it is measured");
    pool.submit(boxed(|| ())).result().expect("it returns");
    first.stop();
    pool.submit(boxed(|| ())).result().expect("it returns");
    assert_eq!((outcomes(&first).len(), outcomes(&second).len()), (2, 2));
    drop(first);
    pool.submit(boxed(|| ())).result().expect("it returns");
    assert_eq!(outcomes(&second).len(), 3);
}

#[test]
fn recording_outlives_its_pool() {
    let pool = measured(1);
    let recording = pool.record().expect("it is measured");
    pool.submit(boxed(|| ())).result().expect("it returns");
    drop(pool);
    assert_eq!(outcomes(&recording), ["completed"]);
}

#[test]
fn pool_that_is_not_measured_cannot_be_recorded() {
    let pool = ThreadPool::new(1);
    let error = pool.record().expect_err("it is not measured");
    assert_eq!(error.to_string(), "cannot record the pool, because it is not measured: build it with `measure(true)`");
    let (plain, measured): (&dyn Pool, &dyn Pool) = (&pool, &measured(1));
    assert!(plain.record().is_err() && measured.record().is_ok() && Recording::of(&[measured, plain]).is_err());
}

#[test]
fn drop_of_a_recording_frees_its_jobs() {
    let pool = measured(1);
    let recording = pool.record().expect("it is measured");
    let tag: Arc<str> = "request".into();
    pool.with(JobOptions::new().tag(tag.clone())).submit(boxed(|| ())).result().expect("it returns");
    pool.wait_idle();
    assert!(Arc::strong_count(&tag) > 1);
    drop(recording);
    pool.submit(boxed(|| ())).result().expect("the last observer is gone");
    assert_eq!(Arc::strong_count(&tag), 1);
    let counters = pool.counters().expect("a pool");
    assert!(format!("{:?}", counters.observers()).contains("len: 0"), "{:?}", counters.observers());
}

#[test]
fn nested_jobs_are_inside_of_each_other() {
    let pool = measured(1);
    let recording = pool.record().expect("it is measured");
    let handle = pool.handle();
    let outer = pool.submit(boxed(move || handle.submit(boxed(|| ())).result()));
    outer.result().expect("it returns").expect("it runs in place");
    let jobs = jobs(&recording);
    let time = |job: &Value, field: &str| job[field].as_f64().expect("a time");
    let [outer, inner] = &jobs[..] else { panic!("two jobs: {jobs:?}") };
    assert_eq!(outer["tid"], inner["tid"]);
    assert!(time(outer, "ts") <= time(inner, "ts"));
    let end = |job: &Value| time(job, "ts") + time(job, "dur");
    assert!(end(inner) <= end(outer) + 0.001, "{inner} is not inside of {outer}");
}

#[test]
fn manual_executor_is_recorded() {
    let manual = ManualExecutor::builder().measure(true).build();
    let recording = manual.record().expect("it is measured");
    let (first, later) =
        (manual.submit(boxed(|| 1)), manual.submit_after(Duration::from_secs(60), boxed(|| panic!("no luck"))));
    manual.advance(Duration::from_secs(60));
    assert_eq!((first.result().ok(), later.result().is_err()), (Some(1), true));
    assert_eq!(outcomes(&recording), ["completed", "panicked"]);
    assert_eq!(manual.stats().run.expect("it is measured").count(), 2);
    assert!(ManualExecutor::new().record().is_err());
}

#[cfg(feature = "rayon")]
#[test]
fn rayon_pool_is_recorded() {
    let pool = executor::RayonPool::builder().threads(1).measure(true).build().expect("a small pool");
    let recording = pool.record().expect("it is measured");
    pool.submit(boxed(|| ())).result().expect("it returns");
    assert_eq!(outcomes(&recording), ["completed"]);
}

#[cfg(all(feature = "process", target_os = "linux"))]
mod processes {
    use std::collections::HashMap;
    use std::fs;
    use std::process::abort;

    use executor::{ProcessPool, call};

    use super::*;
    use crate::examples::example;

    fn double(n: u32) -> u32 {
        n * 2
    }

    fn die() {
        abort();
    }

    #[test]
    fn process_jobs_follow_each_other() {
        let pool = ProcessPool::builder().processes(2).name("worker").measure(true).build().expect("a small pool");
        let recording = pool.record().expect("it is measured");
        let futures: Vec<_> = (0..200).map(|n| pool.submit(call!(double(n)))).collect();
        pool.submit(call!(die())).result().expect_err("it crashes");
        assert!(futures.into_iter().all(|future| future.result().is_ok()));
        pool.wait_idle();
        recording.stop();
        let outcomes = outcomes(&recording);
        assert_eq!((outcomes.len(), outcomes.iter().filter(|outcome| *outcome == "crashed").count()), (201, 1));
        let mut processes: HashMap<_, Vec<_>> = HashMap::new();
        for job in jobs(&recording) {
            let time = |field: &str| job[field].as_f64().expect("a time");
            processes.entry(job["pid"].as_u64()).or_default().push([time("ts"), time("ts") + time("dur")]);
        }
        for times in processes.values_mut() {
            times.sort_by(|a, b| a[0].total_cmp(&b[0]));
            assert!(times.windows(2).all(|pair| pair[0][1] <= pair[1][0] + 0.001), "one after the other");
        }
        assert!(recording.svg().contains("of its workers: at most "));
    }

    #[cfg(feature = "rayon")]
    #[test]
    fn examples_draw_timelines() {
        let directory = Directory::new();
        fs::write(directory.path().join("one.rs"), "fn one() {}").expect("a file");
        let run = |name: &str, options: &[&str]| {
            let output = example(name).args(options).current_dir(directory.path()).output().expect("it starts");
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).expect("it is written");
        for (name, worker) in [("census", "parse-0"), ("digest", "digest-0")] {
            for file in ["run.svg", "run.json"] {
                let (status, messages) = run(name, &["--timeline", file, "."]);
                assert_eq!(status, Some(0), "{name}: {messages}");
            }
            let picture = read("run.svg");
            for text in [&format!("Timeline of {name}"), worker, "read-0"] {
                assert!(picture.contains(text), "{text} is not in {picture}");
            }
            let trace: Value = serde_json::from_str(&read("run.json")).expect("JSON");
            assert!(trace["traceEvents"].as_array().expect("a list").iter().any(|event| event["ph"] == "X"));
            let (status, messages) = run(name, &["--timeline", "/", "."]);
            assert!(status == Some(1) && messages.contains(": cannot write /: "), "{status:?}: {messages}");
        }
        let (status, messages) = run("census", &["--with", "none", "--timeline", "run.svg", "."]);
        assert!(status == Some(2) && messages.contains("`--timeline` records pools"), "{status:?}: {messages}");
    }
}

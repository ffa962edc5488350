//! The insights of a measured pool: how long each worker started, waited and worked, and the slowest jobs.

use std::panic::Location;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use executor::{Insights, JobOptions, JobOutcome, Pool, QueueLimit, Stats, ThreadPool, WhenFull, join_all};
use serde_json::json;

use crate::support::boxed;
use crate::support::eventually;

const WHILE: Duration = Duration::from_millis(20);

fn insights(pool: &dyn Pool) -> Insights {
    pool.stats().insights.expect("the pool is measured")
}

/// Computes for some milliseconds.
fn work(millis: u64) {
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(millis) {
        thread::yield_now();
    }
}

#[test]
fn unmeasured_pool_has_no_insights() {
    let pool = ThreadPool::new(1);
    pool.submit(boxed(|| ())).result().expect("it returns");
    assert_eq!(pool.stats().insights, None);
}

#[test]
fn times_of_a_worker_add_up_to_its_life() {
    let before = Instant::now();
    let builder = ThreadPool::builder().threads(1).name("timed").measure(true);
    let pool = builder.on_thread_start(|| work(20)).build().expect("a small pool");
    let handle = pool.handle();
    let nested = pool.submit(boxed(move || {
        work(20);
        handle.submit(boxed(|| work(20))).result()
    }));
    nested.result().expect("it returns").expect("it returns, too");
    pool.wait_idle();
    let idle = Instant::now();
    eventually("some time is over", || idle.elapsed() > WHILE);
    let insights = insights(&pool);
    let life = before.elapsed();
    let [worker] = &*insights.workers else { panic!("there is one worker: {insights}") };
    assert_eq!((&*worker.name, worker.pid, worker.jobs, worker.processes), ("timed-0", None, 2, 0));
    let times = worker.times;
    assert!(times.starting >= WHILE && times.working >= 2 * WHILE && times.waiting >= WHILE, "{insights}");
    assert!(times.total() <= life, "a nested job's time counts once: {times:?} in {life:?}");
    assert_eq!((insights.ended_workers, insights.callers.jobs), (0, 0));
    assert_eq!(insights.total().jobs, 2);
}

#[test]
fn running_job_counts_as_work() {
    let pool = ThreadPool::builder().threads(1).measure(true).build().expect("a small pool");
    let (started, starts) = mpsc::channel();
    let (go_on, waits) = mpsc::channel::<()>();
    let job = pool.submit(boxed(move || {
        started.send(()).expect("the test waits");
        waits.recv()
    }));
    starts.recv().expect("the job starts");
    eventually("the job has worked for some time", || insights(&pool).workers[0].times.working > WHILE);
    assert_eq!(insights(&pool).workers[0].jobs, 0);
    go_on.send(()).expect("the job waits");
    job.result().expect("it returns").expect("it was told");
}

#[test]
fn five_slowest_jobs_are_kept() {
    let pool = ThreadPool::builder().threads(2).measure(true).build().expect("a small pool");
    let place = line!() + 3;
    let jobs = (1..=8).map(|n| {
        let options = JobOptions::new().name(format!("job {n}")).tag(format!("tag {n}"));
        pool.with(options).submit(boxed(move || {
            work(10 * n);
            assert!(n != 7, "no luck");
        }))
    });
    let jobs: Vec<_> = jobs.collect();
    assert_eq!(join_all(jobs).into_iter().filter(Result::is_err).count(), 1);
    drop(join_all((0..1000).map(|n| pool.submit(boxed(move || n)))));
    let insights = insights(&pool);
    let text = insights.to_string();
    assert_eq!(insights.slowest.len(), 5, "{text}");
    assert!(insights.slowest.is_sorted_by(|one, next| one.ran >= next.ran), "{text}");
    let named = |name: &str| insights.slowest.iter().find(|job| &*job.name == name);
    let (eight, seven) = (named("job 8").expect("it is slow"), named("job 7").expect("it is slow, too"));
    assert_eq!((eight.outcome, seven.outcome), (JobOutcome::Completed, JobOutcome::Panicked));
    assert_eq!((eight.tag.as_deref(), eight.place.map(Location::line)), (Some("tag 8"), Some(place)));
    assert!(eight.ran >= Duration::from_millis(80) && eight.waited > Duration::ZERO, "{text}");
    assert!(eight.worker.starts_with("executor-") && text.contains("job 8 [tag 8]"), "{text}");
}

#[test]
fn ended_workers_are_kept_as_a_sum() {
    let pool = ThreadPool::builder().threads(2).keep_alive(Duration::ZERO).measure(true).build().expect("a small pool");
    for _ in 0..3 {
        drop(join_all((0..10).map(|n| pool.with(JobOptions::new().name("early")).submit(boxed(move || work(n))))));
        eventually("no worker is left", || pool.stats().workers == 0 && insights(&pool).workers.is_empty());
    }
    let insights = insights(&pool);
    assert!(insights.ended_workers >= 3, "{insights}");
    assert_eq!((insights.ended.jobs, insights.total().jobs, insights.callers.jobs), (30, 30, 0));
    assert!(insights.ended.times.working >= 3 * Duration::from_millis(45), "{insights}");
    assert_eq!((insights.slowest.len(), &*insights.slowest[0].name), (5, "early"));
}

#[test]
fn jobs_that_their_caller_runs_are_told_apart() {
    let queue = QueueLimit::bounded(1, WhenFull::CallerRuns);
    let pool = ThreadPool::builder().threads(1).queue(queue).measure(true).build().expect("a small pool");
    let (go_on, waits) = mpsc::channel::<()>();
    let first = pool.submit(boxed(move || waits.recv()));
    eventually("it runs", || first.is_running());
    let second = pool.submit(boxed(|| ()));
    let here = pool.submit(thread::current);
    assert_eq!(here.result().expect("it returns").id(), thread::current().id());
    let callers = insights(&pool).callers;
    assert_eq!((callers.jobs, callers.times.waiting), (1, Duration::ZERO));
    go_on.send(()).expect("the job waits");
    join_all([second]).remove(0).expect("it returns");
    pool.wait_idle();
    let insights = insights(&pool);
    assert_eq!((insights.workers[0].jobs, insights.callers.jobs, insights.total().jobs), (2, 1, 3));
}

#[cfg(feature = "rayon")]
#[test]
fn rayon_threads_are_told_apart() {
    use rayon::prelude::*;

    let pool = executor::RayonPool::builder().threads(2).measure(true).build().expect("a small pool");
    drop(join_all((0..20).map(|_| pool.submit(boxed(|| (0..4).into_par_iter().for_each(|_| work(1)))))));
    pool.wait_idle();
    let handle = pool.handle();
    let live = insights(&pool);
    assert_eq!(live.workers.iter().map(|worker| worker.jobs).sum::<u64>(), 20, "{live}");
    assert!((1..=2).contains(&live.workers.len()) && live.callers.jobs == 0, "{live}");
    assert!(live.total().times.working >= 20 * Duration::from_millis(2), "{live}");
    drop(pool);
    let ended = insights(&handle);
    let counts = (ended.workers.len(), usize::try_from(ended.ended_workers), ended.ended.jobs);
    assert_eq!(counts, (0, Ok(live.workers.len()), 20), "{ended}");
    assert_eq!(ended.slowest, live.slowest);
}

#[test]
fn statistics_are_serialized_by_name_in_seconds() {
    let pool = ThreadPool::builder().threads(1).name("json").measure(true).build().expect("a small pool");
    let named = pool.with(JobOptions::new().name("quick").tag("t"));
    named.submit(boxed(|| ())).result().expect("it returns");
    let limited = pool.with(JobOptions::new().timeout(Duration::from_millis(1)).name("late"));
    limited.submit(boxed(|| while !executor::current::stop_requested() {})).result().expect_err("it is late");
    pool.wait_idle();
    let stats = pool.stats();
    let told = serde_json::to_value(&stats).expect("it can be written");
    let counts = json!([told["completed"], told["timed_out"], told["queued"], told["workers"]]);
    assert_eq!(counts, json!([1, 1, 0, 1]));
    let (run, insights) = (stats.run.expect("it is measured"), stats.insights.expect("it is measured"));
    let quantiles = [0.5, 0.9, 0.99].map(|share| run.quantile(share).as_secs_f64());
    assert_eq!(told["run"]["count"], 2);
    let seconds = ["sum", "mean", "p50", "p90", "p99", "max"].map(|name| told["run"][name].as_f64());
    let [sum, mean, max] = [run.sum(), run.mean(), run.max()].map(|time| time.as_secs_f64());
    assert_eq!(seconds, [sum, mean, quantiles[0], quantiles[1], quantiles[2], max].map(Some));
    let (slow, line) = (&told["insights"]["slowest"], insights.slowest[1].place.expect("it is known").line());
    assert_eq!(json!([slow[0]["name"], slow[0]["outcome"]]), json!(["late", "timed_out"]));
    let quick = json!([slow[1]["tag"], slow[1]["pid"], slow[1]["attempt"], slow[1]["place"]]);
    assert_eq!(quick, json!(["t", null, 1, format!("{}:{line}", file!())]));
    let worker = &told["insights"]["workers"][0];
    assert_eq!(json!([worker["name"], worker["jobs"], worker["processes"]]), json!(["json-0", 2, 0]));
    let working = insights.workers[0].times.working.as_secs_f64();
    assert_eq!(worker["times"]["working"].as_f64(), Some(working));
    let plain = serde_json::to_value(Stats::default()).expect("it can be written");
    assert_eq!(json!([plain["wait"], plain["insights"]]), json!([null, null]));
}

#[cfg(all(feature = "process", target_os = "linux"))]
mod processes {
    use executor::{ProcessPool, call};

    use super::*;

    fn slow_start() {
        work(20);
    }

    fn die() {
        std::process::abort();
    }

    #[test]
    fn processes_of_a_worker_are_counted() {
        let builder = ProcessPool::builder().processes(1).name("kids").measure(true);
        let pool = builder.initializer(call!(slow_start())).build().expect("a small pool");
        pool.with(JobOptions::new().name("slow")).submit(call!(work(20))).result().expect("it returns");
        pool.submit(call!(die())).result().expect_err("it crashes");
        pool.submit(call!(work(1))).result().expect("it returns");
        pool.wait_idle();
        let insights = insights(&pool);
        let [worker] = &*insights.workers else { panic!("there is one worker: {insights}") };
        assert_eq!((&*worker.name, worker.pid, worker.jobs), ("kids-0", pool.pids().first().copied(), 3));
        assert_eq!(worker.processes, 2, "{insights}");
        let times = worker.times;
        assert!(times.starting >= 2 * WHILE && times.working >= WHILE, "{insights}");
        let slow = insights.slowest.iter().find(|job| &*job.name == "slow").expect("it is slow");
        assert!(slow.ran >= WHILE && slow.pid.is_some() && slow.pid != worker.pid, "{insights}");
    }
}

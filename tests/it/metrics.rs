//! The metrics of pools, read as Prometheus reads them: as text, over a socket.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::support::boxed;
use ::metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder,
};
use executor::metrics::PoolMetrics;
use executor::{JobOptions, Pool, ThreadPool, current};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

fn prometheus() -> PrometheusRecorder {
    let builder = PrometheusBuilder::new();
    let durations = Matcher::Full("executor.job.duration".to_owned());
    builder.set_buckets_for_metric(durations, &[0.0005, 60.0]).expect("there are buckets").build_recorder()
}

/// The text that a server of one request answers on a connection of its own.
fn scraped(answer: impl FnOnce() -> String) -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        io::Result::Ok(response)
    });
    let (mut stream, _) = listener.accept()?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.extend(byte);
    }
    let body = answer();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n{body}")?;
    drop(stream);
    let response = client.join().expect("the client does not panic")?;
    let (head, body) = response.split_once("\r\n\r\n").expect("a response has a head");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    Ok(body.to_owned())
}

/// The samples by name and labels.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    samples
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
            (name, value.parse().expect("a value is a number"))
        })
        .collect()
}

#[test]
fn prometheus_reads_the_metrics_of_two_pools() {
    let recorder = prometheus();
    let handle = recorder.handle();
    let one = ThreadPool::builder().threads(1).measure(true).build().expect("a small pool");
    let other = ThreadPool::new(3);
    let (first, second) = with_local_recorder(&recorder, || {
        (PoolMetrics::new("thumbnails", one.handle()), PoolMetrics::new("mail \"b\"", other.handle()))
    });
    one.submit(boxed(|| 1)).result().expect("it returns");
    one.submit(boxed(|| 2)).result().expect("it returns");
    one.submit(boxed(|| panic!("no luck"))).result().expect_err("it panics");
    let limited = one.with(JobOptions::new().timeout(Duration::from_millis(1)));
    limited.submit(boxed(|| while !current::stop_requested() {})).result().expect_err("it is late");
    one.wait_idle();
    let (go_on, waits) = mpsc::channel::<()>();
    let (started, starts) = mpsc::channel();
    let running = one.submit(boxed(move || {
        started.send(()).expect("the test waits");
        waits.recv()
    }));
    starts.recv().expect("the job starts");
    let queued = one.submit(boxed(|| ()));
    let delayed =
        [3600, 7200].map(|seconds| one.submit_after(Duration::from_secs(seconds), boxed(|| ())).abort_on_drop());
    assert!(one.submit(boxed(|| ())).cancel());
    other.submit(boxed(|| ())).result().expect("it returns");

    let text = scraped(|| {
        first.update();
        second.update();
        handle.render()
    });
    let text = text.expect("the loopback works");
    for (name, kind) in [
        ("executor_jobs", "counter"),
        ("executor_active_jobs", "gauge"),
        ("executor_queue_length", "gauge"),
        ("executor_worker_count", "gauge"),
        ("executor_worker_max", "gauge"),
        ("executor_job_wait_time", "summary"),
        ("executor_job_duration", "histogram"),
    ] {
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}: {text}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name}: {text}");
    }
    let samples = samples(&text);
    let expected = [
        ("executor_jobs{pool=\"thumbnails\",outcome=\"completed\"}", 2.0),
        ("executor_jobs{pool=\"thumbnails\",outcome=\"panicked\"}", 1.0),
        ("executor_jobs{pool=\"thumbnails\",outcome=\"timed_out\"}", 1.0),
        ("executor_jobs{pool=\"thumbnails\",outcome=\"cancelled\"}", 1.0),
        ("executor_jobs{pool=\"thumbnails\",outcome=\"crashed\"}", 0.0),
        ("executor_active_jobs{pool=\"thumbnails\"}", 1.0),
        ("executor_queue_length{pool=\"thumbnails\",state=\"queued\"}", 1.0),
        ("executor_queue_length{pool=\"thumbnails\",state=\"delayed\"}", 2.0),
        ("executor_worker_count{pool=\"thumbnails\",state=\"used\"}", 1.0),
        ("executor_worker_count{pool=\"thumbnails\",state=\"idle\"}", 0.0),
        ("executor_worker_max{pool=\"mail \\\"b\\\"\"}", 3.0),
        ("executor_jobs{pool=\"mail \\\"b\\\"\",outcome=\"completed\"}", 1.0),
        ("executor_job_wait_time_count{pool=\"thumbnails\"}", 4.0),
        ("executor_job_duration_count{pool=\"thumbnails\",outcome=\"completed\"}", 2.0),
        ("executor_job_duration_bucket{pool=\"thumbnails\",outcome=\"panicked\",le=\"60\"}", 1.0),
        ("executor_job_duration_bucket{pool=\"thumbnails\",outcome=\"timed_out\",le=\"0.0005\"}", 0.0),
    ];
    for (name, value) in expected {
        assert_eq!(samples.get(name), Some(&value), "{name}: {text}");
    }
    assert!(samples["executor_job_duration_sum{pool=\"thumbnails\",outcome=\"timed_out\"}"] >= 0.000_8, "in seconds");
    assert!(!text.contains("executor_job_duration_count{pool=\"mail"), "it is not measured: {text}");

    go_on.send(()).expect("the job waits");
    running.result().expect("it returns").expect("it was told");
    queued.result().expect("it returns");
    drop(delayed);
    one.wait_idle();
    drop(first);
    let text = handle.render();
    let gone = "executor_active_jobs{pool=\"thumbnails\"} 0\n";
    assert!(text.contains(gone) && text.contains("outcome=\"completed\"} 4\n"), "the last update: {text}");
}

/// Has histograms that do what a test says, and counts the records.
struct Custom {
    record: fn(),
    records: Arc<AtomicUsize>,
    updates: Arc<AtomicUsize>,
}

struct Records(fn(), Arc<AtomicUsize>);

impl HistogramFn for Records {
    fn record(&self, _: f64) {
        self.1.fetch_add(1, Ordering::SeqCst);
        (self.0)();
    }
}

struct Updates(Arc<AtomicUsize>);

impl ::metrics::GaugeFn for Updates {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, _: f64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Recorder for Custom {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        if key.name() == "executor.worker.max" {
            Gauge::from_arc(Arc::new(Updates(self.updates.clone())))
        } else {
            Gauge::noop()
        }
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Records(self.record, self.records.clone())))
    }
}

fn custom(record: fn()) -> (ThreadPool, PoolMetrics, [Arc<AtomicUsize>; 2]) {
    let pool = ThreadPool::builder().threads(1).measure(true).build().expect("a small pool");
    let counts = [(); 2].map(|()| Arc::<AtomicUsize>::default());
    let recorder = Custom { record, records: counts[0].clone(), updates: counts[1].clone() };
    let metrics = with_local_recorder(&recorder, || PoolMetrics::new("custom", pool.handle()));
    (pool, metrics, counts)
}

#[test]
fn recorder_that_panics_or_blocks_holds_up_no_job() {
    for record in [
        || panic!("a recorder's own fault"),
        || loop {
            thread::park();
        },
    ] as [fn(); 2]
    {
        let (pool, metrics, [records, _]) = custom(record);
        for n in 0..3 {
            assert_eq!(pool.submit(boxed(move || n)).result().expect("it returns"), n);
        }
        pool.wait_idle();
        let updates = thread::spawn(move || metrics.update());
        while records.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        assert_eq!(pool.submit(boxed(|| 4)).result().expect("it returns"), 4);
        drop(pool);
        drop(updates);
    }
}

#[test]
fn dropped_metrics_record_nothing() {
    let (pool, metrics, [records, updates]) = custom(|| ());
    pool.submit(boxed(|| ())).result().expect("it returns");
    pool.wait_idle();
    assert_eq!([&records, &updates].map(|count| count.load(Ordering::SeqCst)), [0, 1], "at the start");
    metrics.update();
    assert_eq!([&records, &updates].map(|count| count.load(Ordering::SeqCst)), [2, 2]);
    assert!((0..1000).all(|n| pool.submit(boxed(move || n)).result().is_ok()));
    pool.wait_idle();
    let observers = pool.counters().expect("a pool").observers().expect("it is measured").clone();
    assert!(format!("{observers:?}").contains("len: 1"), "{observers:?}");
    drop(metrics);
    assert!(format!("{observers:?}").contains("len: 0"), "{observers:?}");
    assert_eq!(records.load(Ordering::SeqCst), 2 + 2 * 1000);
    pool.submit(boxed(|| ())).result().expect("it returns");
    assert_eq!(records.load(Ordering::SeqCst), 2 + 2 * 1000);
}

#[cfg(all(feature = "process", target_os = "linux"))]
#[test]
fn crash_of_a_process_job_is_recorded() {
    fn die() {
        std::process::abort();
    }
    let recorder = prometheus();
    let pool = executor::ProcessPool::builder().processes(1).measure(true).build().expect("a small pool");
    let metrics = with_local_recorder(&recorder, || PoolMetrics::new("parsers", pool.handle()));
    pool.submit(executor::call!(die())).result().expect_err("it crashes");
    pool.wait_idle();
    metrics.update();
    let text = recorder.handle().render();
    let samples = samples(&text);
    for name in ["executor_jobs", "executor_job_duration_count"] {
        let name = format!("{name}{{pool=\"parsers\",outcome=\"crashed\"}}");
        assert_eq!(samples.get(&*name), Some(&1.0), "{text}");
    }
}

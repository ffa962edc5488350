//! Spans and events of jobs, on threads and in workers, as an ordinary subscriber of this process sees them.

use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, iter};

use executor::{JobError, JobOptions, ProcessPool, ProcessPoolBuilder, ThreadPool, call, forward_traces};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span, debug, error, info, info_span, trace, warn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::support::within_patience;

/// The text that the subscriber has printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<String>>);

impl Printed {
    /// Makes a subscriber that prints here that of this program.
    fn install(level: Level) -> Self {
        let printed = Self::default();
        let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(printed.clone()).without_time();
        builder.with_ansi(false).with_span_events(FmtSpan::CLOSE).init();
        printed
    }

    /// The lines since the last call, but for those of spans that close.
    fn events(&self) -> Vec<String> {
        self.lines().into_iter().filter(|line| !line.ends_with(": close")).collect()
    }

    fn lines(&self) -> Vec<String> {
        let text = std::mem::take(&mut *self.0.lock().expect("no test panics here"));
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl io::Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Once: the subscriber keeps the text that it could not write, and writes it with the next one.
        static HAS_PANICKED: AtomicBool = AtomicBool::new(false);
        let text = String::from_utf8_lossy(bytes);
        let is_told_to = text.contains("the subscriber panics") && !HAS_PANICKED.swap(true, Ordering::Relaxed);
        assert!(!is_told_to, "as it was told to");
        self.0.lock().expect("no test panics here").push_str(&text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Printed {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Runs a test in a process of its own, which has a subscriber of its own.
fn alone<F: Fn()>(test: F, body: impl FnOnce() + Send + 'static) {
    const ALONE: &str = "EXECUTOR_TEST_TRACES";
    if env::var_os(ALONE).is_some() {
        return within_patience(body);
    }
    let path = std::any::type_name_of_val(&test);
    let (_, name) = path.split_once("::").expect("a path starts with its crate");
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    let output = command.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().expect("it runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "{}\n{stdout}{stderr}", output.status);
}

fn one() -> ProcessPoolBuilder {
    ProcessPool::builder().processes(1).name("mailer").trace_jobs()
}

fn built(builder: ProcessPoolBuilder) -> ProcessPool {
    builder.build().expect("this program can start workers")
}

/// The line without its numbers that differ from run to run.
fn plain(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some(at) = ["waited_ms=", "id="].iter().filter_map(|key| Some(rest.find(key)? + key.len())).min() {
        plain += &rest[..at];
        rest = rest[at..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        plain += "_";
    }
    plain + rest
}

fn send(to: String) {
    let mail = info_span!("mail", to, size = 3_u64, bounced = tracing::field::Empty);
    mail.in_scope(|| {
        info!(attempt = -1_i64, ratio = 0.5, is_new = true, "sends {}", 7);
        mail.record("bounced", false);
        warn!(target: "smtp", "slow");
    });
    debug!("not wanted");
    error!(parent: &mail, "late");
    info!(parent: None, kind = ?Some(1), "root");
}

#[test]
fn worker_events_print_like_local_ones() {
    alone(worker_events_print_like_local_ones, || {
        let printed = Printed::install(Level::INFO);
        let pool = built(one());
        let request = info_span!("request", number = 7);
        let named = pool.with(JobOptions::new().name("send"));
        request.in_scope(|| named.submit(call!(send("a@b".to_owned())))).result().expect("it returns");
        let events: Vec<_> = printed.events().iter().map(|line| plain(line)).collect();
        let job = r#"request{number=7}:job{id=_ name="send" executor="mailer" waited_ms=_ attempt=1}"#;
        let module = module_path!();
        let expected = [
            format!(r#"INFO {job}:mail{{to="a@b" size=3}}: {module}: sends 7 attempt=-1 ratio=0.5 is_new=true"#),
            format!(r#"WARN {job}:mail{{to="a@b" size=3 bounced=false}}: smtp: slow"#),
            format!(r#"ERROR {job}:mail{{to="a@b" size=3 bounced=false}}: {module}: late"#),
            format!("INFO {job}: {module}: root kind=Some(1)"),
        ];
        assert_eq!(events, expected);
        drop(request);
        pool.shutdown(true);
        // The spans have closed by now, with the outcome.
        let request = info_span!("request", number = 8);
        let threads = ThreadPool::builder().threads(1).name("mailer").trace_jobs().build().expect("a small pool");
        let named = threads.with(JobOptions::new().name("send"));
        drop(printed.lines());
        request.in_scope(|| named.submit(|| send("a@b".to_owned()))).result().expect("it returns");
        threads.shutdown(true);
        let lines = printed.lines();
        let local: Vec<_> = lines.iter().filter(|line| !line.ends_with(": close")).map(|line| plain(line)).collect();
        let same: Vec<_> = expected.iter().map(|line| line.replace("number=7", "number=8")).collect();
        // A root event of a thread is in no span.
        assert_eq!(local[..3], same[..3]);
        assert!(lines.iter().any(|line| line.contains(r#"outcome="completed"}: executor"#)), "{lines:?}");
    });
}

fn crash_after(events: u32) {
    for number in 0..events {
        info!(number, "before the end");
    }
    std::process::abort();
}

fn panic_after() {
    let span = info_span!("inner");
    let _entered = span.enter();
    info!("before the panic");
    panic!("no luck");
}

#[test]
fn everything_is_there_before_a_crash_or_panic_is_known() {
    alone(everything_is_there_before_a_crash_or_panic_is_known, || {
        let printed = Printed::install(Level::INFO);
        let pool = built(one());
        let crashed = pool.submit(call!(crash_after(20))).result();
        let events = printed.events();
        assert!(matches!(crashed, Err(JobError::Crashed(_))));
        let numbers: Vec<_> =
            events.iter().filter_map(|line| line.split_once("number=")?.1.parse::<u32>().ok()).collect();
        assert_eq!(numbers, (0..20).collect::<Vec<_>>(), "in order: {events:?}");
        let last = events.last().expect("an event");
        assert!(last.starts_with("ERROR job{") && last.contains("the job has crashed error="), "{last}");
        assert!(last.contains("SIGABRT"), "{last}");
        let panicked = pool.submit(call!(panic_after())).result();
        let events = printed.events();
        assert!(matches!(panicked, Err(JobError::Panicked(_))));
        assert!(events[0].contains(":inner: ") && events[0].ends_with("before the panic"), "{events:?}");
        assert!(events[1].contains("the job has panicked error=") && events[1].contains("no luck"), "{events:?}");
        let retried = pool.with(JobOptions::new().retry(1)).submit(call!(crash_after(1))).result();
        assert!(matches!(retried, Err(JobError::Crashed(_))));
        let events = printed.events();
        let attempts = |n| events.iter().filter(|line| line.contains(&format!("attempt={n}"))).count();
        assert_eq!((attempts(1), attempts(2)), (2, 2), "{events:?}");
        let threads = ThreadPool::builder().threads(1).trace_jobs().build().expect("a small pool");
        assert!(threads.submit(panic_after).result().is_err());
        let events = printed.events();
        assert!(events[1].contains("the job has panicked error=no luck"), "{events:?}");
    });
}

fn every_level() {
    error!("1");
    warn!("2");
    info!("3");
    debug!("4");
    trace!("5");
}

fn wanted() -> String {
    LevelFilter::current().to_string()
}

#[test]
fn level_of_the_parent_reaches_the_worker() {
    alone(level_of_the_parent_reaches_the_worker, || {
        let printed = Printed::install(Level::WARN);
        let pool = built(one());
        let request = tracing::warn_span!("request");
        request.in_scope(|| pool.submit(call!(every_level()))).result().expect("it returns");
        let events = printed.events();
        // Spans of jobs are not wanted, so events are in the span of the submitter.
        let module = module_path!();
        assert_eq!(events, [format!("ERROR request: {module}: 1"), format!("WARN request: {module}: 2")]);
        assert_eq!(pool.submit(call!(wanted())).result().expect("it returns"), "warn");
        let untraced = built(ProcessPool::builder().processes(1));
        assert_eq!(untraced.submit(call!(wanted())).result().expect("it returns"), "off");
        assert!(printed.events().is_empty());
    });
}

fn initialize() {
    assert!(forward_traces());
    info!("initializes");
}

fn own() {
    tracing_subscriber::fmt().with_writer(io::sink).init();
}

#[test]
fn initializer_chooses_the_subscriber() {
    alone(initializer_chooses_the_subscriber, || {
        let printed = Printed::install(Level::INFO);
        let pool = built(one().initializer(call!(initialize())));
        pool.submit(call!(every_level())).result().expect("it returns");
        let events = printed.events();
        assert!(events[0].starts_with("INFO dev") || events[0].starts_with("INFO it"), "in no job: {events:?}");
        assert!(events[0].ends_with("initializes") && events.len() == 4, "{events:?}");
        let pool = built(one().initializer(call!(own())));
        pool.submit(call!(every_level())).result().expect("it returns");
        assert!(printed.events().is_empty());
    });
}

fn bad_events() {
    info!("the subscriber panics");
    info_span!("goes on").in_scope(|| info!("goes on"));
}

fn flood(events: u32) {
    let text: String = iter::repeat_n('x', 1000).collect();
    for number in 0..events {
        info!(number, text, "flood");
    }
}

fn long_event(bytes: usize) {
    let text: String = iter::repeat_n('x', bytes).collect();
    info!(text, "long");
}

#[test]
fn panicking_subscriber_costs_its_record() {
    alone(panicking_subscriber_costs_its_record, || {
        // A backtrace takes more than the second that an outcome waits, on a loaded machine.
        std::panic::set_hook(Box::new(|_| ()));
        let printed = Printed::install(Level::INFO);
        let pool = built(one());
        pool.submit(call!(bad_events())).result().expect("it returns");
        let events = printed.events();
        assert!(events.iter().any(|line| line.contains(":goes on: ") && line.ends_with("goes on")), "{events:?}");
        drop(events);
        assert!(pool.submit(call!(every_level())).result().is_ok() && printed.events().len() == 3);
    });
}

#[test]
fn flood_is_bounded_and_counted() {
    alone(flood_is_bounded_and_counted, || {
        let printed = Printed::install(Level::INFO);
        let pool = built(one());
        let hold = printed.0.lock().expect("no test panics here");
        let future = pool.submit(call!(flood(20_000)));
        // The subscriber blocks meanwhile, and the job returns.
        future.wait();
        drop(hold);
        future.result().expect("it returns");
        pool.submit(call!(long_event(1 << 20))).result().expect("it returns");
        let events = printed.events();
        let arrived = events.iter().filter(|line| line.contains("flood")).count();
        let lost = |line: &String| line.split_once("lost=")?.1.split(' ').next()?.parse::<usize>().ok();
        let lost: usize = events.iter().filter_map(lost).sum();
        assert!(arrived > 0 && lost > 0, "{arrived} {lost}");
        assert!(arrived + lost >= 20_000, "{arrived} {lost}");
        let long = events.iter().find(|line| line.contains("long text=")).expect("it is cut");
        assert!(long.len() < 20_000 && long.contains("bytes more"), "{}", long.len());
    });
}

fn number_of(n: u32) -> u32 {
    info!(n, "item");
    n
}

#[test]
fn chunks_cancelled_and_late_jobs_have_one_span() {
    fn endless() {
        info!("begins");
        loop {
            std::thread::park();
        }
    }
    alone(chunks_cancelled_and_late_jobs_have_one_span, || {
        let printed = Printed::install(Level::INFO);
        let pool = built(one());
        let request = info_span!("request");
        let items: Vec<_> = request.in_scope(|| pool.map(0..10, number_of).chunk_size(10).collect());
        assert!(items.iter().all(Result::is_ok));
        let events = printed.events();
        assert_eq!(events.len(), 10);
        assert!(events.iter().all(|line| line.contains("request:job{")), "{events:?}");
        // A busy machine may not let it begin in its time.
        let mut lines = Vec::new();
        let begins = |limit| {
            let limited = pool.with(JobOptions::new().timeout(Duration::from_millis(limit)));
            assert!(matches!(limited.submit(call!(endless())).result(), Err(JobError::TimedOut(_))));
            lines.extend(printed.lines());
            lines.iter().any(|line| line.contains("begins"))
        };
        assert!([300, 3_000, 30_000].into_iter().any(begins));
        pool.shutdown(true);
        lines.extend(printed.lines());
        let outcomes: Vec<_> = lines.iter().filter_map(|line| Some(line.split_once("outcome=")?.1)).collect();
        assert!(outcomes.iter().any(|line| line.starts_with("\"timed out\"")), "{lines:?}");
        assert!(Span::current().is_none());
    });
}

//! Log records of worker processes, in the logger of this program.

use std::fmt::Write as _;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

use executor::{Future, JobError, JobId, JobOptions, ProcessPool, ProcessPoolBuilder, call, current, forward_logs};
use log::kv::{Key, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record, info, set_logger, set_max_level};

/// A record as this program's logger got it.
#[derive(Clone, Debug)]
struct Logged {
    job: Option<JobId>,
    name: Option<String>,
    level: Level,
    target: String,
    message: String,
    place: (Option<String>, Option<String>, Option<u32>),
    keys: String,
}

static LOGGED: Mutex<Vec<Logged>> = Mutex::new(Vec::new());
/// Where the logger blocks.
static BLOCK: Mutex<Option<Receiver<()>>> = Mutex::new(None);

struct Collector;

impl Log for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let message = record.args().to_string();
        if message == "no luck" {
            // Without a message, which would take long: it has a backtrace.
            resume_unwind(Box::new("no luck"));
        }
        if message == "block" {
            let block = BLOCK.lock().unwrap().take().expect("the test has set it");
            let _ = block.recv();
        }
        let mut keys = Keys(String::new());
        record.key_values().visit(&mut keys).expect("it takes all");
        LOGGED.lock().unwrap_or_else(PoisonError::into_inner).push(Logged {
            job: current::id(),
            name: current::name().map(|name| name.to_string()),
            level: record.level(),
            target: record.target().to_owned(),
            message,
            place: (record.module_path().map(Into::into), record.file().map(Into::into), record.line()),
            keys: keys.0,
        });
    }

    fn flush(&self) {}
}

struct Keys(String);

impl<'kvs> VisitSource<'kvs> for Keys {
    fn visit_pair(&mut self, key: Key<'kvs>, value: log::kv::Value<'kvs>) -> Result<(), log::kv::Error> {
        write!(self.0, "{key}={value} ").expect("a text takes all");
        Ok(())
    }
}

/// A pool of one worker, whose records are collected.
fn builder() -> ProcessPoolBuilder {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set_logger(&Collector).expect("it is the only one");
        set_max_level(LevelFilter::Info);
    });
    ProcessPool::builder().processes(1)
}

/// The records of a job that has its outcome.
fn logged(job: JobId) -> Vec<Logged> {
    let logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    logged.iter().filter(|record| record.job == Some(job)).cloned().collect()
}

fn messages(job: JobId) -> Vec<String> {
    logged(job).into_iter().map(|record| record.message).collect()
}

fn work(n: u32) -> u32 {
    log::info!(target: "app::pages", page = n, step = "scan"; "begins");
    log::debug!("not wanted");
    log::warn!("has no title");
    std::process::id()
}

#[test]
fn records_keep_all_their_parts() {
    let pool = builder().name("logs").build().unwrap();
    let future = pool.with(JobOptions::new().name("page 7")).submit(call!(work(7)));
    let job = future.id();
    let pid = future.result().unwrap();
    let [first, second] = &logged(job)[..] else { panic!("{:?}", logged(job)) };
    assert_eq!((first.level, &*first.target, &*first.message), (Level::Info, "app::pages", "begins"));
    assert_eq!((second.level, &*second.target, &*second.message), (Level::Warn, module_path!(), "has no title"));
    assert_eq!(first.name.as_deref(), Some("page 7"));
    let (module, file, line) = &second.place;
    assert_eq!((module.as_deref(), file.as_deref()), (Some(module_path!()), Some(file!())));
    assert_eq!(line.unwrap(), first.place.2.unwrap() + 2);
    let own = format!("job={} job_name=page 7 worker=logs-0 pid={pid} ", job.get());
    assert_eq!(second.keys, own);
    assert_eq!(first.keys, format!("page=7 step=scan {own}"));
}

fn note(n: u32) {
    info!("{n}");
}

/// Short jobs are sent ahead, several in a message.
#[test]
fn records_come_before_the_outcome_of_their_job() {
    let pool = builder().build().unwrap();
    let late = || {
        let futures: Vec<_> = (0..2000).map(|n| (n, pool.submit(call!(note(n))))).collect();
        let is_late = |(n, future): (u32, Future<()>)| {
            let job = future.id();
            future.result().unwrap();
            let messages = messages(job);
            // On a busy machine, a record may find no room in time. Then the warning of that comes before the outcome.
            let is_warned = || matches!(&*messages, [warning] if warning.starts_with("1 log records of worker"));
            let is_told = messages == [n.to_string()] || is_warned();
            assert!(is_told || messages.is_empty(), "{messages:?}");
            !is_told
        };
        futures.into_iter().map(is_late).filter(|&is_late| is_late).count()
    };
    // The outcome waits for 1 s at most, for which a busy machine may stop the thread that calls the logger.
    assert!((0..3).any(|_| late() == 0));
}

/// Each has a socket of its own, in the place of that of its template.
#[test]
fn records_of_forked_workers_come_before_the_outcome() {
    let pool = builder().template(call!(work(1))).max_jobs_per_process(1).build().unwrap();
    for n in 0..3 {
        let future = pool.submit(call!(note(n)));
        let job = future.id();
        future.result().unwrap();
        assert_eq!(messages(job), [n.to_string()]);
    }
}

fn note_and_die() {
    info!("the last words");
    std::process::abort();
}

#[test]
fn records_survive_a_crash() {
    let pool = builder().build().unwrap();
    for _ in 0..20 {
        let future = pool.submit(call!(note_and_die()));
        let job = future.id();
        assert!(matches!(future.result(), Err(JobError::Crashed(_))));
        assert_eq!(messages(job), ["the last words"]);
    }
}

fn level() -> usize {
    log::max_level() as usize
}

#[test]
fn disabled_levels_are_disabled_in_workers() {
    let pool = builder().build().unwrap();
    assert_eq!(pool.submit(call!(level())).result().unwrap(), LevelFilter::Info as usize);
}

struct OwnLogger;

impl Log for OwnLogger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn log(&self, _: &Record<'_>) {}
    fn flush(&self) {}
}

fn set_own_logger() {
    set_logger(&OwnLogger).expect("there is none before the initializer");
    set_max_level(LevelFilter::Trace);
}

fn note_and_ask() -> (usize, bool) {
    info!("not for the parent");
    (level(), forward_logs())
}

#[test]
fn the_initializers_logger_stays() {
    let pool = builder().initializer(call!(set_own_logger())).build().unwrap();
    let future = pool.submit(call!(note_and_ask()));
    let job = future.id();
    assert_eq!(future.result().unwrap(), (LevelFilter::Trace as usize, false));
    assert!(messages(job).is_empty());
}

fn initialize_and_log() {
    assert!(forward_logs() && forward_logs());
    info!("the initializer of {}", std::process::id());
}

#[test]
fn an_initializer_can_log() {
    let pool = builder().initializer(call!(initialize_and_log())).build().unwrap();
    let pid = pool.submit(call!(std::process::id())).result().unwrap();
    let expected = format!("the initializer of {pid}");
    let logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(logged.iter().any(|record| record.message == expected && record.job.is_none()));
    assert!(!forward_logs(), "this is no worker");
}

fn note_many(n: u64) {
    (0..n).for_each(|n| info!("{n}"));
    info!("{}", "x".repeat(1 << 20));
}

#[test]
fn a_flood_is_counted() {
    let pool = builder().build().unwrap();
    let future = pool.submit(call!(note_many(50_000)));
    let job = future.id();
    future.result().unwrap();
    let logged = logged(job);
    let lost = |record: &Logged| {
        let count = record
            .message
            .strip_suffix(" were dropped: it logged faster than they could be passed on, or a record was too long");
        count.and_then(|text| text.split(' ').next()?.parse::<u64>().ok()).filter(|_| record.target == "executor")
    };
    let lost: u64 = logged.iter().filter_map(lost).sum();
    let numbers: Vec<u64> = logged.iter().filter_map(|record| record.message.parse().ok()).collect();
    assert!(numbers.is_sorted(), "in order");
    let long = logged
        .iter()
        .filter(|record| record.message.starts_with("xxx"))
        .inspect(|record| assert!(record.message.ends_with("bytes more")))
        .count();
    assert_eq!(numbers.len() as u64 + lost + long as u64, 50_001);
}

fn note_text(text: String) {
    info!("{text}");
}

#[test]
fn a_logger_that_panics_costs_its_record() {
    let pool = builder().build().unwrap();
    for (text, expected) in [("no luck", vec![]), ("luck", vec!["luck"])] {
        let future = pool.submit(call!(note_text(text.to_owned())));
        let job = future.id();
        future.result().unwrap();
        assert_eq!(messages(job), expected);
    }
}

#[test]
fn a_logger_that_blocks_holds_up_no_job() {
    let (wake, sleep): (Sender<()>, _) = channel();
    *BLOCK.lock().unwrap() = Some(sleep);
    let pool = builder().build().unwrap();
    pool.submit(call!(note_text("block".to_owned()))).result().unwrap();
    for n in 0..100 {
        pool.submit(call!(note(n))).result().unwrap();
    }
    drop(pool);
    drop(wake);
}

fn note_on_threads() {
    thread::scope(|scope| {
        for n in 0..4 {
            scope.spawn(move || (0..50).for_each(|_| info!("{n}")));
        }
    });
}

#[test]
fn threads_of_a_job_log_for_it() {
    let pool = builder().build().unwrap();
    let future = pool.submit(call!(note_on_threads()));
    let job = future.id();
    future.result().unwrap();
    assert_eq!(messages(job).len(), 200);
}

fn note_in_a_fork() {
    // SAFETY: the new process logs, which takes no lock that another thread could hold, and ends.
    let child = unsafe { libc::fork() };
    info!("{}", if child == 0 { "fork" } else { "worker" });
    if child == 0 {
        // SAFETY: as above.
        unsafe { libc::_exit(0) };
    }
    // SAFETY: it waits for the process that was made above.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
}

#[test]
fn forks_of_a_worker_do_not_log() {
    let pool = builder().build().unwrap();
    let future = pool.submit(call!(note_in_a_fork()));
    let job = future.id();
    future.result().unwrap();
    assert_eq!(messages(job), ["worker"]);
}

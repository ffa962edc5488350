//! `wrap_jobs` of processes: a value that is captured where a job is submitted, and a function around the job in the worker.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use executor::{JobError, JobOptions, ProcessPool, Sender, call, current, join_all};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::support::event_log::{EventLog, Writer};
use crate::support::{eventually, within_patience};

thread_local! {
    static REQUEST: Cell<u32> = const { Cell::new(0) };
    static LOG: RefCell<String> = const { RefCell::new(String::new()) };
}

fn request() -> u32 {
    REQUEST.get()
}

fn of_item(item: u32) -> (u32, u32) {
    (item, request())
}

/// Submits as the request `n`.
fn within<R>(n: u32, f: impl FnOnce() -> R) -> R {
    let before = REQUEST.replace(n);
    let result = f();
    REQUEST.set(before);
    result
}

/// The request of the submitter is that of the job.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "a function of `wrap_jobs` takes a reference")]
fn carry(submitter: &u32, run: &mut dyn FnMut()) {
    REQUEST.set(*submitter);
    run();
    REQUEST.set(0);
}

fn carrying() -> ProcessPool {
    ProcessPool::builder().processes(1).wrap_jobs(request, carry).build().expect("this program can start workers")
}

fn note(text: &str) {
    LOG.with_borrow_mut(|log| log.push_str(text));
}

/// The notes of this worker since the last call.
fn noted() -> String {
    note("job ");
    LOG.take()
}

fn write(writer: Writer) {
    writer.write(request().into());
}

fn crash_once(writer: Writer) {
    writer.write(request().into());
    if current::attempt() == Some(1) {
        std::process::abort();
    }
}

#[test]
fn every_way_to_submit_carries_the_value() {
    within_patience(|| {
        let pool = carrying();
        let named = pool.with(JobOptions::new().name("job").timeout(Duration::from_secs(3600)));
        let (seen, items) = within(7, || {
            let mut futures = vec![
                pool.submit(call!(request())),
                pool.try_submit(call!(request())).expect("it is open"),
                pool.submit_after(Duration::from_millis(1), call!(request())),
                named.submit(call!(request())),
                named.handle().submit(call!(request, ())),
            ];
            futures.extend(pool.broadcast(call!(request())));
            let seen: Vec<_> = join_all(futures).into_iter().map(|seen| seen.expect("it ran")).collect();
            let mut items: Vec<_> = pool.map(0..100, of_item).map(|seen| seen.expect("it ran")).collect();
            items.extend(pool.map(100..200, of_item).chunk_size(9).map(|seen| seen.expect("it ran")));
            (seen, items)
        });
        assert_eq!(seen, [7; 6]);
        assert_eq!(items, (0..200).map(|item| (item, 7)).collect::<Vec<_>>());
        assert_eq!(pool.submit(call!(request())).result().expect("it ran"), 0, "the worker is as it was");
    });
}

#[test]
fn periodic_runs_and_retries_keep_the_value() {
    within_patience(|| {
        let (pool, log) = (carrying(), EventLog::new());
        let periodic = within(7, || pool.every(Duration::ZERO, call!(write(log.writer()))));
        eventually("it runs", || periodic.runs() > 2);
        drop(periodic);
        pool.wait_idle();
        let seen = log.entries();
        assert!(seen.len() > 2 && seen.iter().all(|&seen| seen == 7), "{seen:?}");
        let log = EventLog::new();
        let retried = pool.with(JobOptions::new().retry(1));
        within(8, || retried.submit(call!(crash_once(log.writer())))).result().expect("the second run returns");
        assert_eq!(log.entries(), [8, 8]);
    });
}

#[test]
fn first_function_is_the_outermost() {
    fn first(name: &String, run: &mut dyn FnMut()) {
        note(&format!("{name} "));
        run();
        run(); // does nothing
        note(&format!("/{name} "));
    }
    let pool = ProcessPool::builder()
        .processes(1)
        .wrap_jobs(|| "first".to_owned(), first)
        .wrap_jobs(
            || (),
            |(), run| {
                note("second ");
                run();
                note("/second ");
            },
        )
        .build()
        .expect("this program can start workers");
    assert_eq!(pool.submit(call!(noted())).result().expect("it ran"), "first second job ");
    assert_eq!(pool.submit(call!(noted())).result().expect("it ran"), "/second /first first second job ");
    // Around each item of a chunk.
    let items: Vec<_> = pool.map([(), ()], |()| noted()).chunk_size(2).map(|noted| noted.expect("it ran")).collect();
    assert_eq!(items, ["/second /first first second job "; 2]);
}

/// Cannot be encoded if it is odd, and not be decoded if it is a multiple of 4.
struct Odd(u32);

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 % 2 {
            0 => self.0.serialize(to),
            _ => Err(S::Error::custom("it is odd")),
        }
    }
}

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(from)?;
        if number == 12 {
            std::process::abort();
        }
        if number % 4 == 0 { Err(D::Error::custom("it is a multiple of 4")) } else { Ok(Self(number)) }
    }
}

#[test]
fn value_that_cannot_travel_fails_its_job_alone() {
    within_patience(|| {
        let pool = ProcessPool::builder()
            .processes(1)
            .wrap_jobs(|| Odd(request()), |odd, run| carry(&odd.0, run))
            .build()
            .expect("this program can start workers");
        let text = |outcome: Result<u32, JobError>| {
            let Err(JobError::Codec(error)) = outcome else { panic!("it cannot travel") };
            error.to_string()
        };
        let odd = text(within(7, || pool.submit(call!(request()))).result());
        assert!(odd.contains("wrapped_jobs::request`"), "{odd}");
        assert!(odd.contains("encode the job: the `"), "{odd}");
        assert!(odd.contains("wrapped_jobs::Odd` that `wrap_jobs` captured: it is odd"), "{odd}");
        let four = text(within(4, || pool.submit(call!(request()))).result());
        assert!(four.contains("decode the job in the worker process: the `"), "{four}");
        assert!(four.contains("wrapped_jobs::Odd` that `wrap_jobs` captured: it is a multiple of 4"), "{four}");
        let items: Vec<_> = within(4, || pool.map(0..3, of_item).chunk_size(3).collect());
        assert!(items.iter().all(|item| matches!(item, Err(JobError::Codec(_)))), "{items:?}");
        let crashed = within(12, || pool.submit(call!(request()))).result();
        assert!(matches!(crashed, Err(JobError::Crashed(_))), "{crashed:?}");
        assert_eq!(within(2, || pool.submit(call!(request()))).result().expect("it ran"), 2);
    });
}

#[test]
fn large_values_and_handles_are_refused() {
    within_patience(|| {
        let size = Arc::new(AtomicU32::new(0));
        let wanted = Arc::clone(&size);
        let capture = move || vec![7_u8; wanted.load(Ordering::Relaxed) as usize];
        let pool = ProcessPool::builder()
            .processes(1)
            .wrap_jobs(capture, |bytes, run| {
                REQUEST.set(u32::try_from(bytes.len()).expect("few bytes"));
                run();
            })
            .build()
            .expect("this program can start workers");
        let of = |bytes| {
            size.store(bytes, Ordering::Relaxed);
            // Enough for several messages with several jobs each.
            let futures: Vec<_> = (0..64).map(|_| pool.submit(call!(request()))).collect();
            join_all(futures)
        };
        assert!(of(16_000).into_iter().all(|seen| matches!(seen, Ok(16_000))));
        let large = of(17_000).remove(0).unwrap_err().to_string();
        assert!(large.contains("captured have 170") && large.contains("may have 16384"), "{large}");
        let (sender, receiver) = executor::channel::<u32>().expect("a channel");
        let pool = ProcessPool::builder().processes(1).wrap_jobs(move || sender.clone(), |_: &Sender<u32>, run| run());
        let refused = pool.build().expect("workers").submit(call!(request())).result().unwrap_err().to_string();
        assert!(refused.contains("it holds a handle"), "{refused}");
        drop(receiver);
    });
}

#[test]
fn panic_of_a_capture_is_the_outcome() {
    fn no_value() -> u32 {
        assert_ne!(request(), 7, "no value");
        request()
    }
    let pool = ProcessPool::builder().processes(1).wrap_jobs(no_value, carry).build().expect("workers");
    let named = pool.with(JobOptions::new().name("page 12"));
    let text = within(7, || named.submit(call!(request()))).result().unwrap_err().to_string();
    assert!(text.starts_with("job `page 12`") && text.contains("no value"), "{text}");
    let items: Vec<_> = within(7, || pool.map(0..2, of_item).collect());
    assert!(items.iter().all(|item| matches!(item, Err(JobError::Panicked(_)))), "{items:?}");
    let caught = within(7, || {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(pool.every(Duration::ZERO, call!(request())))))
    });
    assert!(caught.is_err());
    pool.shutdown(true);
    let refused = within(7, || pool.submit(call!(request()))).result();
    assert!(matches!(refused, Err(JobError::Rejected(_))), "{refused:?}");
}

/// Fails as the number says.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "a function of `wrap_jobs` takes a reference")]
fn fail(kind: &u32, run: &mut dyn FnMut()) {
    match kind {
        1 => panic!("before"),
        2 => {}
        3 => std::process::abort(),
        4 => {
            run();
            panic!("after");
        }
        _ => run(),
    }
}

#[test]
fn function_that_fails_costs_its_job_only() {
    within_patience(|| {
        let pool = ProcessPool::builder().processes(1).wrap_jobs(request, fail).build().expect("workers");
        let outcome = |kind| within(kind, || pool.submit(call!(request()))).result();
        let text = |kind| match outcome(kind) {
            Err(JobError::Panicked(panicked)) => panicked.message().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text(1), "before");
        assert_eq!(text(2), "the closure of `wrap_jobs` returned without running the job; let it call its argument");
        assert_eq!(text(4), "after");
        let before = pool.pids();
        assert!(matches!(outcome(3), Err(JobError::Crashed(crashed)) if crashed.name().is_none()));
        assert!(matches!(outcome(0), Ok(0)));
        assert_ne!(pool.pids(), before);
        let items: Vec<_> = within(1, || pool.map(0..3, of_item).chunk_size(3).collect());
        assert!(items.iter().all(|item| matches!(item, Err(JobError::Panicked(_)))), "{items:?}");
    });
}

//! Names and errors that are longer than a packet: they are cut off, and nothing else is lost.

use executor::{JobError, JobOptions, ProcessPool, call, current};
use serde::{Serialize, Serializer, ser};

use super::{pid, pool, worker_of};
use crate::support::within_patience;

/// More than any packet has.
const LONG: usize = 1 << 20;

/// The bytes kept of an error, and of a name; a short note says how much was cut.
const SAID: usize = 64 * 1024;
const NAME: usize = 1024;

/// Without a word to stderr.
fn panic_with(message: String) -> ! {
    std::panic::resume_unwind(Box::new(message))
}

fn panic_at_length(bytes: usize) -> u32 {
    panic_with("m".repeat(bytes))
}

fn panic_if_first(number: usize) -> usize {
    if number == 0 { panic_at_length(LONG) as usize } else { number }
}

/// A result that says at length why it cannot be encoded.
#[derive(serde::Deserialize)]
struct Unspeakable;

impl Serialize for Unspeakable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(ser::Error::custom("c".repeat(LONG)))
    }
}

fn unspeakable() -> Unspeakable {
    Unspeakable
}

fn label() -> [usize; 2] {
    [current::name(), current::tag()].map(|text| text.map_or(0, |text| text.len()))
}

fn abort() {
    std::process::abort();
}

fn worker_name() -> usize {
    current::worker_name().map_or(0, |name| name.len())
}

struct Leaf;
/// The name of a pair is the names of both.
type Twice<T> = (T, T);
type Eight<T> = Twice<Twice<Twice<T>>>;
type Endless = Eight<Eight<Eight<Eight<Twice<Leaf>>>>>;

fn named<T: 'static>(crashes: bool) -> usize {
    if crashes {
        std::process::abort();
    }
    std::any::type_name::<T>().len()
}

fn panic_named<T: 'static>() {
    panic_with(std::any::type_name::<T>().to_owned())
}

/// Little more than `kept` bytes.
fn is_cut(text: &str, kept: usize) -> bool {
    (kept..kept + 200).contains(&text.len()) && text.ends_with(" bytes more")
}

#[test]
fn a_panic_that_says_much_is_a_panic() {
    within_patience(|| {
        let pool = pool(1);
        let worker = worker_of(&pool);
        for bytes in [SAID - 1, SAID, SAID + 1, 300_000, LONG] {
            match pool.submit(call!(panic_at_length(bytes))).result() {
                Err(JobError::Panicked(panic)) if bytes <= SAID => assert_eq!(panic.message().len(), bytes),
                Err(JobError::Panicked(panic)) => assert!(is_cut(panic.message(), SAID), "{}", panic.message().len()),
                other => panic!("{bytes}: {other:?}"),
            }
        }
        for chunk in [1, 10] {
            let mut outcomes = pool.map(0..20_usize, panic_if_first).chunk_size(chunk);
            assert!(matches!(outcomes.next(), Some(Err(JobError::Panicked(_)))), "chunks of {chunk}");
            assert!(outcomes.map(Result::unwrap).eq(1..20), "chunks of {chunk}");
        }
        assert_eq!(pool.submit(call!(pid())).result().unwrap(), worker, "it goes on");
    });
}

#[test]
fn a_result_that_cannot_be_encoded_at_length_fails_alone() {
    within_patience(|| {
        let pool = pool(1);
        let worker = worker_of(&pool);
        match pool.submit(call!(unspeakable())).result() {
            Err(JobError::Codec(error)) => assert!(error.to_string().contains(" … and ")),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it was encoded"),
        }
        assert_eq!(pool.submit(call!(pid())).result().unwrap(), worker, "it goes on");
    });
}

#[test]
fn an_initializer_that_panics_at_length_says_so() {
    within_patience(|| {
        let pool = ProcessPool::builder().processes(1).initializer(call!(panic_at_length(LONG))).build().unwrap();
        let text = pool.submit(call!(pid())).result().unwrap_err().to_string();
        assert!(text.contains("its initializer failed: ") && is_cut(&text, SAID), "{} bytes", text.len());
    });
}

#[test]
fn jobs_with_long_names_are_sent_like_others() {
    within_patience(|| {
        let pool = pool(1);
        let (name, tag) = ("n".repeat(LONG), "t".repeat(LONG));
        let view = pool.with(JobOptions::new().name(name.as_str()).tag(tag));
        // Many, so that some are sent ahead.
        for _ in 0..5 {
            let futures: Vec<_> = (0..200).map(|_| view.submit(call!(label()))).collect();
            for future in futures {
                let lengths = future.result().unwrap();
                assert!(lengths.iter().all(|len| (NAME..NAME + 100).contains(len)), "{lengths:?}");
            }
        }
        let error = view.submit(call!(abort())).result().unwrap_err();
        assert!(error.to_string().contains(&name), "here it is whole");
    });
}

#[test]
fn workers_of_a_pool_with_a_long_name_start() {
    let pool = ProcessPool::builder().processes(1).name("p".repeat(LONG)).build().unwrap();
    assert!((NAME..NAME + 100).contains(&pool.submit(call!(worker_name())).result().unwrap()));
}

#[test]
fn a_type_with_a_long_name_is_a_job_like_others() {
    within_patience(|| {
        let pool = pool(1);
        let job = |crashes| call(named::<Endless>, (crashes,));
        assert!(pool.submit(job(false)).result().unwrap() > 250_000);
        match pool.submit(job(true)).result() {
            Err(JobError::Crashed(crash)) => assert!(crash.job().len() > 250_000),
            other => panic!("{other:?}"),
        }
        match pool.submit(call(panic_named::<Endless>, ())).result() {
            Err(JobError::Panicked(panic)) => assert!(is_cut(panic.message(), SAID)),
            other => panic!("{other:?}"),
        }
    });
}

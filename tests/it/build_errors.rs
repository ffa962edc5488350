//! A pool that cannot be is refused when it is built, with a text that names the setting, its value and what is allowed.

use std::panic;

use crate::support::boxed;
use executor::{BuildError, ThreadPool, ThreadPoolBuilder};

fn refusal(builder: ThreadPoolBuilder) -> BuildError {
    builder.build().expect_err("such a pool cannot be")
}

#[test]
fn threads_are_one_to_65536() {
    let error = refusal(ThreadPool::builder().threads(0));
    assert_eq!(error.to_string(), "cannot build the pool: `threads` is 0, but must be from 1 to 65536");
    assert_eq!(error.name(), "threads");
    let error = refusal(ThreadPool::builder().threads(65_537));
    assert_eq!(error.to_string(), "cannot build the pool: `threads` is 65537, but must be from 1 to 65536");
    let error = refusal(ThreadPool::builder().threads(usize::MAX));
    assert_eq!(
        error.to_string(),
        format!("cannot build the pool: `threads` is {}, but must be from 1 to 65536", usize::MAX)
    );
    assert!(ThreadPool::builder().threads(65_536).build().is_ok(), "no thread starts before there is a job for it");
}

#[test]
fn a_stack_is_at_least_64_kibibytes() {
    let error = refusal(ThreadPool::builder().stack_size(65_535));
    assert_eq!(error.to_string(), "cannot build the pool: `stack_size` is 65535, but must be at least 65536 bytes");
    assert_eq!(error.name(), "stack_size");
    let pool = ThreadPool::builder().threads(1).stack_size(65_536).build().unwrap();
    assert_eq!(pool.submit(boxed(|| 1)).result().unwrap(), 1);
}

#[test]
fn a_name_has_no_nul() {
    let error = refusal(ThreadPool::builder().name("a\0b"));
    assert_eq!(error.to_string(), "cannot build the pool: `name` is \"a\\0b\", but must be free of NUL characters");
    assert_eq!(error.name(), "name");
}

#[test]
fn new_panics_with_the_same_text_at_its_caller() {
    let payload = panic::catch_unwind(|| ThreadPool::new(0)).unwrap_err();
    let text = payload.downcast_ref::<String>().expect("a panic with a formatted text");
    assert_eq!(*text, refusal(ThreadPool::builder().threads(0)).to_string());

    // A job's panic has its place; that is where the pool was asked for.
    let line = line!() + 1;
    let error = ThreadPool::new(1).submit(boxed(|| drop(ThreadPool::new(0)))).result().unwrap_err();
    assert!(error.to_string().contains(&format!("{}:{line}:", file!())), "{error}");
}

#[test]
fn a_build_error_is_an_error_like_any_other() {
    fn build(threads: usize) -> Result<ThreadPool, Box<dyn std::error::Error + Send + Sync>> {
        Ok(ThreadPool::builder().threads(threads).build()?)
    }
    assert!(build(1).is_ok());
    assert!(build(0).is_err());
}

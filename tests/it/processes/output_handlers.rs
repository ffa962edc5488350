//! Handlers of captured output that use their own pool.

use std::sync::{Arc, Mutex, OnceLock};

use executor::{OutputLine, ProcessHandle, ProcessPool, call};

fn say(n: u32) {
    println!("{n}");
}

/// It does not wait there: the job that wrote the line has no outcome yet.
#[test]
fn a_handler_may_shut_its_pool_down() {
    let (pool, done) = (Arc::new(OnceLock::<ProcessHandle>::new()), Arc::new(Mutex::new(None)));
    let (own, seen) = (Arc::clone(&pool), Arc::clone(&done));
    let handler = move |_: &OutputLine| {
        let pool = own.get().expect("it is set before the job is submitted");
        pool.shutdown(true);
        *seen.lock().expect("no test panics here") = Some(pool.stats().done());
    };
    let owner = ProcessPool::builder().processes(1).capture_output(handler).build().expect("a small pool");
    assert!(pool.set(owner.handle()).is_ok());
    owner.submit(call!(say(1))).result().expect("it was accepted before");
    assert_eq!(*done.lock().expect("no test panics here"), Some(0));
}

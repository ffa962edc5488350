//! Hangs at the end of a pool.

use std::thread;

use super::{bystanders, expect_hint, named, pool, seeded};
use crate::support::boxed;
use crate::support::eventually;
use crate::support::latch::Latch;
use executor::extend::dump::PoolState;

#[test]
fn shutdown_that_waits_for_a_long_job_is_named() {
    seeded(|random| {
        let pool = pool(1);
        let (guard, latch) = Latch::closed();
        named(&pool, "endless").execute(boxed(move || latch.wait()));
        eventually("the job runs", || pool.dump().running().count() == 1);
        let others = bystanders(&pool, random);
        drop(others);
        let handle = pool.handle();
        let closing = thread::Builder::new().name("closes".to_owned());
        let closing = closing.spawn(move || pool.shutdown(true)).expect("a thread");
        let dump = expect_hint(&handle, &["the pool is shut down, and waits for 1 jobs", "`endless`"]);
        assert_eq!(dump.state, PoolState::Closing);
        eventually("the shutdown waits", || {
            handle.dump().to_string().contains("thread `closes` waits for the shutdown")
        });
        drop(guard);
        closing.join().expect("it ends");
        assert_eq!(handle.dump().state, PoolState::Closed);
    });
}

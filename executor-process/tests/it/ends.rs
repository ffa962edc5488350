//! The end of a pool.

use executor_core::call;

use crate::support::{Latch, is_alive, pid, pool, wait_at};

#[test]
fn closed_pool_has_no_process() {
    // Whether a process would be there still is chance: the more often, the surer.
    for _ in 0..20 {
        let (pool, latch) = (pool(2), Latch::new());
        let jobs = [0, 1].map(|number| pool.submit(call!(wait_at(latch.way(), number))));
        let pids: Vec<_> = latch.accept(2).iter().map(|guest| guest.pid).collect();
        for job in jobs {
            job.result().unwrap();
        }
        let closed = pool.closed();
        pool.shutdown(false);
        closed.result().unwrap();
        assert!(pool.pids().is_empty() && !pids.iter().any(|&pid| is_alive(pid)));
        assert!(pool.submit(call!(pid())).result().is_err());
    }
}

//! The contract of executors, kept by every kind of ours.

use std::time::Duration;

use executor::{JobOptions, Priority, ThreadPool, WhenFull};
use executor_testkit::{ManualExecutor, contract};

use crate::support::bounds::bounded;
use crate::support::kinds::By;

// With this `keep_alive` the thread never leaves, so a submit that does not wake it hangs.
contract!(mod threads_1, one_worker, || ThreadPool::builder().threads(1).keep_alive(Duration::MAX).build().expect("a thread"));
contract!(mod threads_2, || ThreadPool::new(2));
contract!(mod threads_8, || ThreadPool::new(8));
// Full only where that is tested. Elsewhere it counts its places all the same.
contract!(mod bounded_1, one_worker, bounded, || bounded(1, 10_000, WhenFull::Block));
contract!(mod thread_handle, || By::new(ThreadPool::new(2), ThreadPool::handle));
contract!(mod thread_view, one_worker, || By::new(ThreadPool::new(1), |pool| {
    let limit = Duration::from_secs(3600);
    pool.with(JobOptions::new().name("seen").priority(Priority::Low).timeout(limit).start_by(limit))
}));
contract!(mod wrapped, one_worker, || {
    let threads = ThreadPool::builder().threads(1);
    threads.wrap_jobs(|| |run: &mut dyn FnMut()| run()).wrap_jobs(|| |run: &mut dyn FnMut()| run()).build().expect("a thread")
});
contract!(mod manual, one_worker, || {
    let manual = ManualExecutor::new();
    manual.run_on_thread();
    manual
});

/// Rayon's threads are as many as they are: none comes in the place of one that waits.
#[cfg(feature = "rayon")]
mod rayon_pools {
    use super::contract;
    use crate::support::kinds::{bounded_rayon, over_rayon, rayon};

    contract!(mod rayon_1, one_worker, || rayon(1), without: spares);
    contract!(mod rayon_2, || rayon(2), without: spares);
    contract!(mod rayon_over, over_rayon, without: spares);
    contract!(mod rayon_bounded, one_worker, bounded, || bounded_rayon(1, 10_000), without: spares);
}

#[cfg(feature = "process")]
mod process_pools {
    use executor::ProcessPool;
    use executor_testkit::contract::Subject;

    use super::contract;

    fn processes(n: usize) -> Subject {
        let pool = ProcessPool::new(n).expect("a pool of a few processes");
        Subject::delaying(pool, n, ProcessPool::submit_after)
    }

    fn wrapped() -> Subject {
        let builder = ProcessPool::builder().processes(1).wrap_jobs(|| 7_u32, |_, run| run());
        Subject::delaying(builder.build().expect("a pool of one process"), 1, ProcessPool::submit_after)
    }

    fn forked() -> Subject {
        let builder = ProcessPool::builder().processes(2).template(executor::call!(u64::isqrt(4)));
        Subject::delaying(builder.build().expect("a pool of a few processes"), 2, ProcessPool::submit_after)
    }

    contract!(mod processes_of_a_template, portable: forked);
    contract!(mod processes_wrapped, one_worker, portable: wrapped);
    contract!(mod processes_1, one_worker, portable: || processes(1));
    contract!(mod processes_2, portable: || processes(2));
}

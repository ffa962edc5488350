//! The contract of executors, kept by jobs that go over a real server to a pool of this process or to its worker processes.

use executor::ThreadPool;
use executor_nats::{Host, Namespace};
use executor_testkit::contract;
use executor_testkit::contract::Subject;

use crate::support::served::{self, Served, unique};

fn subject<P: Host + Send + Sync + 'static>(pool: P, workers: usize, namespace: Namespace) -> Subject {
    let submit_after = |served: &Served<P>, delay, job| served.executor.submit_after(delay, job);
    Subject::delaying(Served::new(pool, namespace), workers, submit_after)
}

fn threads(threads: usize) -> Subject {
    subject(ThreadPool::new(threads), threads, unique("contract"))
}

fn processes(processes: usize) -> Subject {
    subject(served::processes(processes), processes, unique("contract"))
}

/// Declared without `one_worker`, since the checks of the order let 1,000 jobs wait at once; `pool.rs` has one for a full stream.
fn bounded() -> Subject {
    subject(ThreadPool::new(1), 1, unique("contract").capacity(100))
}

contract!(mod threads_1, one_worker, portable: || threads(1));
contract!(mod threads_2, portable: || threads(2));
contract!(mod bounded, bounded, portable: self::bounded);
contract!(mod processes_1, one_worker, portable: || processes(1));
contract!(mod processes_2, portable: || processes(2));

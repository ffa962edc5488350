//! The pools of processes, ours and its peer, behind one trait.

use executor_core::{Future, call, try_join_all};
use executor_process::ProcessPool;
use procspawn::JoinHandle;

use super::jobs::successor;
use crate::peers::observe;

/// A pool of processes to which one submits [`successor`], and which gives its result back.
pub(crate) trait Contender: Sized {
    /// The name in the tables.
    const NAME: &'static str;

    /// The handle that waits for the result.
    type Future;

    /// A pool of `processes` processes, which may not have started yet.
    fn new(processes: usize) -> Self;

    /// Hands a job over. Does not wait.
    fn submit(&self, number: u64) -> Self::Future;

    /// Blocks until the job has run.
    fn result(future: Self::Future) -> u64;

    /// Waits for all processes.
    fn warm(&self, processes: usize) {
        let futures: Vec<_> = (0..4 * processes).map(|_| self.submit(0)).collect();
        assert!(futures.into_iter().map(Self::result).all(|number| number == 1), "an answer is wrong");
    }
}

pub(crate) struct Ours(pub(crate) ProcessPool);

impl Contender for Ours {
    const NAME: &'static str = "ours";

    type Future = Future<u64>;

    fn new(processes: usize) -> Self {
        Self(ProcessPool::new(processes).expect("this program can start workers"))
    }

    fn submit(&self, number: u64) -> Future<u64> {
        self.0.submit(call(successor, (number,)))
    }

    fn result(future: Future<u64>) -> u64 {
        future.result().expect("no job of a benchmark fails")
    }

    fn warm(&self, _: usize) {
        let started = try_join_all(self.0.broadcast(call(successor, (0,)))).expect("no job of a benchmark fails");
        assert!(started.into_iter().all(|number| number == 1), "an answer is wrong");
    }
}

/// The same, whose jobs are measured, listed and reported to an observer: what observation costs.
pub(crate) struct OursObserved(Ours);

impl Contender for OursObserved {
    const NAME: &'static str = "ours, observed";

    type Future = Future<u64>;

    fn new(processes: usize) -> Self {
        let builder = ProcessPool::builder().processes(processes).measure(true);
        let pool = builder.build().expect("this program can start workers");
        observe(&pool);
        Self(Ours(pool))
    }

    fn submit(&self, number: u64) -> Future<u64> {
        self.0.submit(number)
    }

    fn result(future: Future<u64>) -> u64 {
        Ours::result(future)
    }

    fn warm(&self, processes: usize) {
        self.0.warm(processes);
    }
}

/// Its pool shares a process's standard output with it, as ours does, but no results go there.
pub(crate) struct Procspawn(pub(crate) procspawn::Pool);

impl Contender for Procspawn {
    const NAME: &'static str = "procspawn Pool";

    type Future = JoinHandle<u64>;

    fn new(processes: usize) -> Self {
        Self(procspawn::Pool::new(processes).expect("this program can be started again"))
    }

    fn submit(&self, number: u64) -> JoinHandle<u64> {
        self.0.spawn(number, successor)
    }

    fn result(future: JoinHandle<u64>) -> u64 {
        future.join().expect("no job of a benchmark fails")
    }
}

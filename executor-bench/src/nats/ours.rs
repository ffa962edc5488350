//! `executor_nats::NatsExecutor`, with a host of one thread.

use std::time::Instant;

use executor_core::call;
use executor_nats::{NatsExecutor, Server, serve};
use executor_thread::ThreadPool;

use super::Contender;
use super::server::NatsServer;
use crate::processes::successor;
use crate::works::float;

/// Dropped in this order.
struct Ours {
    executor: NatsExecutor,
    _server: Server,
    _pool: ThreadPool,
}

impl Ours {
    fn connect(server: &NatsServer) -> Self {
        let pool = ThreadPool::new(1);
        let served = serve(server.url(), "bench", &pool).expect("the server is there");
        let executor = NatsExecutor::connect(server.url(), "bench").expect("the server is there");
        Self { executor, _server: served, _pool: pool }
    }
}

/// One job at a time.
pub(super) struct Trips(Ours);

impl Contender for Trips {
    fn connect(server: &NatsServer) -> Self {
        Self(Ours::connect(server))
    }

    fn measure(&mut self, count: u64) -> f64 {
        let started = Instant::now();
        let mut number = 0;
        for _ in 0..count {
            let future = self.0.executor.submit(call(successor, (number,)));
            number = future.result().expect("no job of a benchmark fails");
        }
        let elapsed = started.elapsed();
        assert_eq!(number, count, "an answer is wrong");
        elapsed.as_secs_f64() * 1e9 / float(count)
    }
}

/// All jobs, then all results.
pub(super) struct Jobs(Ours);

impl Contender for Jobs {
    fn connect(server: &NatsServer) -> Self {
        Self(Ours::connect(server))
    }

    fn measure(&mut self, count: u64) -> f64 {
        let started = Instant::now();
        let futures: Vec<_> = (0..count).map(|number| self.0.executor.submit(call(successor, (number,)))).collect();
        let sum: u64 = futures.into_iter().map(|future| future.result().expect("no job of a benchmark fails")).sum();
        let elapsed = started.elapsed();
        assert_eq!(sum, count * (count + 1) / 2, "an answer is wrong");
        elapsed.as_secs_f64() * 1e9 / float(count)
    }
}

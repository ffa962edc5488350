//! A namespace on a server of its own, and what its streams hold.

use std::time::Duration;

use executor::ThreadPool;
use executor_nats::{Namespace, NatsExecutor, Server as Service, serve};
use serde_json::{Value, json};

use super::raw::Raw;
use super::servers::Server;
use super::wait_for;

/// The shortest that is allowed, so that a lost host is soon one.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

pub(crate) struct Space {
    pub(crate) server: Server,
}

/// A pool that serves a namespace. Dropped, it ends first.
pub(crate) struct Hosted {
    _service: Service,
    _pool: ThreadPool,
}

impl Space {
    pub(crate) fn new() -> Self {
        Self::on(Server::start())
    }

    pub(crate) fn on(server: Server) -> Self {
        Self { server }
    }

    pub(crate) fn namespace() -> Namespace {
        Namespace::new("tests").lease(LEASE)
    }

    pub(crate) fn executor(&self) -> NatsExecutor {
        NatsExecutor::connect(self.server.url(), Self::namespace()).expect("a connection")
    }

    pub(crate) fn host(&self, workers: usize) -> Hosted {
        Self::host_at(&self.server.url(), workers)
    }

    pub(crate) fn host_at(url: &str, workers: usize) -> Hosted {
        let pool = ThreadPool::new(workers);
        Hosted { _service: serve(url, Self::namespace(), &pool).expect("a connection"), _pool: pool }
    }

    fn raw(&self) -> Raw {
        Raw::connect(self.server.address()).expect("a connection")
    }

    /// How many messages a stream has: `jobs`, `ledger` or `large`.
    pub(crate) fn messages(&self, stream: &str) -> u64 {
        self.state(stream)["messages"].as_u64().expect("a number")
    }

    pub(crate) fn state(&self, stream: &str) -> Value {
        let name = if stream == "large" { "OBJ_executor_tests".to_owned() } else { format!("executor_tests_{stream}") };
        let answer = self.raw().api(&format!("STREAM.INFO.{name}"), &json!({})).expect("an answer");
        answer["state"].clone()
    }

    /// Waits until a stream has as many messages.
    pub(crate) fn wait_for_messages(&self, stream: &str, count: u64) {
        wait_for("the stream has the messages", || (self.messages(stream) == count).then_some(()));
    }
}

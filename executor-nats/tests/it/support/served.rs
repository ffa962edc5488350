//! An executor and the host that serves it, on a server that tests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use executor::{Executor, Future, PortableJob, ProcessPool, Rejected, Shutdown};
use executor_nats::{Host, Namespace, NatsExecutor, NatsExecutorBuilder, Server, serve};

use super::servers;

/// An executor and the host that serves it.
pub(crate) struct Served<P: Send + 'static> {
    pub(crate) executor: NatsExecutor,
    /// In the order of their end.
    host: Option<(Server, P, Arc<servers::Server>)>,
}

/// A namespace of this name that no other test has.
pub(crate) fn unique(name: &str) -> Namespace {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    Namespace::new(format!("{name}-{}-{number}", std::process::id()))
}

impl<P: Host + Send> Served<P> {
    pub(crate) fn new(pool: P, namespace: Namespace) -> Self {
        Self::with(pool, namespace, |builder| builder)
    }

    pub(crate) fn with(
        pool: P,
        namespace: Namespace,
        settings: impl FnOnce(NatsExecutorBuilder) -> NatsExecutorBuilder,
    ) -> Self {
        let nats = servers::shared();
        let host = serve(nats.url(), namespace.clone(), &pool).expect("the server is there");
        let executor = settings(NatsExecutor::builder(nats.url(), namespace)).connect().expect("the server is there");
        Self { executor, host: Some((host, pool, nats)) }
    }
}

/// The host ends after the executor, also if that does not wait for its jobs, in a callback.
impl<P: Send> Drop for Served<P> {
    fn drop(&mut self) {
        self.executor.shutdown(true);
        let host = self.host.take();
        self.executor.closed().on_done(|_| drop(host));
    }
}

impl<P: Send + Sync> Shutdown for Served<P> {
    fn shutdown(&self, wait: bool) {
        self.executor.shutdown(wait);
    }
}

impl<P: Send + Sync, J: PortableJob> Executor<J> for Served<P> {
    fn submit(&self, job: J) -> Future<J::Output> {
        self.executor.submit(job)
    }

    fn try_submit(&self, job: J) -> Result<Future<J::Output>, Rejected<J>> {
        self.executor.try_submit(job)
    }
}

pub(crate) fn processes(processes: usize) -> ProcessPool {
    ProcessPool::new(processes).expect("a pool of processes")
}

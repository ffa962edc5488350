//! The settings of an executor.

use std::sync::Arc;
use std::time::Duration;

use executor_core::WhenFull;
use executor_process::Codec;
use executor_process::remote::build_fingerprint;
use tokio::sync::mpsc::unbounded_channel;

use super::callbacks::Callbacks;
use super::engine::{self, Parts};
use super::executor::{NatsExecutor, NatsHandle};
use super::hosts::Hosts;
use super::no_worker::{NoWorker, OnNoWorker};
use super::shared::Shared;
use super::submission::Policy;
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::namespace::Namespace;
use crate::protocol::names::{Names, random_token};
use crate::runtime;

/// Settings of a [`NatsExecutor`], from [`NatsExecutor::builder`].
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until the executor is connected"]
pub struct NatsExecutorBuilder {
    connection: Connection,
    namespace: Namespace,
    name: Option<String>,
    codec: Codec,
    retry: u32,
    when_full: WhenFull,
    on_no_worker: OnNoWorker,
}

impl NatsExecutor {
    /// Starts a builder; its [`connect`](NatsExecutorBuilder::connect) makes the executor.
    pub fn builder(connection: impl Into<Connection>, namespace: impl Into<Namespace>) -> NatsExecutorBuilder {
        NatsExecutorBuilder {
            connection: connection.into(),
            namespace: namespace.into(),
            name: None,
            codec: Codec::default(),
            retry: 0,
            when_full: WhenFull::Block,
            on_no_worker: OnNoWorker::default(),
        }
    }

    /// Connects to a server, with the default settings. Blocks until the connection is made and the streams are open, for
    /// [`Connection::timeout`] at most.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], if a setting is not allowed or differs from that of the namespace, no server is reached, or the server refuses the
    /// streams.
    pub fn connect(connection: impl Into<Connection>, namespace: impl Into<Namespace>) -> Result<Self, ConnectError> {
        Self::builder(connection, namespace).connect()
    }
}

impl NatsExecutorBuilder {
    /// Names the executor in reports. Default: the name of the namespace.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Sets how arguments and results are encoded. Default: [`Codec::Postcard`].
    pub fn codec(self, codec: Codec) -> Self {
        Self { codec, ..self }
    }

    /// Sets how often a job may start again after its host was lost, or the worker process of a host: then a job may run more than once. Default: 0.
    pub fn retry(self, times: u32) -> Self {
        Self { retry: times, ..self }
    }

    /// Sets what a submit does when the namespace's [capacity](Namespace::capacity) is reached: [`WhenFull::Block`] or
    /// [`WhenFull::Reject`]. Default: `Block`.
    pub fn when_full(self, when_full: WhenFull) -> Self {
        Self { when_full, ..self }
    }

    /// Calls `report` if jobs wait, and for `limit` no host has served the namespace with this build of the program, or no server was
    /// reached; again after twice the time, and so on. Default: after 10 s, a line on stderr.
    ///
    /// `report` runs on the executor's thread for callbacks. If no job is ever to wait in vain, shut the executor down there.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use executor_nats::NatsExecutor;
    ///
    /// let executor = NatsExecutor::builder("nats://127.0.0.1:4222", "thumbnails")
    ///     .on_no_worker(Duration::from_secs(30), |lack| eprintln!("{} jobs wait; hosts of other builds: {}", lack.waiting, lack.others.len()))
    ///     .connect()?;
    /// # Ok::<(), executor_nats::ConnectError>(())
    /// ```
    pub fn on_no_worker(self, limit: Duration, report: impl Fn(&NoWorker) + Send + Sync + 'static) -> Self {
        Self { on_no_worker: OnNoWorker::new(limit, report), ..self }
    }

    /// Connects. Blocks until the connection is made and the streams are open, for [`Connection::timeout`] at most.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], if a setting is not allowed or differs from that of the namespace, no server is reached, or the server refuses the
    /// streams.
    pub fn connect(self) -> Result<NatsExecutor, ConnectError> {
        self.connection.check()?;
        self.namespace.check()?;
        if !matches!(self.when_full, WhenFull::Block | WhenFull::Reject) {
            let text =
                format!("`{:?}` is not possible on a NATS stream; use `WhenFull::Block` or `Reject`", self.when_full);
            return Err(ConnectError::Setting(text));
        }
        if self.on_no_worker.limit.is_zero() {
            return Err(ConnectError::Setting("`on_no_worker` needs a limit that is longer than 0 s".to_owned()));
        }
        let build = build_fingerprint().map_err(ConnectError::system)?;
        let names = Names::new(&self.namespace.name, build.clone());
        let submitter = random_token();
        let (sender, commands) = unbounded_channel();
        let name: Arc<str> = self.name.unwrap_or_else(|| self.namespace.name.clone()).into();
        let shared = Shared::new(name, Hosts::new(build), sender);
        let (callbacks, callback_thread) = Callbacks::start(shared.queue_id())?;
        let parts = Parts {
            connection: self.connection,
            namespace: self.namespace,
            names,
            submitter: submitter.clone(),
            shared: shared.clone(),
            callbacks,
            on_no_worker: self.on_no_worker,
            commands,
        };
        let (settings, thread) = runtime::start("nats-submit", move |started| engine::run(parts, started))?;
        shared.set_threads(vec![thread, callback_thread]);
        let policy =
            Policy { codec: self.codec, retry: self.retry, when_full: self.when_full, capacity: settings.capacity };
        let handle = NatsHandle::new(shared, policy, submitter);
        Ok(NatsExecutor::of(handle))
    }
}

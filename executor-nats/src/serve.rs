//! The side that runs jobs.

mod arrived;
mod batch;
mod claim;
mod copies;
mod engine;
mod give_back;
mod host;
mod lanes;
mod members;
mod pace;
mod returning;
mod run;
mod slot;
mod stalls;
mod taking;

use std::fmt;
use std::thread::JoinHandle;

use executor_core::current;
use executor_process::remote::build_fingerprint;
use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

pub use self::host::Host;
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::namespace::Namespace;
use crate::protocol::names::Names;
use crate::runtime;
use engine::{Command, Fault, Parts};

/// Runs jobs of a namespace on `local`, until the [`Server`] is shut down or dropped. Blocks until the connection is made and the streams
/// are open, for [`Connection::timeout`] at most.
///
/// The pool runs as many of them at once as it has workers. It stays open for other jobs, and is not kept alive: shut the server down
/// before the pool. If the pool is shut down or broken, the server gives the jobs that have not started to other hosts, and ends; see
/// [`Server::fault`].
///
/// # Errors
///
/// [`ConnectError`], if a setting is not allowed or differs from that of the namespace, no server is reached, or the server refuses the
/// streams.
pub fn serve(
    connection: impl Into<Connection>,
    namespace: impl Into<Namespace>,
    local: &impl Host,
) -> Result<Server, ConnectError> {
    let (connection, namespace) = (connection.into(), namespace.into());
    connection.check()?;
    namespace.check()?;
    let build = build_fingerprint().map_err(ConnectError::system)?;
    let names = Names::new(&namespace.name, build);
    let (sender, commands) = unbounded_channel();
    let fault = Fault::default();
    let parts = Parts {
        connection,
        namespace,
        names,
        local: local.to_runner(),
        commands,
        sender: sender.clone(),
        fault: fault.clone(),
    };
    let ((), thread) = runtime::start("nats-serve", move |started| engine::run(parts, started))?;
    Ok(Server { commands: sender, thread: Mutex::new(Some(thread)), fault })
}

/// A host's service, made by [`serve`]. Dropping it shuts it down: it takes no further job, and waits for those that run.
#[must_use = "a server that is dropped stops"]
pub struct Server {
    commands: UnboundedSender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
    fault: Fault,
}

impl Server {
    /// Takes no further job. With `wait`, blocks until those that run have ended, and are reported. If no NATS server is reached for two
    /// [leases](Namespace::lease) meanwhile, their outcomes are given up: they count as lost by then. Inside a job, `wait` is ignored: the
    /// server might wait for that job.
    pub fn shutdown(&self, wait: bool) {
        drop(self.commands.send(Command::End));
        if wait && current::id().is_none() {
            self.wait();
        }
    }

    /// Returns why the server has ended by itself: its pool was shut down, or is broken. `None` if it has not.
    pub fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    /// Blocks until the server has ended: after a [`shutdown`](Self::shutdown) from another thread, or by a [`fault`](Self::fault).
    pub fn wait(&self) {
        let mut thread = self.thread.lock();
        if let Some(thread) = thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown(true);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

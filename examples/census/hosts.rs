//! Programs that parse, on this machine or on others: each is a host with worker processes, and gets its jobs from a NATS server.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;
use std::{env, thread};

use executor::{Executor, Future, Job, PortableJob, ProcessPool, Rejected, Shutdown};
use executor_nats::{Namespace, NatsExecutor, serve};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::console::{Console, complain};
use crate::options::{Nats, Options};
use crate::server::Server;
use crate::table::Table;

/// A job may start again after its host was lost: parsing a file twice does no harm.
const RETRIES: u32 = 3;

/// After a host was silent for two seconds, its jobs run elsewhere. The default of ten is for hosts that are far away.
fn namespace() -> Namespace {
    Namespace::new("census").lease(Duration::from_secs(2))
}

/// Parses what other programs submit, until this one is asked to end. Jobs that run then are finished.
pub(crate) fn host(nats: &Nats, workers: usize) -> Result<(), Box<dyn Error>> {
    let ends = when_asked_to_end(nats.ends_with_input)?;
    let pool = ProcessPool::builder().processes(workers).threads_per_process(1).name("parse").build()?;
    let server = serve(nats.server.as_str(), namespace(), &pool)?;
    // An error means that the thread that waits has ended: the program should, too.
    let _ = ends.recv();
    server.shutdown(true);
    pool.shutdown(true);
    Ok(())
}

/// Gets a message at SIGTERM, at Ctrl-C, or at the end of the input.
fn when_asked_to_end(with_input: bool) -> io::Result<mpsc::Receiver<()>> {
    let (sender, ends) = mpsc::channel();
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let by_signal = sender.clone();
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        let _ = by_signal.send(());
    });
    if with_input {
        thread::spawn(move || {
            drop(io::stdin().read_to_end(&mut Vec::new()));
            let _ = sender.send(());
        });
    }
    Ok(ends)
}

/// The hosts, as an executor. Dropped, it ends those that it started.
pub(crate) struct Hosts {
    // In this order: jobs end, then the hosts, then their server.
    executor: NatsExecutor,
    table: Table,
    started: Mutex<VecDeque<Child>>,
    submitted: AtomicUsize,
    kill_after: Option<usize>,
    _server: Option<Server>,
}

impl Hosts {
    /// Starts what is to be started, and connects.
    pub(crate) fn start(options: &Options, nats: &Nats, console: &Console) -> Result<Self, Box<dyn Error>> {
        let server = if nats.server == "start" { Some(Server::start()?) } else { None };
        let url = server.as_ref().map_or(nats.server.as_str(), Server::url);
        let started = (0..nats.hosts).map(|_| start_host(url, options.workers)).collect::<Result<_, _>>()?;
        let executor = NatsExecutor::builder(url, namespace()).retry(RETRIES).connect()?;
        let table = Table::start(executor.handle(), console.bars())?;
        Ok(Self {
            executor,
            table,
            started: Mutex::new(started),
            submitted: AtomicUsize::new(0),
            kill_after: nats.kill_after,
            _server: server,
        })
    }

    /// Kills a host, once as many files were submitted as `--kill` says.
    fn count(&self) {
        let submitted = 1 + self.submitted.fetch_add(1, Ordering::Relaxed);
        if self.kill_after == Some(submitted) {
            let killed = self.started.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            if let Some(mut host) = killed {
                self.table.line(&format!("census: {submitted} files are submitted; killing host {}", host.id()));
                drop(host.kill());
                drop(host.wait());
            }
        }
    }
}

/// The same program, which ends when its input does: when this program lets go of it, or is killed.
fn start_host(url: &str, workers: usize) -> io::Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["--with", "nats", "--serve", "--ends-with-input", "--server", url, "--workers"]);
    command.arg(workers.to_string()).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()
}

impl<J: PortableJob> Executor<J> for Hosts {
    fn submit(&self, job: J) -> Future<J::Output> {
        self.count();
        self.executor.submit(job)
    }

    fn try_submit(&self, job: J) -> Result<Future<<J as Job>::Output>, Rejected<J>> {
        self.count();
        self.executor.try_submit(job)
    }
}

impl Shutdown for Hosts {
    fn shutdown(&self, wait: bool) {
        self.executor.shutdown(wait);
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        self.table.finish();
        self.executor.shutdown(true);
        let mut hosts = std::mem::take(self.started.get_mut().unwrap_or_else(PoisonError::into_inner));
        for host in &mut hosts {
            drop(host.stdin.take());
        }
        for mut host in hosts {
            if let Err(error) = host.wait() {
                complain(format_args!("census: a host: {error}"));
            }
        }
    }
}

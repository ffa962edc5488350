//! Hosts in processes of their own, which a test can kill, and jobs that can be watched from outside of their process.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use executor::{Crashed, Exit, Future, JobError, Pool, ThreadPool};
use executor_nats::{Connection, Namespace, NatsExecutor, Server, serve};
use executor_testkit::contract::tools::Directory;

use super::programs::{self, Program};
use super::wait_for;

/// Settings of a host, for the process that is to be one.
const URL: &str = "EXECUTOR_NATS_TEST_URL";
const NAME: &str = "EXECUTOR_NATS_TEST_NAMESPACE";
const LEASE: &str = "EXECUTOR_NATS_TEST_LEASE";
const REPLICAS: &str = "EXECUTOR_NATS_TEST_REPLICAS";
const WORKERS: &str = "EXECUTOR_NATS_TEST_WORKERS";

/// Short, so that tests of losses are: as short as the crate allows.
pub(crate) const SHORT_LEASE: Duration = Duration::from_secs(1);

/// A lease that is never over during a test.
pub(crate) const LONG_LEASE: Duration = Duration::from_secs(600);

/// Starts a host with one worker in another process, which runs `test`. That must begin with [`is_host`].
pub(crate) fn start_host<F: Fn()>(test: F, url: &str, namespace: &str, lease: Duration) -> Program {
    start_host_with(test, url, namespace, lease, 1, 1)
}

pub(crate) fn start_host_with<F: Fn()>(
    test: F,
    url: &str,
    namespace: &str,
    lease: Duration,
    replicas: usize,
    workers: usize,
) -> Program {
    let mut command = programs::again(test);
    command.env(URL, url).env(NAME, namespace).env(LEASE, lease.as_millis().to_string());
    command.env(REPLICAS, replicas.to_string()).env(WORKERS, workers.to_string());
    Program::start(command)
}

/// In a process that [`start_host`] has started, serves until the process is killed. Elsewhere, returns false.
pub(crate) fn is_host() -> bool {
    let Ok(url) = env::var(URL) else { return false };
    let number = |name| env::var(name).expect("set with the URL").parse().expect("a number");
    let pool = ThreadPool::new(usize::try_from(number(WORKERS)).expect("a small number"));
    let namespace = Namespace::new(env::var(NAME).expect("set with the URL"))
        .lease(Duration::from_millis(number(LEASE)))
        .replicas(usize::try_from(number(REPLICAS)).expect("a small number"));
    // A server may be about to choose a leader.
    let server = wait_for("the servers are there", || serve(url.as_str(), namespace.clone(), &pool).ok());
    server.wait();
    true
}

/// Connects to a cluster, which may be about to choose its leaders.
pub(crate) fn connect(url: &str, namespace: &Namespace) -> NatsExecutor {
    wait_for("the servers are there", || NatsExecutor::connect(url, namespace.clone()).ok())
}

/// A host in this process, which ends in order.
pub(crate) struct Host {
    _server: Server,
    _pool: ThreadPool,
}

pub(crate) fn host(url: impl Into<Connection>, namespace: &Namespace, workers: usize) -> Host {
    let (url, pool) = (url.into(), ThreadPool::new(workers));
    let serve = || serve(url.clone(), namespace.clone(), &pool).ok();
    Host { _server: wait_for("the server is there", serve), _pool: pool }
}

#[track_caller]
pub(crate) fn results<T: Send + 'static>(futures: Vec<Future<T>>) -> Vec<T> {
    futures.into_iter().map(|future| future.result().expect("a result")).collect()
}

/// Waits until the executor knows of hosts with this number of workers in all.
pub(crate) fn wait_for_workers(executor: &NatsExecutor, count: usize) {
    wait_for("the hosts are there", || (Pool::workers(&executor.handle()) == count).then_some(()));
}

/// The loss that a job has ended with.
#[track_caller]
pub(crate) fn loss<T: Send + std::fmt::Debug + 'static>(future: Future<T>) -> Crashed {
    match future.result() {
        Err(JobError::Crashed(crashed)) if crashed.exit() == Exit::Lost => crashed,
        other => panic!("not lost: {other:?}"),
    }
}

/// Files by which a job in any process tells the test where it is, and is told to go on.
pub(crate) struct Signals(Directory);

impl Signals {
    pub(crate) fn new() -> Self {
        Self(Directory::new())
    }

    /// The argument of a job.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    /// Blocks until this number of runs of [`wait_until_told`] have begun.
    pub(crate) fn wait_until_begun(&self, count: usize) {
        wait_for("the job has started", || (self.begun() >= count).then_some(()));
    }

    /// How many runs have begun.
    pub(crate) fn begun(&self) -> usize {
        let entries = fs::read_dir(self.0.path()).expect("it is there");
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("begun")).count()
    }

    /// Lets all runs end.
    pub(crate) fn go_on(&self) {
        fs::write(self.0.path().join("go"), "").expect("a file of our own");
    }
}

/// Leaves a file for each of its runs.
pub(crate) fn begin(directory: &Path) {
    let mut run = 0;
    loop {
        let file = directory.join(format!("begun-{run}"));
        match fs::File::create_new(file) {
            Ok(_) => return,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => run += 1,
            Err(error) => panic!("a file in {}: {error}", directory.display()),
        }
    }
}

/// A job that runs until the test lets it go on. Returns the id of its process.
pub(crate) fn wait_until_told(directory: PathBuf) -> u32 {
    begin(&directory);
    wait_for("the job is let go", || directory.join("go").exists().then_some(()));
    std::process::id()
}

pub(crate) fn square(n: u64) -> u64 {
    n * n
}

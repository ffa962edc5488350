//! Helpers of these tests.

use std::env;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use executor_process::ProcessPool;
use serde::{Deserialize, Serialize};

/// How long what should come in a moment may take on a machine that has other work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Set in a process that runs one test.
const ALONE: &str = "EXECUTOR_TEST_ALONE";

/// Runs a test in a process of its own. `test` is the test function itself, for its name.
pub(crate) fn alone<F: Fn()>(test: F, body: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        return body();
    }
    let output = again(test, |_| {});
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "{}\n{stdout}{stderr}", output.status);
}

/// Runs this program for one test, in a process that `prepare` prepares.
pub(crate) fn again<F: Fn()>(test: F, prepare: impl FnOnce(&mut Command)) -> Output {
    let path = std::any::type_name_of_val(&test);
    let (_, name) = path.split_once("::").expect("a path starts with its crate");
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.args(["--exact", name, "--nocapture"]).env(ALONE, "1");
    prepare(&mut command);
    command.output().expect("this program can be run again")
}

/// A directory of the test's own, which goes with it.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only the uniqueness of the number matters.
        let name = format!("executor-it-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a fresh directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Where jobs wait until the test lets them go.
pub(crate) struct Latch {
    listener: UnixListener,
    directory: Directory,
}

/// The way of a job to a latch.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Way(PathBuf);

/// A job that waits. Dropped, it is let go.
pub(crate) struct Waiting {
    _stream: UnixStream,
    pub(crate) number: u32,
    pub(crate) pid: u32,
}

impl Latch {
    pub(crate) fn new() -> Self {
        let directory = Directory::new();
        let listener = UnixListener::bind(directory.path().join("latch")).expect("a socket in a fresh directory");
        Self { listener, directory }
    }

    pub(crate) fn way(&self) -> Way {
        Way(self.directory.path().join("latch"))
    }

    /// Blocks until `n` jobs wait at the same time.
    pub(crate) fn accept(&self, n: usize) -> Vec<Waiting> {
        let accept = |_| {
            let (mut stream, _) = self.listener.accept().expect("it is open");
            let mut said = [0; 8];
            stream.read_exact(&mut said).expect("a job says who it is");
            let word = |at: usize| u32::from_le_bytes(said[at..at + 4].try_into().expect("four bytes"));
            Waiting { number: word(0), pid: word(4), _stream: stream }
        };
        (0..n).map(accept).collect()
    }
}

/// The body of a job: blocks until the test lets it go, or ends.
pub(crate) fn wait_at(way: Way, number: u32) {
    let Ok(mut stream) = UnixStream::connect(&way.0) else { return };
    let said = [number.to_le_bytes(), std::process::id().to_le_bytes()].concat();
    if stream.write_all(&said).is_ok() {
        drop(stream.read(&mut [0]));
    }
}

/// Looks until it is so: where only the system shows a fact.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Whether the process is there, and not dead.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

pub(crate) fn pool(n: usize) -> ProcessPool {
    ProcessPool::new(n).expect("this program can start workers")
}

pub(crate) fn pid() -> u32 {
    std::process::id()
}

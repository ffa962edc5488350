//! What the tests stand on: kinds of executor, jobs that work in any process, and looks at the system.
//!
//! No test sleeps. A job waits at a [`door`] or a [`gate`] until it is let go, and says that it ran in a [`ledger`].

pub(crate) mod bounds;
pub(crate) mod door;
pub(crate) mod gate;
pub(crate) mod jobs;
pub(crate) mod kinds;
pub(crate) mod ledger;
#[cfg(all(feature = "process", target_os = "linux"))]
pub(crate) mod program;
pub(crate) mod script;
pub(crate) mod surface;
#[cfg(target_os = "linux")]
pub(crate) mod system;

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Longer than any test takes on a loaded machine. Only a test that hangs reaches it.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs a test that would rather fail than hang.
pub(crate) fn within_patience(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel::<()>();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let body = move || {
        let _done = done; // dropped when the test ends, in whatever way
        test();
    };
    let thread = thread::Builder::new().name(name.clone()).spawn(body).expect("a thread for the test");
    if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(PATIENCE) {
        panic!("{name} hangs");
    }
    if let Err(payload) = thread.join() {
        panic::resume_unwind(payload);
    }
}

/// Waits for what another thread or process, or the kernel, is about to do.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE / 2;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to this: {what}");
        thread::park_timeout(Duration::from_micros(100));
    }
}

/// Runs a test in a process of its own, where nothing else starts threads or takes memory. `test` is the test function
/// itself, for its name.
///
/// glibc's allocator keeps the last few blocks that each thread freed, and cannot give back the memory around them: a
/// hundred megabytes for one block; and the more it was asked for, the more it keeps. It does without both there, so that
/// what is held is what the program holds.
pub(crate) fn alone<F: Fn()>(test: F, body: impl FnOnce() + Send + 'static) {
    const ALONE: &str = "EXECUTOR_TEST_ALONE";
    if env::var_os(ALONE).is_some() {
        return within_patience(body);
    }
    let path = std::any::type_name_of_val(&test);
    let (_, name) = path.split_once("::").expect("a path starts with its crate");
    let output = Command::new(env::current_exe().expect("this program has a path"))
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .env("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0:glibc.malloc.mmap_threshold=131072")
        .output()
        .expect("this program can be run again");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{stdout}{stderr}", output.status);
    assert!(stdout.contains("1 passed"), "{name} did not run:\n{stdout}");
}

/// Blocks on any std future.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// A directory that goes with its owner.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        loop {
            // Relaxed: only the uniqueness of the number matters.
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("executor-it-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // Of an earlier process with the same number, which was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("a fresh directory: {error}"),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

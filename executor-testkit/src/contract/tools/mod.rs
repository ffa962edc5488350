//! The tools of the checks, also for tests of your own: jobs that work in any process, and the places where they wait.
//!
//! No check sleeps. A job waits at a [`rendezvous`] or a [`latch`] until it may go on, and notes in an [`event_log`] that it ran.

pub mod event_log;
pub mod jobs;
pub mod latch;
pub mod rendezvous;

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use executor_core::Panicked;

/// Longer than any test takes on a loaded machine. Only a test that hangs reaches it.
pub(crate) const TEST_LIMIT: Duration = Duration::from_secs(120);

/// Runs a test on a thread of its own, and fails if the test hangs.
///
/// # Panics
///
/// If the test panics, or takes longer than two minutes.
pub fn within_patience(test: impl FnOnce() + Send + 'static) {
    boxed_within_patience(Box::new(test));
}

fn boxed_within_patience(test: Box<dyn FnOnce() + Send>) {
    let (done, ended) = mpsc::channel::<()>();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let body = move || {
        let _done = done; // dropped when the test ends, in whatever way
        test();
    };
    let thread = thread::Builder::new().name(name.clone()).spawn(body).expect("a thread for the test");
    if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TEST_LIMIT) {
        panic!("{name} hangs");
    }
    if let Err(payload) = thread.join() {
        panic::resume_unwind(payload);
    }
}

/// The job of a panic as its text has it: by its path, behind the name that a view has given it.
pub(crate) fn named(panicked: &Panicked) -> String {
    let job = panicked.job().expect("the error names its job");
    panicked.name().map_or_else(|| format!("`{job}`"), |name| format!("`{name}` (`{job}`)"))
}

/// Blocks until a condition holds that another thread, another process or the kernel will make true.
///
/// # Panics
///
/// If that takes longer than a minute.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TEST_LIMIT / 2;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to this: {what}");
        thread::park_timeout(Duration::from_micros(100));
    }
}

/// Blocks on any std future.
pub fn block_on<F: std::future::Future>(future: F) -> F::Output {
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

/// A temporary directory, deleted when this is dropped.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Makes a new directory among the temporary files.
    ///
    /// # Panics
    ///
    /// If the directory cannot be made.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        loop {
            // Relaxed: only the uniqueness of the number matters.
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("executor-contract-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // Of an earlier process with the same number, which was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("a fresh directory: {error}"),
            }
        }
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

//! How a worker and its parent meet: no other process finds the place, and every wait has a limit.

use std::env;
use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use executor::{JobError, ProcessPool, call};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::orphans::{children, children_of, is_alive};
use super::pid;
use crate::support::program::in_role;
use crate::support::{Directory, alone, eventually};

/// Names a fifo: a worker that finds it waits there, before its hello, until somebody opens it to write.
const LATE: &str = "EXECUTOR_TEST_LATE";

/// Names a file: a worker that finds it there hangs before its hello, in the first or in the last constructor.
const HANGS: [&str; 2] = ["EXECUTOR_TEST_HANG_FIRST", "EXECUTOR_TEST_HANG_LAST"];

/// Ends a worker before its hello.
const ABORT: &str = "EXECUTOR_TEST_ABORT";

extern "C" fn hesitate() {
    if let Some(path) = env::var_os(LATE) {
        drop(File::open(path));
    }
    hang(HANGS[0]);
    if env::var_os(ABORT).is_some() {
        std::process::abort();
    }
}

// Before the library's own: a worker that waits here has not arrived.
#[used]
// SAFETY: the section holds pointers to functions, which may ignore what they are called with.
#[unsafe(link_section = ".init_array.00050")]
static CONSTRUCTOR: extern "C" fn() = hesitate;

extern "C" fn hang_at_last() {
    hang(HANGS[1]);
}

#[used]
// SAFETY: as above.
#[unsafe(link_section = ".init_array")]
static LAST: extern "C" fn() = hang_at_last;

fn hang(variable: &str) {
    while env::var_os(variable).is_some_and(|path| Path::new(&path).exists()) {
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Workers of this process meet it in a directory of the test's own. Must be `alone`.
fn meet_in(directory: &Directory) {
    // SAFETY: these tests run alone in their process, and no other thread of it reads the environment now.
    unsafe { env::set_var("TMPDIR", directory.path()) };
}

fn fifo(directory: &Directory) -> PathBuf {
    let path = directory.path().join("fifo");
    let name = CString::new(path.to_str().expect("text")).expect("no zero");
    // SAFETY: the name ends with a zero, and is not kept.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    path
}

/// Tries to connect to all sockets that have a name in the directory.
fn visit_all(directory: &Path) {
    let visit = |entry: fs::DirEntry| {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let stranger = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).ok()?;
        connect(&stranger, &SocketAddrUnix::new(entry.path()).ok()?).ok()
    };
    let visits = fs::read_dir(directory).expect("a directory of the test").flatten().filter_map(visit);
    // Kept for a moment.
    drop(visits.collect::<Vec<_>>());
}

#[test]
fn a_worker_is_waited_for_without_a_name() {
    alone(a_worker_is_waited_for_without_a_name, || {
        let (place, own) = (Directory::new(), Directory::new());
        meet_in(&place);
        let fifo = fifo(&own);
        rustix::process::umask(rustix::fs::Mode::empty());
        let pool = ProcessPool::builder().processes(1).env(LATE, &fifo).build().expect("it can start workers");
        let future = pool.submit(call!(pid()));
        eventually("there is a worker", || !children().is_empty());
        assert_eq!(fs::read_dir(place.path()).expect("it is there").count(), 0, "nobody else can find it");
        // Blocks until the worker waits there.
        drop(File::options().write(true).open(&fifo).expect("a fifo"));
        let worker = future.result().expect("it was only late");
        assert_eq!(pool.pids(), [worker]);
    });
}

#[test]
fn strangers_that_never_stop_coming_stop_no_worker() {
    alone(strangers_that_never_stop_coming_stop_no_worker, || {
        let place = Directory::new();
        meet_in(&place);
        let (is_over, path) = (AtomicBool::new(false), place.path());
        thread::scope(|scope| {
            // Also where this fails: else the strangers would be waited for.
            let _over = Over(&is_over);
            for _ in 0..2 {
                scope.spawn(|| {
                    // Relaxed: nothing else is told by it.
                    while !is_over.load(Ordering::Relaxed) {
                        visit_all(path);
                    }
                });
            }
            for _ in 0..20 {
                let pool = ProcessPool::new(2).expect("it can start workers");
                let futures: Vec<_> = (0..2).map(|_| pool.submit(call!(pid()))).collect();
                for future in futures {
                    future.result().unwrap();
                }
            }
        });
        assert_eq!(fs::read_dir(path).expect("it is there").count(), 0);
    });
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn broken(outcome: Result<u32, JobError>) -> String {
    match outcome {
        Err(JobError::Broken(broken)) => broken.to_string(),
        other => panic!("not broken: {other:?}"),
    }
}

#[test]
fn a_worker_that_hangs_before_its_hello_is_killed_and_the_pool_goes_on() {
    alone(a_worker_that_hangs_before_its_hello_is_killed_and_the_pool_goes_on, || {
        for hang in HANGS {
            hangs(hang);
        }
    });
}

fn hangs(variable: &str) {
    let (place, own) = (Directory::new(), Directory::new());
    let reason = own.path().join("reason");
    fs::write(&reason, "").expect("a file in a fresh directory");
    let builder = ProcessPool::builder().processes(1).env(variable, &reason).start_limit(Duration::from_millis(300));
    let pool = builder.build().expect("it can start workers");
    let before = env::temp_dir();
    meet_in(&place);
    let future = pool.submit(call!(pid()));
    let text = broken(future.result());
    let expected = " did not complete: its worker process could not be started in 4 attempts: it was killed because it was not ready within 300 ms";
    assert!(text.starts_with("job `") && text.contains(expected), "{text}");
    assert!(text.contains("raise `start_limit`"), "{text}");
    assert_eq!((children(), pool.pids()), (Vec::new(), Vec::new()));
    assert_eq!(fs::read_dir(place.path()).expect("it is there").count(), 0);
    fs::remove_file(&reason).expect("it is there");
    // A machine may be too slow for the limit now and then.
    eventually("the pool works again", || pool.submit(call!(pid())).result().is_ok());
    // SAFETY: these tests run alone in their process, and no other thread of it reads the environment now.
    unsafe { env::set_var("TMPDIR", before) };
}

#[test]
fn a_worker_that_dies_before_its_hello_is_said_to() {
    alone(a_worker_that_dies_before_its_hello_is_said_to, || {
        let pool = ProcessPool::builder().processes(1).env(ABORT, "1").build().expect("it can start workers");
        let text = broken(pool.submit(call!(pid())).result());
        assert!(text.contains("in 4 attempts: it ended before it was ready: it was killed by SIGABRT"), "{text}");
        assert_eq!(children(), Vec::<String>::new());
    });
}

/// The names of the variables that say what holds up the worker of `parent`, and at which file.
const HELD_BY: &str = "EXECUTOR_TEST_HELD_BY";
const HELD_AT: &str = "EXECUTOR_TEST_HELD_AT";

/// A role of this program: the tests below kill it.
pub(crate) fn parent() {
    let [variable, reason] = [HELD_BY, HELD_AT].map(|name| env::var_os(name).expect("its test has set it"));
    let pool = ProcessPool::builder().processes(1).env(variable, reason).build().expect("it can start workers");
    pool.submit(call!(pid())).wait();
}

/// Kills a parent that waits for a worker, which is held up by `variable`, and then let go by `let_go`, unless it has ended with its parent.
fn parent_is_killed(variable: &str, reason: &Path, mut let_go: impl FnMut() -> bool) {
    let place = Directory::new();
    let mut parent = in_role(self::parent);
    parent.stdout(Stdio::null());
    parent.env("TMPDIR", place.path()).env(HELD_BY, variable).env(HELD_AT, reason);
    let mut parent = parent.spawn().expect("it can be run again");
    eventually("there is a worker", || !children_of(parent.id()).is_empty());
    let worker = children_of(parent.id())[0].parse().expect("a pid");
    if variable != LATE {
        let stdin = format!("/proc/{worker}/fd/0");
        let is_empty = || fs::read_link(&stdin).is_ok_and(|stdin| stdin == Path::new("/dev/null"));
        eventually("it has arrived, and taken its stdin", is_empty);
    }
    parent.kill().expect("it runs");
    parent.wait().expect("it was killed");
    eventually("the worker goes on, or has ended with its parent", || let_go() || !is_alive(worker));
    eventually("the worker is gone", || !is_alive(worker));
    assert_eq!(fs::read_dir(place.path()).expect("it is there").count(), 0);
}

#[test]
fn a_parent_that_is_killed_while_it_waits_leaves_nothing() {
    let own = Directory::new();
    let fifo = fifo(&own);
    // Refused while no process waits there.
    let mut writes = File::options();
    writes.write(true).custom_flags(libc::O_NONBLOCK);
    parent_is_killed(LATE, &fifo, || writes.open(&fifo).is_ok());
}

#[test]
fn a_worker_that_hangs_in_a_constructor_ends_with_its_parent() {
    let own = Directory::new();
    let reason = own.path().join("reason");
    fs::write(&reason, "").expect("a file in a fresh directory");
    parent_is_killed(HANGS[1], &reason, || true);
}

/// The sockets, memory files and other anonymous files open in a new child of this process.
fn open_in_a_child() -> Vec<String> {
    let output =
        Command::new("ls").arg("-l").arg("/proc/self/fd").stdin(Stdio::null()).output().expect("a system has `ls`");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| line.contains("socket:") || line.contains("memfd") || line.contains("anon_inode"))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn neither_workers_nor_what_is_started_meanwhile_inherit_a_descriptor() {
    alone(neither_workers_nor_what_is_started_meanwhile_inherit_a_descriptor, || {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let looks = scope.spawn(|| {
                let mut seen = Vec::new();
                // Relaxed: nothing else is told by it.
                while !is_over.load(Ordering::Relaxed) {
                    seen.extend(open_in_a_child());
                }
                seen
            });
            for _ in 0..10 {
                let pool = ProcessPool::new(3).expect("it can start workers");
                let futures: Vec<_> = (0..3).map(|_| pool.submit(call!(open_in_a_child()))).collect();
                for future in futures {
                    assert_eq!(future.result().unwrap(), Vec::<String>::new(), "in a child of a worker");
                }
            }
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(looks.join().expect("it only looks"), Vec::<String>::new(), "in a child of the parent");
        });
    });
}

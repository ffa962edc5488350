//! The rendezvous of a worker and its parent: strangers are sent away, and every wait has a limit.

use std::env;
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use executor::{JobError, ProcessPool, call};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send, socket_with,
};

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

// Before the library's own, so that the rendezvous is still there.
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

/// The sockets that somebody waits at.
fn sockets(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory of the test");
    entries.flatten().map(|entry| entry.path().join("s")).filter(|socket| socket.exists()).collect()
}

fn visit(socket: &Path) -> io::Result<OwnedFd> {
    let stranger =
        socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    connect(&stranger, &SocketAddrUnix::new(socket)?)?;
    Ok(stranger)
}

fn was_sent_away(stranger: &OwnedFd) -> bool {
    let mut buffer = [0; 16];
    match recv(stranger, &mut buffer, RecvFlags::DONTWAIT) {
        Err(rustix::io::Errno::AGAIN) => false,
        Ok((_, length)) => length == 0,
        Err(_) => true,
    }
}

/// Visits the rendezvous of a worker that comes later, and looks at that worker's job.
fn a_worker_comes_after(place: &Directory, visits: impl Fn(&Path) -> Vec<OwnedFd>) {
    let fifo = fifo(place);
    let pool = ProcessPool::builder().processes(1).env(LATE, &fifo).build().expect("it can start workers");
    let future = pool.submit(call!(pid()));
    eventually("a worker is waited for", || !sockets(place.path()).is_empty());
    let strangers = visits(&sockets(place.path())[0]);
    // Blocks until the worker waits there.
    drop(File::options().write(true).open(&fifo).expect("a fifo"));
    let worker = future.result().expect("strangers do not matter");
    assert_eq!(pool.pids(), [worker]);
    assert!(strangers.iter().all(was_sent_away));
    fs::remove_file(fifo).expect("it is there");
    assert_eq!(fs::read_dir(place.path()).expect("it is there").count(), 0, "the rendezvous is taken away");
}

#[test]
fn strangers_that_come_first_are_sent_away() {
    alone(strangers_that_come_first_are_sent_away, || {
        let place = Directory::new();
        meet_in(&place);
        // A moment ago it was bound; now it listens.
        let visit = |socket: &Path| {
            let mut stranger = None;
            eventually("somebody listens", || {
                stranger = visit(socket).ok();
                stranger.is_some()
            });
            stranger.expect("it came")
        };
        a_worker_comes_after(&place, |socket| vec![visit(socket)]);
        a_worker_comes_after(&place, |socket| {
            let stranger = visit(socket);
            send(&stranger, b"hello, it is me", SendFlags::empty()).expect("there is room");
            vec![stranger]
        });
        a_worker_comes_after(&place, |socket| {
            // As ipc-channel starts its packets: the size of this one, and of the message.
            let stranger = visit(socket);
            let packet = [24_u64.to_ne_bytes(), (1_u64 << 40).to_ne_bytes(), [0xff; 8]].concat();
            send(&stranger, &packet, SendFlags::empty()).expect("there is room");
            vec![stranger]
        });
        a_worker_comes_after(&place, |socket| {
            drop(visit(socket));
            Vec::new()
        });
        a_worker_comes_after(&place, |socket| (0..100).map(|_| visit(socket)).collect());
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
                        for socket in sockets(path) {
                            // Kept for a moment. A socket that is gone, or has no room, is not an error here.
                            let visits: Vec<_> = (0..40).map(|_| visit(&socket)).collect();
                            drop(visits);
                        }
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
    let mut stranger = None;
    while !future.is_done() {
        stranger = stranger.or_else(|| sockets(place.path()).first().and_then(|socket| visit(socket).ok()));
        thread::park_timeout(Duration::from_millis(1));
    }
    let text = broken(future.result());
    let expected = "the job was not run to its end: its worker process could not be started, 4 times: it was killed, \
                    because it said no hello within 300ms";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("set `start_limit`"), "{text}");
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
        assert!(text.contains("4 times: it ended before it said hello: it was killed by SIGABRT"), "{text}");
        assert_eq!(children(), Vec::<String>::new());
    });
}

#[test]
fn nobody_else_may_enter_where_they_meet() {
    alone(nobody_else_may_enter_where_they_meet, || {
        let (place, own) = (Directory::new(), Directory::new());
        meet_in(&place);
        let fifo = fifo(&own);
        rustix::process::umask(rustix::fs::Mode::empty());
        let pool = ProcessPool::builder().processes(1).env(LATE, &fifo).build().expect("it can start workers");
        let future = pool.submit(call!(pid()));
        eventually("a worker is waited for", || !sockets(place.path()).is_empty());
        let socket = sockets(place.path()).remove(0);
        let mode = fs::metadata(socket.parent().expect("a directory")).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(File::options().write(true).open(&fifo).expect("a fifo"));
        assert!(future.result().is_ok());
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

/// Kills a parent that waits for a worker, which is held up by `variable`, and then let go by `let_go`.
fn parent_is_killed(variable: &str, reason: &Path, let_go: impl FnOnce()) {
    let place = Directory::new();
    let mut parent = in_role(self::parent);
    parent.stdout(Stdio::null());
    parent.env("TMPDIR", place.path()).env(HELD_BY, variable).env(HELD_AT, reason);
    let mut parent = parent.spawn().expect("it can be run again");
    eventually("there is a worker", || !children_of(parent.id()).is_empty());
    let worker = children_of(parent.id())[0].parse().expect("a pid");
    if variable != LATE {
        eventually("it has arrived", || fs::read_dir(place.path()).expect("it is there").next().is_none());
    }
    parent.kill().expect("it runs");
    parent.wait().expect("it was killed");
    let_go();
    eventually("the worker is gone", || !is_alive(worker));
    assert_eq!(fs::read_dir(place.path()).expect("it is there").count(), 0);
}

#[test]
fn a_parent_that_is_killed_while_it_waits_leaves_nothing() {
    let own = Directory::new();
    let fifo = fifo(&own);
    parent_is_killed(LATE, &fifo, || drop(File::options().write(true).open(&fifo).expect("a fifo")));
}

#[test]
fn a_worker_that_hangs_in_a_constructor_ends_with_its_parent() {
    let own = Directory::new();
    let reason = own.path().join("reason");
    fs::write(&reason, "").expect("a file in a fresh directory");
    parent_is_killed(HANGS[1], &reason, || {});
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

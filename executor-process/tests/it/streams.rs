//! Files that are open in a worker: standard streams, what shared libraries have opened there, and nothing of the parent's.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicI32, Ordering};

use executor_core::{JobError, call};
use executor_process::ProcessPool;

use crate::support::{Directory, alone, pool};

/// The flags of a descriptor of this process's, which may be closed.
fn flags(number: RawFd) -> i32 {
    // SAFETY: it asks for a number.
    unsafe { libc::fcntl(number, libc::F_GETFD) }
}

fn set_flags(number: RawFd, flags: i32) {
    // SAFETY: it sets flags of a descriptor of this process's.
    assert_eq!(unsafe { libc::fcntl(number, libc::F_SETFD, flags) }, 0);
}

/// The files behind stdout and stderr, with their flags.
fn streams() -> Vec<(PathBuf, i32)> {
    let stream = |number: RawFd| (fs::read_link(format!("/proc/self/fd/{number}")).unwrap_or_default(), flags(number));
    vec![stream(1), stream(2)]
}

#[test]
fn closed_streams_lead_nowhere() {
    alone(closed_streams_lead_nowhere, || {
        let open = streams();
        let nowhere = (PathBuf::from("/dev/null"), 0);
        for are_closed in [[true, false], [false, true], [true, true]] {
            // Workers start without them, and this process has them still.
            let closed = (1..).zip(are_closed).filter_map(|(number, is_closed)| is_closed.then_some(number));
            let mark = |flags| closed.clone().for_each(|number| set_flags(number, flags));
            mark(libc::FD_CLOEXEC);
            let found = pool(1).submit(call!(streams())).result();
            mark(0);
            let expected = open.iter().zip(are_closed).map(|(open, is_closed)| if is_closed { &nowhere } else { open });
            assert!(found.unwrap().iter().eq(expected), "{are_closed:?}");
        }
    });
}

/// Writes down what its streams are, where that can be found.
fn fail_after_a_note(note: PathBuf) {
    fs::write(note, format!("{:?}", streams())).unwrap();
    panic!("to be run again");
}

#[test]
fn closed_streams_lead_nowhere_at_replay() {
    alone(closed_streams_lead_nowhere_at_replay, || {
        let place = Directory::new();
        let (note, kept) = (place.path().join("note"), place.path().join("kept"));
        let pool = ProcessPool::builder().processes(1).keep_failed(&kept).build().unwrap();
        let outcome = pool.submit(call!(fail_after_a_note(note.clone()))).result();
        assert!(matches!(outcome, Err(JobError::Panicked(_))), "{outcome:?}");
        let file = fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
        let mut again = Command::new("/proc/self/exe");
        again.env("EXECUTOR_REPLAY", file);
        // SAFETY: between fork and exec, it closes descriptors.
        unsafe {
            again.pre_exec(|| {
                libc::close(1);
                libc::close(2);
                Ok(())
            });
        }
        again.status().unwrap();
        let nowhere = (PathBuf::from("/dev/null"), 0);
        assert_eq!(fs::read_to_string(note).unwrap(), format!("{:?}", [&nowhere, &nowhere]));
    });
}

/// Opened by a constructor that runs before this crate's, as those of shared libraries do.
static EARLY: AtomicI32 = AtomicI32::new(-1);

extern "C" fn open_early() {
    // SAFETY: the path is a text of C's, and what is closed was opened here.
    let kept = unsafe {
        let opened = libc::open(c"/dev/zero".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        // Not in the place of a standard stream.
        let kept = libc::fcntl(opened, libc::F_DUPFD_CLOEXEC, 3);
        libc::close(opened);
        kept
    };
    EARLY.store(kept, Ordering::Relaxed);
}

#[used]
// SAFETY: the section holds pointers to functions, which may ignore what they are called with. They run before all constructors.
#[unsafe(link_section = ".preinit_array")]
static OPEN_EARLY: extern "C" fn() = open_early;

fn early() -> PathBuf {
    fs::read_link(format!("/proc/self/fd/{}", EARLY.load(Ordering::Relaxed))).unwrap_or_default()
}

#[test]
fn descriptors_of_libraries_stay_open() {
    assert_eq!(early(), PathBuf::from("/dev/zero"), "the constructor has run");
    assert_eq!(pool(1).submit(call!(early())).result().unwrap(), PathBuf::from("/dev/zero"));
}

fn refuse(number: libc::c_long) {
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: u16::try_from(code).unwrap(), jt, jf, k };
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, u32::try_from(number).unwrap()),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs()),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: steps.as_mut_ptr() };
    // SAFETY: the first takes numbers only; the other reads the program, whose steps are there.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program), 0);
    }
}

/// Whether the descriptor is the file with this number.
fn is_open(number: RawFd, inode: u64) -> bool {
    fs::metadata(format!("/proc/self/fd/{number}")).is_ok_and(|file| file.ino() == inode)
}

/// Also where the system does not list what is open.
#[test]
fn inherited_descriptors_are_closed() {
    alone(inherited_descriptors_are_closed, || {
        let file = File::open("/etc/passwd").expect("a system has users");
        let (number, inode) = (file.as_raw_fd(), file.metadata().unwrap().ino());
        set_flags(number, 0);
        let is_open_there = || pool(1).submit(call!(is_open(number, inode))).result().unwrap();
        assert!(is_open(number, inode) && !is_open_there());
        refuse(libc::SYS_getdents64);
        assert!(fs::read_dir("/proc/self/fd").unwrap().any(|entry| entry.is_err()) && !is_open_there());
    });
}

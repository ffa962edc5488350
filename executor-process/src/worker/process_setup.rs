//! Makes sure that a worker ends with its parent, and that its own children end with it. Unsafe, because it sets signal handlers
//! and closes descriptors by number.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::fs::{self, File};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{
    Resource, Rlimit, getpgrp, getpid, getppid, getpriority_process, getrlimit, setpgid, setpriority_process, setrlimit,
};
use rustix::stdio::{dup2_stdin, stdin};

use super::crash_handler::locate_signal;
use super::termination;
use crate::protocol::start_info::Limits;

/// A command of fcntl(2), from the kernel's `asm-generic/fcntl.h`: libc has no name for it.
const F_SETSIG: c_int = 10;

/// The process that started this one, and the number of the descriptor by which this one's life hangs.
static PARENT: AtomicU32 = AtomicU32::new(0);
static LIFELINE: AtomicI32 = AtomicI32::new(-1);

/// Ties this process to its parent, and drops what it inherited from the parent: descriptors without close-on-exec, blocked and
/// ignored signals. Must be called before this process opens a descriptor of its own.
///
/// # Errors
///
/// When the system refuses any of it: then it would not be certain that the worker ends.
pub(crate) fn guard(parent: u32) -> io::Result<()> {
    // Relaxed, here and below: what reads them runs on this thread, or in a handler that is set later.
    PARENT.store(parent, Ordering::Relaxed);
    fill_standard_streams()?;
    close_inherited()?;
    reset_signals();
    for signal in [libc::SIGTERM, libc::SIGHUP] {
        if !is_ignored(signal) {
            termination::end_for(parent, signal)?;
        }
    }
    lead_group()?;
    die_with_parent()
}

fn lead_group() -> io::Result<()> {
    if getpgrp() != getpid() {
        setpgid(None, None)?;
    }
    Ok(())
}

/// The same for a copy of this process that goes on as a worker of its own, of the same parent, whose life hangs by `lifeline`.
///
/// # Errors
///
/// When the system refuses any of it.
pub(super) fn begin_copy(lifeline: OwnedFd) -> io::Result<()> {
    lead_group()?;
    die_with_parent()?;
    let before = LIFELINE.swap(-1, Ordering::Relaxed);
    if before >= 0 {
        // SAFETY: `end_with` has left it open for ever, and nothing else uses the number.
        unsafe { libc::close(before) };
    }
    end_with(lifeline)?;
    // It may have died before this process was asked to be told.
    if !is_parent(PARENT.load(Ordering::Relaxed)) {
        kill_own_group();
    }
    Ok(())
}

/// Whether this is the process that started us. Another one has adopted us where that died.
pub(crate) fn is_parent(pid: u32) -> bool {
    getppid().map_or(0, |parent| parent.as_raw_nonzero().get().unsigned_abs()) == pid
}

/// Takes what this process was started with as its stdin, which is empty from now on.
///
/// # Errors
///
/// When this process may not have a descriptor more. Then stdin itself comes with the error: the process can say so there, and must end.
pub(crate) fn take_stdin() -> Result<OwnedFd, (OwnedFd, io::Error)> {
    take_and_empty_stdin().map_err(|error| {
        // SAFETY: no other code owns the stdin that this process starts with, or uses it before the process ends.
        (unsafe { OwnedFd::from_raw_fd(libc::STDIN_FILENO) }, error)
    })
}

fn take_and_empty_stdin() -> io::Result<OwnedFd> {
    let nothing = File::open("/dev/null")?;
    let taken = fcntl_dupfd_cloexec(stdin(), 3)?;
    dup2_stdin(nothing)?;
    Ok(taken)
}

/// Limits this process as its pool wants it.
///
/// # Errors
///
/// The setting that the system refuses, and why.
pub(crate) fn keep_to(limits: Limits) -> io::Result<()> {
    let named = |what: &str, error: rustix::io::Errno| io::Error::other(format!("{what}: {}", io::Error::from(error)));
    let most = if limits.may_dump_core { getrlimit(Resource::Core).maximum } else { Some(0) };
    // Not fatal: a core file too many is better than no worker.
    let _ = setrlimit(Resource::Core, Rlimit { current: most, maximum: most });
    if let Some(bytes) = limits.memory {
        // Never more than is allowed already: that would be refused.
        let most = getrlimit(Resource::Data).maximum.map_or(bytes, |most| most.min(bytes));
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(Resource::Data, limit).map_err(|error| named(&format!("memory_limit({bytes})"), error))?;
    }
    if limits.nice != 0 {
        let setting = || format!("nice({})", limits.nice);
        let now = getpriority_process(None).map_err(|error| named(&setting(), error))?;
        let wanted = (now + limits.nice).clamp(-20, 19);
        setpriority_process(None, wanted).map_err(|error| named(&setting(), error))?;
    }
    Ok(())
}

/// A parent that blocks or ignores signals passes that on to what it starts (signal(7)). A worker that blocked SIGTERM, or the signal
/// of its parent's death, would not end by them; one that ignored SIGCHLD could not wait for its children.
fn reset_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // An ignored SIGHUP (`nohup`) is meant for child processes, too.
        if signal != libc::SIGHUP && is_ignored(signal) {
            disposition(signal, libc::SIG_DFL);
        }
    }
    disposition(libc::SIGINT, libc::SIG_IGN); // Ctrl-C is for the parent to judge
    disposition(libc::SIGPIPE, libc::SIG_IGN); // as the standard library does before `main`
    // It is in the background: what it writes, or a process in its group reads, would stop it at a terminal for ever.
    for signal in [libc::SIGTTOU, libc::SIGTTIN, libc::SIGTSTP] {
        disposition(signal, libc::SIG_IGN);
    }
    disposition(locate_signal(), libc::SIG_IGN); // until it can answer: by default, to be asked is to be killed
    // SAFETY: all zeros is memory for a signal set; `sigemptyset` makes it one.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// The kernel sends the signal when the thread that started us ends, and each time that another thread of the parent which has taken its place
/// ends. SIGKILL itself would spare our children; the handler takes the whole group.
fn die_with_parent() -> io::Result<()> {
    let signal = libc::SIGRTMAX() - 1;
    handle(signal, on_end_of_thread)?;
    let number = libc::c_ulong::try_from(signal).unwrap_or_default();
    // SAFETY: this option takes a signal number, and touches no memory.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, number) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Has the kernel kill this process and its group when the other end of the pipe `lifeline` is closed (`F_SETSIG` of fcntl(2)).
/// No thread waits, and a job cannot prevent it, as it can with the parent's death signal, whose handler it may replace.
///
/// # Errors
///
/// When the kernel cannot do so.
pub(crate) fn end_with(lifeline: OwnedFd) -> io::Result<()> {
    // Never closed.
    let lifeline = ManuallyDrop::new(lifeline);
    LIFELINE.store(lifeline.as_raw_fd(), Ordering::Relaxed);
    kill_group_at_close(lifeline.as_raw_fd(), getpgrp().as_raw_nonzero().get())?;
    // It may have come to its end before.
    if poll(&mut [PollFd::new(&*lifeline, PollFlags::empty())], Some(&Timespec::default())) != Ok(0) {
        kill_own_group();
    }
    Ok(())
}

/// Has the kernel kill the process group `group` when no process holds the other end of the pipe `end` any more.
pub(crate) fn kill_group_at_close(end: RawFd, group: libc::pid_t) -> io::Result<()> {
    for (command, to) in [(libc::F_SETOWN, -group), (F_SETSIG, libc::SIGKILL), (libc::F_SETFL, libc::O_ASYNC)] {
        // SAFETY: these commands take a number each, and touch no memory.
        if unsafe { libc::fcntl(end, command, to) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Ends this process and those that it started, at once.
pub(crate) fn kill_own_group() {
    kill_group(0);
}

/// The thread that started a template may end long before its process does.
extern "C" fn on_end_of_thread(signal: c_int) {
    // SAFETY: it always succeeds, and is async-signal-safe.
    let parent = unsafe { libc::getppid() };
    if parent.unsigned_abs() != PARENT.load(Ordering::Relaxed) {
        kill_group(signal);
    }
}

/// The group that this process has made, by number: a job may have joined another one, whose processes are none of its own. No stranger has
/// the number as long as this process has it.
extern "C" fn kill_group(_: c_int) {
    // SAFETY: all three are async-signal-safe, and touch no memory.
    unsafe {
        libc::kill(-libc::getpid(), libc::SIGKILL);
        libc::kill(libc::getpid(), libc::SIGKILL);
    }
}

fn is_ignored(signal: c_int) -> bool {
    // SAFETY: all zeros is a valid `sigaction`, to which the kernel writes.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

/// Ignores a signal, or sets its default. Signals that cannot be changed (SIGKILL, those of the C library) stay as they are.
fn disposition(signal: c_int, to: libc::sighandler_t) {
    // SAFETY: neither needs a handler.
    unsafe { libc::signal(signal, to) };
}

fn handle(signal: c_int, handler: extern "C" fn(c_int)) -> io::Result<()> {
    // SAFETY: all zeros is a valid `sigaction`; the handler is async-signal-safe.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Opens `/dev/null` as each standard stream that the parent has closed: the next descriptor of ours would get its number, and what jobs print
/// would go there. The standard library does the same, but only when it calls `main`.
///
/// # Errors
///
/// When it cannot be opened.
pub(super) fn fill_standard_streams() -> io::Result<()> {
    let stream = |fd| libc::pollfd { fd, events: 0, revents: 0 };
    let mut streams = [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO].map(stream);
    // SAFETY: they are three, and are there.
    unsafe { libc::poll(streams.as_mut_ptr(), 3, 0) };
    for missing in streams.iter().filter(|stream| stream.revents & libc::POLLNVAL != 0) {
        // The lowest number that is free, so it is this one. Not close-on-exec: what jobs start has it, too.
        // SAFETY: the path is a C string. A standard stream has no owner.
        let opened = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
        if opened != missing.fd {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Closes the descriptors that the parent has open without close-on-exec. Those with close-on-exec were opened in this process by
/// constructors of shared libraries that run before ours, and are still in use.
///
/// # Errors
///
/// When it cannot be closed: a worker would run jobs with the parent's files open.
fn close_inherited() -> io::Result<()> {
    if has_standard_streams_only() {
        return Ok(());
    }
    let Ok(numbers) = open_descriptors() else { return close_all() };
    for number in numbers.into_iter().filter(|&number| number > libc::STDERR_FILENO) {
        // SAFETY: both calls take a number. Without the flag, the descriptor is the parent's, or that of a library which hands it on to
        // every program that is started: nothing of ours.
        unsafe {
            let flags = libc::fcntl(number, libc::F_GETFD);
            if flags >= 0 && flags & libc::FD_CLOEXEC == 0 {
                libc::close(number);
            }
        }
    }
    Ok(())
}

/// Whether no descriptor but the three is open, which the size of the list tells since Linux 6.2; before, it is 0. To read the list takes ten
/// times as long.
fn has_standard_streams_only() -> bool {
    fs::metadata(DESCRIPTORS).is_ok_and(|list| list.len() == 3)
}

const DESCRIPTORS: &str = "/proc/self/fd";

/// The numbers of all descriptors, among them that of the list, which is closed by now.
fn open_descriptors() -> io::Result<Vec<c_int>> {
    let number = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_str().and_then(|name| name.parse().ok()));
    fs::read_dir(DESCRIPTORS)?.filter_map(|entry| number(entry).transpose()).collect()
}

/// Closes everything but the standard streams, where it cannot be found out what is open.
fn close_all() -> io::Result<()> {
    // SAFETY: nothing in this process owns a descriptor yet but what constructors of shared libraries may have opened: it is lost to them.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    let text = format!("inherited file descriptors cannot be closed without /proc or close_range(2): {error}");
    Err(io::Error::new(error.kind(), text))
}

//! System calls that fail on purpose: a seccomp filter hands each call to a thread, which lets it pass or fails it (`seccomp_unotify(2)`).

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, c_int, c_long, c_ulong, sock_filter};

/// System calls of a pool, except those for memory (a failure ends the program) and locks (they do not fail).
const CALLS: [c_long; 52] = [
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_close_range,
    libc::SYS_connect,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_execve,
    libc::SYS_fallocate,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_ftruncate,
    libc::SYS_getdents64,
    libc::SYS_getrandom,
    libc::SYS_getsockopt,
    libc::SYS_ioctl,
    libc::SYS_kill,
    libc::SYS_listen,
    libc::SYS_memfd_create,
    libc::SYS_mprotect,
    libc::SYS_openat,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_prctl,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_prlimit64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setpgid,
    libc::SYS_setpriority,
    libc::SYS_setsockopt,
    libc::SYS_sigaltstack,
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_statx,
    libc::SYS_tgkill,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_write,
];

/// Those that x86-64 has besides.
#[cfg(target_arch = "x86_64")]
const OLDER_CALLS: &[c_long] = &[
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_vfork,
];

#[cfg(not(target_arch = "x86_64"))]
const OLDER_CALLS: &[c_long] = &[];

/// The process that makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) enum Side {
    Parent,
    Worker,
}

/// The `nth` call with this number (from 1) on one side fails with `error`.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Fault {
    pub(crate) side: Side,
    pub(crate) call: c_long,
    pub(crate) nth: usize,
    pub(crate) error: c_int,
}

/// The calls that were seen, each with how often.
pub(crate) type Counts = BTreeMap<(Side, c_long), usize>;

/// The calls of this thread, of those that it starts, and of their processes.
pub(crate) struct Interception {
    seen: Arc<Mutex<Seen>>,
    is_over: Arc<AtomicBool>,
}

#[derive(Default)]
struct Seen {
    sides: HashMap<u32, Side>,
    counts: Counts,
}

impl Interception {
    /// Lasts as long as the process: a filter cannot be taken back.
    ///
    /// # Errors
    ///
    /// When the system has no such filters, or refuses this one.
    pub(crate) fn begin(fault: Option<Fault>) -> io::Result<Self> {
        let (seen, is_over) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let (give, listener) = mpsc::channel::<OwnedFd>();
        let its = (seen.clone(), is_over.clone());
        // Started before the filter is there, so it has none.
        thread::spawn(move || {
            if let Ok(listener) = listener.recv() {
                while let Some(call) = next(&listener) {
                    let fails =
                        !its.1.load(Ordering::SeqCst) && its.0.lock().is_ok_and(|mut seen| seen.is(&call, fault));
                    answer(&listener, call.id, fault.filter(|_| fails).map(|fault| fault.error));
                }
            }
        });
        give.send(filter(&of_a_pool())?).map_err(|_| io::Error::other("the thread that answers has ended"))?;
        Ok(Self { seen, is_over })
    }

    /// Lets all calls pass from now on. Returns those that were made, and the threads of other processes that made some.
    pub(crate) fn end(&self) -> (Counts, Vec<u32>) {
        self.is_over.store(true, Ordering::SeqCst);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of_workers =
            seen.sides.iter().filter(|(_, side)| **side == Side::Worker).map(|(&thread, _)| thread).collect();
        (seen.counts.clone(), of_workers)
    }
}

impl Seen {
    /// Counts the call. Returns whether it is the one that fails.
    fn is(&mut self, call: &libc::seccomp_notif, fault: Option<Fault>) -> bool {
        let task = format!("/proc/self/task/{}", call.pid);
        let side = *self
            .sides
            .entry(call.pid)
            .or_insert_with(|| if Path::new(&task).exists() { Side::Parent } else { Side::Worker });
        let count = self.counts.entry((side, call.data.nr.into())).or_default();
        *count += 1;
        fault.is_some_and(|fault| (fault.side, fault.call, fault.nth) == (side, call.data.nr.into(), *count))
    }
}

/// Makes the calls with this number wait, of this thread and those that it starts, until they are released.
///
/// # Errors
///
/// When the system has no such filters, or refuses this one.
pub(crate) fn hold(call: c_long) -> io::Result<Held> {
    let (give, listener) = mpsc::channel::<OwnedFd>();
    let (held, is_released) = mpsc::channel::<()>();
    // Started before the filter is there, so it has none.
    thread::spawn(move || {
        if let Ok(listener) = listener.recv() {
            while let Some(call) = next(&listener) {
                // Ends when the other end is dropped, and at once from then on.
                let _ = is_released.recv();
                answer(&listener, call.id, None);
            }
        }
    });
    give.send(filter(&hand_over(call))?).map_err(|_| io::Error::other("the thread that answers has ended"))?;
    Ok(Held(held))
}

/// System calls that wait until this is dropped.
pub(crate) struct Held(mpsc::Sender<()>);

impl Held {
    pub(crate) fn release(self) {
        drop(self.0);
    }
}

fn unless(code: u32, k: u32, skip: u8) -> sock_filter {
    let code = u16::try_from(code).expect("codes of instructions are small");
    sock_filter { code, jt: 0, jf: skip, k }
}

fn does(code: u32, k: u32) -> sock_filter {
    unless(code, k, 0)
}

fn unless_call(call: c_long, skip: u8) -> sock_filter {
    unless(BPF_JMP | BPF_JEQ | BPF_K, u32::try_from(call).expect("numbers of calls are small"), skip)
}

fn hand_over(call: c_long) -> [sock_filter; 2] {
    [unless_call(call, 1), does(BPF_RET | BPF_K, libc::SECCOMP_RET_USER_NOTIF)]
}

fn of_a_pool() -> Vec<sock_filter> {
    const FIRST_ARGUMENT: u32 = 16;
    // Of mmap, only what is shared: an allocator that gets nothing ends the program.
    let mut calls = vec![
        unless_call(libc::SYS_mmap, 4),
        does(BPF_LD | BPF_W | BPF_ABS, FIRST_ARGUMENT + 3 * 8),
        unless(BPF_JMP | BPF_JSET | BPF_K, 1, 1),
        does(BPF_RET | BPF_K, libc::SECCOMP_RET_USER_NOTIF),
        does(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    calls.extend(CALLS.iter().chain(OLDER_CALLS).flat_map(|call| hand_over(*call)));
    calls
}

/// A filter for this thread, and for those that it starts, that hands `calls` to the listener.
fn filter(calls: &[sock_filter]) -> io::Result<OwnedFd> {
    const WAIT_KILLABLE: c_ulong = 1 << 5;
    let pass = does(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW);
    let mut program = [&[does(BPF_LD | BPF_W | BPF_ABS, 0)], calls, &[pass]].concat();
    let length = u16::try_from(program.len()).expect("a short program");
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    // SAFETY: the arguments are as prctl(2) and seccomp(2) ask for them; the program lives until both have returned.
    unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return Err(io::Error::last_os_error());
        }
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE;
        let listener = libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program);
        match c_int::try_from(listener) {
            Ok(listener @ 0..) => Ok(OwnedFd::from_raw_fd(listener)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// The next call, waiting for it.
fn next(listener: &OwnedFd) -> Option<libc::seccomp_notif> {
    const RECV: c_ulong = 0xc050_2100;
    loop {
        // SAFETY: the kernel wants it zeroed, and fills it; all its fields are numbers.
        let (result, call) = unsafe {
            let mut call: libc::seccomp_notif = mem::zeroed();
            (libc::ioctl(listener.as_raw_fd(), RECV as _, &raw mut call), call)
        };
        match io::Error::last_os_error().raw_os_error() {
            _ if result == 0 => return Some(call),
            // ENOENT: the thread that made the call has died.
            Some(libc::EINTR | libc::ENOENT) => {}
            _ => return None,
        }
    }
}

/// Lets a call pass, or fails it.
fn answer(listener: &OwnedFd, id: u64, error: Option<c_int>) {
    const SEND: c_ulong = 0xc018_2101;
    const CONTINUE: u32 = 1;
    let flags = if error.is_none() { CONTINUE } else { 0 };
    let answer = libc::seccomp_notif_resp { id, val: 0, error: -error.unwrap_or(0), flags };
    // SAFETY: the kernel reads the answer, and says no where the thread that made the call has died.
    unsafe { libc::ioctl(listener.as_raw_fd(), SEND as _, &raw const answer) };
}

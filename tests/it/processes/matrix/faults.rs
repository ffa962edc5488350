//! Real faults, which a worker of these tests commits.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use rustix::process::{getpgrp, getpid};
use serde::{Deserialize, Serialize};

use crate::support::rendezvous::Arrival;

/// The memory limit of each worker.
pub(super) const MEMORY: u64 = 512 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fault {
    BadAccess,
    Abort,
    /// Beside a process that it has started, which would live on.
    AbortBesideAChild,
    StackOverflow,
    Exit,
    KilledFromOutside,
    KillsItsGroup,
    Panic,
    OutOfMemory,
    BecomesAnotherProgram,
    ClosesItsDescriptors,
    WritesToStdout,
    IsNotEncodable,
    Hang,
    /// By SIGSTOP.
    IsStopped,
    /// Says that the job is done, and goes on.
    ForgesItsWord,
    /// Its copy goes on as it does itself.
    ForksACopy,
    /// As a service manager does it, with all processes of a service.
    GroupIsTerminated,
}

use Fault::*;

pub(super) const ALL: [Fault; 18] = [
    BadAccess,
    Abort,
    AbortBesideAChild,
    StackOverflow,
    Exit,
    KilledFromOutside,
    KillsItsGroup,
    Panic,
    OutOfMemory,
    BecomesAnotherProgram,
    ClosesItsDescriptors,
    WritesToStdout,
    IsNotEncodable,
    Hang,
    IsStopped,
    ForgesItsWord,
    ForksACopy,
    GroupIsTerminated,
];

impl Fault {
    /// Does it. Returns from what is no end of the process.
    ///
    /// # Errors
    ///
    /// [`IsNotEncodable`], for serde to say.
    pub(super) fn commit(self, arrival: &Arrival) -> Result<(), String> {
        match self {
            BadAccess => access_badly(),
            Abort => std::process::abort(),
            AbortBesideAChild => {
                start_a_child();
                std::process::abort()
            }
            StackOverflow => {
                overflow(0);
            }
            Exit => std::process::exit(3),
            KilledFromOutside => {
                arrival.arrive(0);
                hang()
            }
            KillsItsGroup => {
                assert_eq!(getpgrp(), getpid(), "a worker has a group of its own");
                kill_own_group();
                hang()
            }
            Panic => panic!("the matrix wants it"),
            OutOfMemory => {
                drop(std::hint::black_box(vec![1_u8; 2 * usize::try_from(MEMORY).expect("it is an address")]));
            }
            BecomesAnotherProgram => panic!("it could not: {}", Command::new("sleep").arg("1000").exec()),
            ClosesItsDescriptors => close_all(),
            WritesToStdout => {
                let mut stdout = std::io::stdout();
                stdout.write_all(b"}{ this is no reply\n").and_then(|()| stdout.flush()).map_err(|e| e.to_string())?;
            }
            IsNotEncodable => return Err("the matrix wants it".to_owned()),
            Hang => hang(),
            IsStopped => {
                stop();
                hang()
            }
            ForgesItsWord => {
                forge_words();
                hang()
            }
            ForksACopy => fork(),
            GroupIsTerminated => terminate_group(),
        }
        Ok(())
    }

    /// The end of a process that it is, as errors tell of it. `None` where a worker lives on, or ends when it has answered.
    pub(super) fn end(self) -> Option<&'static str> {
        Some(match self {
            BadAccess | StackOverflow => "was killed by SIGSEGV",
            Abort | AbortBesideAChild | OutOfMemory => "was killed by SIGABRT",
            Exit => "exited with code 3",
            KilledFromOutside | KillsItsGroup => "was killed by SIGKILL",
            BecomesAnotherProgram => "was killed by SIGKILL (it had replaced itself by another program",
            Panic | ClosesItsDescriptors | WritesToStdout | IsNotEncodable | Hang | IsStopped | ForgesItsWord
            | ForksACopy | GroupIsTerminated => return None,
        })
    }

    /// Whether only a time limit ends it.
    pub(super) fn hangs(self) -> bool {
        matches!(self, Hang | IsStopped | ForgesItsWord)
    }
}

fn hang() -> ! {
    loop {
        thread::park();
    }
}

fn start_a_child() {
    // SAFETY: the new process does nothing but wait for signals, as any may.
    unsafe {
        if libc::fork() == 0 {
            loop {
                libc::pause();
            }
        }
    }
}

fn stop() {
    // SAFETY: it reaches this process alone.
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
}

/// Writes `Done` in place of `Started` on the page that this worker shares with its parent.
fn forge_words() {
    const SLOTS: usize = 64;
    const WORDS_OF_A_SLOT: usize = 3;
    let maps = std::fs::read_to_string("/proc/self/maps").expect("a process has memory");
    let line = maps.lines().find(|line| line.contains("executor-page")).expect("a worker has a page");
    let start = line.split('-').next().and_then(|start| usize::from_str_radix(start, 16).ok()).expect("an address");
    for slot in 0..SLOTS {
        let word = std::ptr::with_exposed_provenance_mut::<u64>(start + slot * WORDS_OF_A_SLOT * size_of::<u64>());
        // SAFETY: none but that it is mapped. It lies to the parent, which must bear it.
        unsafe {
            let found = word.read_volatile();
            if found & 7 == 1 {
                word.write_volatile(found & !7 | 2);
            }
        }
    }
}

/// Returns twice: in the copy, and when that is gone.
fn fork() {
    // SAFETY: the copy does what any process may that has one thread.
    let copy = unsafe { libc::fork() };
    if copy > 0 {
        // SAFETY: it is a child of this process, and only this call waits for it.
        unsafe { libc::waitpid(copy, std::ptr::null_mut(), 0) };
    }
}

/// By another process, which does not hear of it itself.
fn terminate_group() {
    let script = "trap '' TERM HUP; kill -TERM 0; kill -HUP 0";
    assert!(Command::new("sh").args(["-c", script]).status().expect("there is a shell").success());
}

fn overflow(n: u64) -> u64 {
    let page = std::hint::black_box([n; 512]);
    if n == u64::MAX { 0 } else { overflow(n + 1) + page[7] }
}

fn access_badly() {
    // SAFETY: none. It is to crash, in a process of its own.
    unsafe { std::ptr::without_provenance::<u8>(16).read_volatile() };
}

fn kill_own_group() {
    // SAFETY: it reaches this process and those that it started.
    unsafe { libc::kill(0, libc::SIGKILL) };
}

fn close_all() {
    // SAFETY: none. The owners of these descriptors find them closed.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
}

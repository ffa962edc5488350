//! Records where a worker is when a signal is about to end it, and lets it end by that same signal. Unsafe, because it handles
//! signals and walks a stack.
//!
//! A handler may interrupt anything, the allocator included, so it only does what is async-signal-safe (signal-safety(7)): system
//! calls, stores to atomics, and one walk over the stack. That walk is `_Unwind_Backtrace`, which needs no frame pointers. It
//! allocates nothing, and finds its tables without a lock where the C library has `_dl_find_object` (glibc 2.35); with an
//! older one it takes the loader's lock, which a thread that was stopped in `dlopen` may hold. Its one initialisation is done
//! beforehand. The other cases are guarded:
//!
//! - a stack that is destroyed can make the walk itself fault: the process ends by the first signal, with the frames so far;
//! - a walk that hangs is ended by a timer, by the first signal too (not by `alarm`: that timer, and its signal, may be a job's);
//! - a handler that was installed before ours (by a linked library) gets the signal afterwards, or else the system's default;
//! - a process that a job forked is not the worker: its signals are handed on at once.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_long, c_ulong, c_void};
use std::mem::{MaybeUninit, zeroed};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, Ordering};

use libc::{sigaction, siginfo_t};

use super::registers::{Registers, Unread, read_word};
use super::{peak_memory, stack_walk};
use crate::protocol::crash_record::{CrashFacts, CrashRecord, NO_ADDRESS, Place};
use crate::protocol::program_image;
use crate::protocol::status_page::Page;

const SIGNALS: [c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT, libc::SIGTRAP, libc::SIGSYS];

/// The time that the walk may take, in seconds. Millions of frames are done by then.
const LIMIT: c_long = 2;

/// Twice the room for two nested handlers, if registers take no more than usual (11 KiB). Untouched pages cost nothing.
const STACK_SIZE: usize = 128 * 1024;

/// The least stack that a handler needs, for the registers of this processor (`AT_MINSIGSTKSZ`, getauxval(3)). Those of SVE and
/// SME may take 64 KiB and more.
const LEAST_STACK: c_ulong = 51;

/// The code of signals for which the kernel knows no more (asm-generic/siginfo.h).
const SI_KERNEL: c_int = 0x80;

/// Asks a worker where it is.
pub(crate) fn locate_signal() -> c_int {
    libc::SIGRTMIN() + 3
}

/// The data of the handlers. Made before they are installed, and kept until the process ends.
struct Known {
    page: &'static Page,
    process: AtomicI32,
    /// The thread that runs the jobs.
    thread: AtomicI32,
    before: [MaybeUninit<sigaction>; SIGNALS.len()],
}

impl Known {
    // Relaxed: both change only where a process begins, before its handlers have anything to do.

    fn process(&self) -> i32 {
        self.process.load(Ordering::Relaxed)
    }

    fn thread(&self) -> i32 {
        self.thread.load(Ordering::Relaxed)
    }
}

// SAFETY: what is no atomic is never changed; what a `sigaction` points to are functions.
unsafe impl Sync for Known {}
// SAFETY: as above.
unsafe impl Send for Known {}

static KNOWN: OnceLock<Known> = OnceLock::new();

/// The thread that writes the record, or 0.
static WRITER: AtomicI32 = AtomicI32::new(0);

/// Whether it has written it.
static IS_WRITTEN: AtomicBool = AtomicBool::new(false);

/// The signal that the record is about.
static FIRST: AtomicI32 = AtomicI32::new(0);

/// The timer of the walk, which sends [`locate_signal`]. Null where the system has none.
static TIMER: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Whether there is one: its number may be 0, which is null.
static HAS_TIMER: AtomicBool = AtomicBool::new(false);

/// The job that runs.
static JOB: AtomicU64 = AtomicU64::new(0);

/// Installs the handlers, on the thread that will run the jobs. Where the system refuses any of it, crashes there have no backtrace.
pub(super) fn install(page: &'static Page) {
    page.trace().set_floor(peak_memory::counted());
    // These initialise themselves at their first call: now, not in a handler.
    program_image::own(0);
    stack_walk::walk(&mut |_| true);
    let mut before = [const { MaybeUninit::uninit() }; SIGNALS.len()];
    for (signal, action) in SIGNALS.iter().zip(&mut before) {
        // SAFETY: without a new action, it only writes the present one to where there is room for it.
        unsafe { sigaction(*signal, null(), action.as_mut_ptr()) };
    }
    let known = Known { page, process: AtomicI32::new(process()), thread: AtomicI32::new(thread()), before };
    if KNOWN.set(known).is_err() {
        return;
    }
    use_other_stack();
    make_timer();
    for (index, &signal) in SIGNALS.iter().enumerate() {
        // An ignored signal stays ignored.
        if before_us(index).is_some_and(|action| action.sa_sigaction != libc::SIG_IGN) {
            handle(signal, on_crash, libc::SA_SIGINFO | libc::SA_ONSTACK);
        }
    }
    handle(locate_signal(), on_where, libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART);
}

/// This process is a copy that goes on as a worker of its own, with its own page in the place of the other's. It has the handlers and the stack,
/// but not the timer.
pub(super) fn begin_copy() {
    let Some(known) = KNOWN.get() else { return };
    known.page.trace().set_floor(peak_memory::counted());
    known.process.store(process(), Ordering::Relaxed);
    known.thread.store(thread(), Ordering::Relaxed);
    WRITER.store(0, Ordering::Relaxed);
    IS_WRITTEN.store(false, Ordering::Relaxed);
    begins(0);
    make_timer();
}

/// From now on, what happens happens to `job`.
pub(super) fn begins(job: u64) {
    // Relaxed: it is read by a handler on this thread, or after this process is dead.
    JOB.store(job, Ordering::Relaxed);
}

fn before_us(index: usize) -> Option<&'static sigaction> {
    // SAFETY: `install` has filled it before it set `KNOWN`; for a signal of the system's, `sigaction` does not fail.
    Some(unsafe { KNOWN.get()?.before[index].assume_init_ref() })
}

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

fn handle(signal: c_int, handler: Handler, flags: c_int) {
    // SAFETY: all zeros is a valid `sigaction`, with an empty mask. The handlers are async-signal-safe, see above.
    unsafe {
        let mut action: sigaction = zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        sigaction(signal, &raw const action, null_mut());
    }
}

/// Gives this thread a stack for handlers, since its own may be full. Without one, a stack overflow leaves no record.
fn use_other_stack() {
    // SAFETY: new memory that no other code uses and that is never freed; its lowest page is a guard.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let guard = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).unwrap_or(4096);
        let size = STACK_SIZE.max(4 * usize::try_from(libc::getauxval(LEAST_STACK)).unwrap_or_default());
        let memory = libc::mmap(null_mut(), guard + size, access, flags, -1, 0);
        if memory == libc::MAP_FAILED || libc::mprotect(memory, guard, libc::PROT_NONE) != 0 {
            return;
        }
        let stack = libc::stack_t { ss_sp: memory.byte_add(guard), ss_flags: 0, ss_size: size };
        libc::sigaltstack(&raw const stack, null_mut());
    }
}

extern "C" fn on_crash(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: this thread's own variable. First, for what follows changes it.
    let errno = unsafe { *libc::__errno_location() };
    let Some(known) = KNOWN.get() else { return reset(signal) };
    if process() == known.process() {
        // Acquire, and AcqRel below: one thread at a time writes the record.
        match WRITER.compare_exchange(0, thread(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                // Relaxed: read on this thread, or by an alarm that is set after it.
                FIRST.store(signal, Ordering::Relaxed);
                set_timer(LIMIT);
                write(known, signal, errno, info, context);
                set_timer(0);
                IS_WRITTEN.store(true, Ordering::Release);
            }
            // A handler after ours got the first signal, and ends the process by this one.
            Err(writer) if writer == thread() && IS_WRITTEN.load(Ordering::Acquire) => {}
            Err(writer) if writer == thread() => end_by_first(signal),
            // That thread ends the process in a moment, by its own signal; unless a handler after ours lets the process go on.
            Err(_) => wait_for_the_end(),
        }
    }
    hand_on(signal, info);
}

/// For longer than the other thread may take.
fn wait_for_the_end() {
    let time = libc::timespec { tv_sec: 2 * LIMIT, tv_nsec: 0 };
    // SAFETY: it waits, and touches nothing. Async-signal-safe.
    unsafe { libc::nanosleep(&raw const time, null_mut()) };
}

/// Restores the action before ours, or the default, and sends the signal again: it is pending until this handler returns.
fn hand_on(signal: c_int, info: *mut siginfo_t) {
    let before = SIGNALS.iter().position(|&known| known == signal).and_then(before_us);
    // SAFETY: the action is one that was in force, and `info` is as the kernel gave it to this handler.
    unsafe {
        match before {
            Some(action) => _ = sigaction(signal, action, null_mut()),
            None => reset(signal),
        }
        if libc::syscall(libc::SYS_rt_tgsigqueueinfo, process(), thread(), signal, info) != 0 {
            libc::syscall(libc::SYS_tgkill, process(), thread(), signal);
        }
    }
}

/// Writing the record failed, by the signal `second`: ends the process by the first signal, as without a record.
fn end_by_first(second: c_int) {
    let first = FIRST.load(Ordering::Relaxed);
    // `locate_signal` only asks where the worker is; it must not end it.
    let signal = if first == locate_signal() { second } else { first };
    reset(signal);
    // SAFETY: both are async-signal-safe; the signal is let through, since this may be inside of its handler.
    unsafe {
        let mut set = zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, null_mut());
        libc::syscall(libc::SYS_tgkill, process(), thread(), signal);
    }
}

fn reset(signal: c_int) {
    // SAFETY: the system's default needs no handler.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Acts as a handler whose walk never ends.
#[cfg(all(test, not(loom)))]
pub(crate) fn hang_while_writing(signal: c_int) {
    WRITER.store(thread(), Ordering::Relaxed);
    FIRST.store(signal, Ordering::Relaxed);
    set_timer(1);
    loop {
        std::hint::spin_loop();
    }
}

/// Beforehand: to make one is not async-signal-safe, and to set it is.
fn make_timer() {
    // SAFETY: all zeros is a valid `sigevent`; the system writes the timer's number to where there is room for it.
    unsafe {
        let mut event: libc::sigevent = zeroed();
        (event.sigev_notify, event.sigev_signo) = (libc::SIGEV_SIGNAL, locate_signal());
        let mut timer = null_mut();
        let is_made = libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) == 0;
        // Relaxed: the handlers are set behind it.
        TIMER.store(timer, Ordering::Relaxed);
        HAS_TIMER.store(is_made, Ordering::Relaxed);
    }
}

/// Ends the process by the first signal after `seconds`; 0 stops the timer.
fn set_timer(seconds: c_long) {
    if !HAS_TIMER.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: all zeros is a valid `itimerspec`, and the timer is one. The calls are async-signal-safe, on sets and times of our own.
    unsafe {
        let mut set = zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, locate_signal());
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, null_mut());
        let mut time: libc::itimerspec = zeroed();
        time.it_value.tv_sec = seconds;
        libc::timer_settime(TIMER.load(Ordering::Relaxed), 0, &raw const time, null_mut());
    }
}

extern "C" fn on_where(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let Some(known) = KNOWN.get() else { return };
    // SAFETY: the kernel gives a handler with SA_SIGINFO a valid pointer.
    if unsafe { (*info).si_code } == libc::SI_TIMER {
        // If the timer fires late, the walk is done.
        let is_walking = WRITER.load(Ordering::Acquire) != 0 && !IS_WRITTEN.load(Ordering::Acquire);
        if is_walking && process() == known.process() {
            end_by_first(signal);
        }
        return;
    }
    // SAFETY: this thread's own variable. The interrupted code may be about to read it.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { *errno };
    if process() != known.process() {
    } else if thread() != known.thread() {
        // SAFETY: plain system call, to a thread of this process that ends with it.
        unsafe { libc::syscall(libc::SYS_tgkill, known.process(), known.thread(), signal) };
    } else if WRITER.compare_exchange(0, thread(), Ordering::AcqRel, Ordering::Acquire).is_ok() {
        FIRST.store(signal, Ordering::Relaxed);
        write(known, signal, before, info, context);
        WRITER.store(0, Ordering::Release);
    }
    // SAFETY: as above.
    unsafe { *errno = before };
}

fn write(known: &Known, signal: c_int, errno: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let registers = Registers::of(context);
    // SAFETY: the kernel gives a handler with SA_SIGINFO a valid pointer.
    let code = unsafe { (*info).si_code };
    // Where the address is no possible one, the processor does not tell it.
    let is_fault = code > 0 && code != SI_KERNEL;
    let (record, memory) = (known.page.trace(), peak_memory::Memory::now());
    record.begin(&CrashFacts {
        signal,
        // SAFETY: as above. For a fault, the field is the address.
        address: if is_fault { unsafe { (*info).si_addr() }.addr() as u64 } else { NO_ADDRESS },
        stack_pointer: registers.stack_pointer as u64,
        thread: thread().unsigned_abs(),
        job: JOB.load(Ordering::Relaxed),
        peak_memory: memory.peak,
        data: memory.data,
        errno,
    });
    write_frames(record, registers);
    record.end();
}

fn write_frames(record: CrashRecord<'_>, registers: Registers) {
    // As the return addresses are: behind the instruction.
    record.push(place(registers.program_counter.wrapping_add(1)));
    if read_word(registers.program_counter) == Err(Unread::Nothing) {
        // There is no code, so the walk would go no further, or fault: most likely a pointer to a function was none. Its caller is known.
        registers.caller().into_iter().for_each(|caller| record.push(place(caller)));
        return;
    }
    let mut is_below_handler = false;
    stack_walk::walk(&mut |frame| {
        if is_below_handler {
            record.push(place(frame.address));
        }
        is_below_handler |= frame.is_interrupted;
        true
    });
}

fn place(address: usize) -> Place {
    match program_image::own(address) {
        Some(distance) => Place::Own(distance as u64),
        None => Place::Foreign(address as u64),
    }
}

fn process() -> i32 {
    // SAFETY: always succeeds. Not cached anywhere: it differs after a fork.
    unsafe { libc::getpid() }
}

fn thread() -> i32 {
    // SAFETY: always succeeds.
    unsafe { libc::gettid() }
}

//! The record of a crash, in memory that a worker shares with its parent: which signal ended the worker, and where it was.
//!
//! A signal handler writes it, so only with stores to atomics. The reader trusts no word: any code that can write to the worker's
//! memory can write here.

use std::sync::atomic::{AtomicU64, Ordering};

use executor_core::Exit;

/// The memory of a record.
pub(crate) type Words = [AtomicU64; 128];

// Which word holds what.
const STATE: usize = 0;
const SIGNAL: usize = 1;
const ADDRESS: usize = 2;
const STACK: usize = 3;
const THREAD: usize = 4;
const JOB: usize = 5;
const COUNT: usize = 6;
const FLOOR: usize = 7;
const PEAK: usize = 8;
const DATA: usize = 9;
const ERRNO: usize = 10;
const FRAMES: usize = 16;

// Values of the first word.
const EMPTY: u64 = 0;
const WRITING: u64 = 1;
const WRITTEN: u64 = 2;

/// The innermost frames that are kept, and as many of the outermost: an endless recursion shows its beginning too.
pub(crate) const HALF: usize = 32;

/// In a frame: it is a distance from the base of the program's image, not an address. No address of user space has this bit.
const RELATIVE: u64 = 1 << 63;

/// An address that no instruction accesses: the last byte of the kernel's half.
pub(crate) const NO_ADDRESS: u64 = u64::MAX;

/// An access this far below the stack pointer, or a little above, is an access to the stack.
const BELOW_STACK: u64 = 64 * 1024;
const ABOVE_STACK: u64 = 4 * 1024;

/// An access below this address is one by a null pointer.
const NULL_PAGE: u64 = 4096;

/// If less than this is left, an allocation most likely failed.
const HEADROOM: u64 = 1 << 20;

/// The most bytes of a function that only calls another.
const SHORT: u64 = 64;

/// Whether `place` is behind a call in the short function that begins at `start`.
fn is_just_behind(place: Place, start: Place) -> bool {
    let (Place::Own(place), Place::Own(start)) = (place, start) else { return false };
    place > start && place - start <= SHORT
}

/// A place in code: the address behind the instruction that was running, as return addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// From the base of the program's own file.
    Own(u64),
    /// In another file, or nowhere. It means nothing in another process.
    Foreign(u64),
}

/// The facts known at the start of the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CrashFacts {
    pub(crate) signal: i32,
    /// The address that the faulting instruction accessed, or [`NO_ADDRESS`].
    pub(crate) address: u64,
    pub(crate) stack_pointer: u64,
    pub(crate) thread: u32,
    pub(crate) job: u64,
    /// The most memory that the process has held so far, in bytes, or 0.
    pub(crate) peak_memory: u64,
    /// The memory that counts against the limit, in bytes, or 0.
    pub(crate) data: u64,
    /// The error of the last system call that failed on the thread.
    pub(crate) errno: i32,
}

/// The record itself, seen from either side.
#[derive(Clone, Copy)]
pub(crate) struct CrashRecord<'a>(&'a Words);

impl<'a> CrashRecord<'a> {
    pub(crate) fn over(words: &'a Words) -> Self {
        Self(words)
    }

    // Relaxed, but for state and count: who reads while the worker lives looks at those first, and the end of a process is
    // behind everything that it wrote.
    fn set(self, word: usize, value: u64) {
        self.0[word].store(value, Ordering::Relaxed);
    }

    fn get(self, word: usize) -> u64 {
        self.0[word].load(Ordering::Relaxed)
    }

    /// In the worker. Async-signal-safe, as are `push` and `end`.
    pub(crate) fn begin(self, facts: &CrashFacts) {
        // Release, here and below: who sees the state sees what was stored before it.
        self.0[STATE].store(WRITING, Ordering::Release);
        self.0[COUNT].store(0, Ordering::Release);
        self.set(SIGNAL, u64::from(facts.signal.unsigned_abs()));
        self.set(ADDRESS, facts.address);
        self.set(STACK, facts.stack_pointer);
        self.set(THREAD, facts.thread.into());
        self.set(JOB, facts.job);
        self.set(PEAK, facts.peak_memory);
        self.set(DATA, facts.data);
        self.set(ERRNO, u64::from(facts.errno.unsigned_abs()));
    }

    /// Adds a frame, from the innermost on. Frames so far are valid even if the walk never finds the next.
    pub(crate) fn push(self, place: Place) {
        let count = usize::try_from(self.get(COUNT)).unwrap_or_default();
        let word = match place {
            Place::Own(distance) => distance | RELATIVE,
            Place::Foreign(address) => address & !RELATIVE,
        };
        self.set(FRAMES + slot(count), word);
        self.0[COUNT].store((count as u64).wrapping_add(1), Ordering::Release);
    }

    pub(crate) fn end(self) {
        self.0[STATE].store(WRITTEN, Ordering::Release);
    }

    /// In the worker, when it starts: stores the bytes that the system counts already, which may be its parent's.
    pub(crate) fn set_floor(self, bytes: u64) {
        self.set(FLOOR, bytes);
    }

    /// In the parent, before it asks the worker where it is.
    pub(crate) fn clear(self) {
        self.0[STATE].store(EMPTY, Ordering::Release);
    }

    /// In the parent, before it asks a worker that is to live where it is. The record of a crash stays. False if there is one, or if one is
    /// being written. `signal` is the one that asks.
    pub(crate) fn clear_answer(self, signal: i32) -> bool {
        let is_answer = || self.get(SIGNAL) == u64::from(signal.unsigned_abs());
        // AcqRel: what was stored before the state is seen.
        match self.0[STATE].compare_exchange(WRITTEN, EMPTY, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) if is_answer() => true,
            Ok(_) => {
                self.0[STATE].store(WRITTEN, Ordering::Release);
                false
            }
            Err(state) => state == EMPTY,
        }
    }

    /// In the parent: whether there is nothing to wait for any more.
    pub(crate) fn is_written(self) -> bool {
        self.0[STATE].load(Ordering::Acquire) == WRITTEN
    }

    /// In the parent: the bytes of [`set_floor`](CrashRecord::set_floor).
    pub(crate) fn floor(self) -> u64 {
        self.get(FLOOR)
    }

    /// In the parent: reads the record, even an unfinished one. Accepts any words.
    pub(crate) fn read(self) -> Option<Trace> {
        if !matches!(self.0[STATE].load(Ordering::Acquire), WRITING | WRITTEN) {
            return None;
        }
        let facts = CrashFacts {
            signal: i32::try_from(self.get(SIGNAL)).ok()?,
            address: self.get(ADDRESS),
            stack_pointer: self.get(STACK),
            thread: u32::try_from(self.get(THREAD)).ok()?,
            job: self.get(JOB),
            peak_memory: self.get(PEAK),
            data: self.get(DATA),
            errno: i32::try_from(self.get(ERRNO)).unwrap_or_default(),
        };
        let count = usize::try_from(self.0[COUNT].load(Ordering::Acquire)).ok()?;
        let place = |index| match self.get(FRAMES + slot(index)) {
            word if word & RELATIVE != 0 => Place::Own(word & !RELATIVE),
            word => Place::Foreign(word),
        };
        let inner = (0..count.min(HALF)).map(place).collect();
        let outer = (count.saturating_sub(HALF).max(HALF)..count).map(place).collect();
        Some(Trace { facts, inner, outer, omitted: count.saturating_sub(2 * HALF) })
    }
}

/// Where the frame `index` is kept: the first ones for good, the others in a ring.
fn slot(index: usize) -> usize {
    if index < HALF { index } else { HALF + index % HALF }
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) facts: CrashFacts,
    /// The innermost frames.
    pub(crate) inner: Vec<Place>,
    /// The outermost frames, where those are others.
    pub(crate) outer: Vec<Place>,
    /// How many between them are not kept.
    pub(crate) omitted: usize,
}

impl Trace {
    /// Whether the process may have ended so by this signal. A handler that had the signal after ours may have chosen to abort.
    pub(crate) fn may_tell_of(&self, exit: Exit) -> bool {
        [self.facts.signal, libc::SIGABRT].map(Exit::Signal).contains(&exit)
    }

    /// Whether the stack had no room left: the instruction accessed what lies around the stack pointer, and might not.
    pub(crate) fn is_stack_overflow(&self) -> bool {
        let CrashFacts { signal, address, stack_pointer, .. } = self.facts;
        let stack = stack_pointer.saturating_sub(BELOW_STACK)..stack_pointer.saturating_add(ABOVE_STACK);
        matches!(signal, libc::SIGSEGV | libc::SIGBUS) && stack_pointer != 0 && stack.contains(&address)
    }

    /// Whether it most likely died because an allocation was refused, given its limit of `limit` bytes: by a signal of an abort or
    /// of a null pointer, with at least one sign of a refusal. `refusal` is the function that Rust calls when it is out of memory.
    pub(crate) fn is_out_of_memory(&self, limit: u64, refusal: Place) -> bool {
        let CrashFacts { signal, address, data, errno, .. } = self.facts;
        let gives_up = matches!(signal, libc::SIGABRT | libc::SIGILL | libc::SIGTRAP);
        let uses_null = signal == libc::SIGSEGV && address < NULL_PAGE;
        let is_full = data.saturating_add(HEADROOM) > limit;
        gives_up && (is_full || errno == libc::ENOMEM || self.inner.iter().any(|&place| is_just_behind(place, refusal)))
            || uses_null && errno == libc::ENOMEM
    }

    /// Whether there was no code to run: what could not be accessed is the instruction itself.
    pub(crate) fn is_wild_call(&self) -> bool {
        let CrashFacts { signal, address, .. } = self.facts;
        signal == libc::SIGSEGV && self.inner.first() == Some(&Place::Foreign(address.wrapping_add(1)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words() -> Words {
        std::array::from_fn(|_| AtomicU64::new(0))
    }

    const FACTS: CrashFacts = CrashFacts {
        signal: 11,
        address: 16,
        stack_pointer: 99,
        thread: 7,
        job: 5,
        peak_memory: 1 << 20,
        data: 1 << 19,
        errno: libc::ENOMEM,
    };

    #[test]
    fn both_ends_of_a_deep_stack_are_kept() {
        for depth in [0_u64, 1, 31, 32, 33, 63, 64, 65, 1000] {
            let words = words();
            let record = CrashRecord::over(&words);
            assert_eq!(record.read(), None);
            record.begin(&FACTS);
            (0..depth).for_each(|n| record.push(if n % 2 == 0 { Place::Own(n) } else { Place::Foreign(n) }));
            assert!(!record.is_written());
            record.end();
            assert!(record.is_written());
            let trace = record.read().expect("it was written");
            assert_eq!(trace.facts, FACTS);
            let number = |place: &Place| match *place {
                Place::Own(n) | Place::Foreign(n) => n,
            };
            let inner: Vec<_> = trace.inner.iter().map(number).collect();
            let outer: Vec<_> = trace.outer.iter().map(number).collect();
            assert_eq!(inner, (0..depth.min(32)).collect::<Vec<_>>());
            assert_eq!(outer, (depth.saturating_sub(32).max(32)..depth).collect::<Vec<_>>(), "of {depth}");
            assert_eq!((inner.len() + outer.len() + trace.omitted) as u64, depth);
            assert!(
                trace.inner.iter().all(|place| matches!(place, Place::Own(n) if n % 2 == 0) || number(place) % 2 == 1)
            );
            record.clear();
            assert_eq!(record.read(), None);
        }
    }

    #[test]
    fn record_of_a_crash_is_not_cleared() {
        const ASKS: i32 = 37;
        let words = words();
        let record = CrashRecord::over(&words);
        assert!(record.clear_answer(ASKS), "nothing was written");
        record.begin(&CrashFacts { signal: ASKS, ..FACTS });
        assert!(!record.clear_answer(ASKS), "it is being written");
        record.end();
        assert!(record.clear_answer(ASKS) && record.read().is_none());
        record.begin(&FACTS);
        record.end();
        assert!(!record.clear_answer(ASKS) && record.is_written(), "it is of a crash");
    }

    #[test]
    fn an_overflow_is_told_from_a_wild_pointer() {
        let words = words();
        let trace = |signal, address, stack_pointer| {
            CrashRecord::over(&words).begin(&CrashFacts { signal, address, stack_pointer, ..FACTS });
            CrashRecord::over(&words).read().expect("it was begun").is_stack_overflow()
        };
        assert!(trace(11, 0x7ffd_0000_0ff8, 0x7ffd_0000_1000));
        assert!(!trace(11, 16, 0x7ffd_0000_1000));
        assert!(!trace(6, 0x7ffd_0000_1000, 0x7ffd_0000_1000));
        assert!(!trace(11, 0, 0));
        assert!(!trace(11, 16, 20_u64.saturating_sub(20)));
    }

    #[test]
    fn a_refused_allocation_is_told_by_its_signs() {
        const LIMIT: u64 = 100 << 20;
        let refusal = Place::Own(1000);
        let words = words();
        let is_refused = |facts: CrashFacts, frame| {
            let record = CrashRecord::over(&words);
            record.begin(&facts);
            record.push(frame);
            record.read().expect("it was begun").is_out_of_memory(LIMIT, refusal)
        };
        let (abort, elsewhere) = (CrashFacts { signal: libc::SIGABRT, errno: 0, ..FACTS }, Place::Own(7));
        assert!(!is_refused(abort, elsewhere), "it aborts for another reason");
        assert!(is_refused(CrashFacts { errno: libc::ENOMEM, ..abort }, elsewhere));
        assert!(is_refused(CrashFacts { data: LIMIT - 4096, ..abort }, elsewhere));
        assert!(is_refused(abort, Place::Own(1020)));
        assert!(
            ![Place::Own(1000), Place::Own(1065), Place::Foreign(1020)].map(|at| is_refused(abort, at)).contains(&true)
        );
        // C code that does not check for null.
        let null = CrashFacts { address: 16, ..FACTS };
        assert!(is_refused(null, elsewhere));
        assert!(!is_refused(CrashFacts { address: 1 << 20, ..null }, elsewhere), "a wild pointer");
        assert!(!is_refused(CrashFacts { errno: 0, data: LIMIT, ..null }, Place::Own(1020)), "a null pointer");
        assert!(!is_refused(CrashFacts { signal: libc::SIGKILL, data: LIMIT, ..null }, elsewhere), "from outside");
    }

    proptest! {
        #[test]
        fn whatever_is_there_can_be_read(
            values in prop::collection::vec(prop_oneof![any::<u64>(), 0_u64..70, Just(u64::MAX)], 128),
            state in 0_u64..4,
        ) {
            let words: Words = std::array::from_fn(|word| AtomicU64::new(values[word]));
            words[STATE].store(state, Ordering::Relaxed);
            let record = CrashRecord::over(&words);
            if let Some(trace) = record.read() {
                prop_assert!(trace.inner.len() <= HALF && trace.outer.len() <= HALF);
                let _ = (trace.is_stack_overflow(), trace.is_out_of_memory(1 << 30, Place::Own(u64::MAX)));
            }
            // A handler in the worker meets the same words.
            record.push(Place::Own(1));
        }
    }
}

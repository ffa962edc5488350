//! Memory that a worker shares with its parent: which of the jobs that it was sent have started, and what came of them, stays
//! readable when it is dead. Unsafe, because it makes atomics of raw memory.
//!
//! Each job of a message has a slot. The slot's word tells whose the job is, and is changed by compare-and-set only, so parent and
//! worker agree on who was first:
//!
//! ```text
//!            worker            worker
//!   Sent ──────────> Started ──────────> Done
//!     │ parent          │ parent
//!     └──> Revoked      └──> Aborted, TimedOut
//! ```
//!
//! Answers are written here, too, as far as there is room, each before the next job starts; requests, while the worker is awake (see
//! `notice`); and, when a signal ends the worker, where it was ([`CrashRecord`]).
#![allow(unsafe_code)]

mod appender;
mod notice;

use std::any::Any;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
#[cfg(not(loom))]
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

#[cfg(loom)]
use loom::sync::atomic::AtomicU64;

pub(crate) use self::appender::Appender;
use crate::ipc::shared_memory::Shared;
use crate::protocol::crash_record::{CrashRecord, Words};

/// How many jobs a message may have. Loom's models have few, and little room: it goes through all of it in every order.
pub(crate) const SLOTS: usize = if cfg!(loom) { 2 } else { 64 };

/// The words of a slot: its claim, where its answer is, and how long the job ran.
const PARTS: usize = 3;

/// The word that counts the records that the worker has sent: behind the slots.
const RECORDS_AT: usize = 255;

/// Where the record of a crash begins, in words.
const TRACE_AT: usize = 256;

/// Where the answers begin, in words of 8 bytes. Before them is the record.
const ANSWERS_AT: usize = 512;

/// Room for the answers of one message, in words: 60 KiB.
const ROOM: usize = if cfg!(loom) { 4 } else { 7680 };

/// Where the bytes of a request are, and room for them, in words.
const REQUEST_AT: usize = ANSWERS_AT + ROOM;
const REQUEST_ROOM: usize = if cfg!(loom) { 2 } else { LONGEST / 8 };

/// The words of the page.
const WORDS: usize = REQUEST_AT + REQUEST_ROOM;

const _: () = assert!(SLOTS * PARTS <= RECORDS_AT && TRACE_AT * 8 + size_of::<Words>() <= ANSWERS_AT * 8);

/// In bytes.
pub(crate) const SIZE: NonZeroUsize = NonZeroUsize::new(WORDS * size_of::<AtomicU64>()).unwrap();

/// The most bytes of a request or an answer: a payload of 32 KiB, and what goes with it. Here they are copied word by word, which takes longer than a
/// message through a socket if they are more (measured).
pub(crate) const LONGEST: usize = 33 * 1024;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The worker has not started it.
    Sent,
    /// Its code may run.
    Started,
    /// It has run, and its answer is here, or on its way.
    Done,
    /// It will never start there.
    Revoked,
    /// The worker is killed for it, because somebody wished so.
    Aborted,
    /// The worker is killed for it, because its time was up.
    TimedOut,
}

const CLAIMS: [Claim; 6] = [Claim::Sent, Claim::Started, Claim::Done, Claim::Revoked, Claim::Aborted, Claim::TimedOut];

/// The low bits of a word are the claim, and the others the job, so that a later job's word is never taken for an earlier one's.
const CLAIM_BITS: u32 = 3;

fn word(job: u64, claim: Claim) -> u64 {
    job << CLAIM_BITS | claim as u64
}

/// The memory.
pub(crate) struct Page {
    words: NonNull<AtomicU64>,
    /// Owns what `words` points to.
    memory: Box<dyn Any>,
}

// SAFETY: the pointer is to atomics, which may be used from any thread, and to memory that goes with the page.
unsafe impl Send for Page {}
// SAFETY: as above: all access is atomic.
unsafe impl Sync for Page {}

impl Page {
    /// A new one, and its file, for the other process. The parent makes it: so nothing that the worker does to the file, as to cut it short,
    /// can take memory away that the parent has mapped.
    pub(crate) fn new() -> io::Result<(Self, OwnedFd)> {
        let (memory, file) = Shared::new(SIZE)?;
        Ok((Self::over(memory), file))
    }

    /// The one that another process has made.
    ///
    /// # Errors
    ///
    /// When it is none, or cannot be mapped.
    pub(crate) fn open(file: &OwnedFd) -> io::Result<Self> {
        Ok(Self::over(Shared::open(file, SIZE)?))
    }

    /// Makes this the page of `file`, which another process has made, at the same address. Only while nothing else uses the page.
    ///
    /// # Errors
    ///
    /// When it is none, or cannot be mapped.
    pub(crate) fn replace(&self, file: &OwnedFd) -> io::Result<()> {
        let old = self.memory.downcast_ref::<Shared>().ok_or(io::ErrorKind::Unsupported)?;
        Shared::open(file, SIZE)?.take_place_of(old)
    }

    fn over(memory: Shared) -> Self {
        Self { words: memory.start().cast(), memory: Box::new(memory) }
    }

    /// One for threads of a model: loom's atomics are more than their words, so they cannot lie in memory that is shared.
    #[cfg(all(test, loom))]
    pub(crate) fn modelled() -> Self {
        let words: Box<[AtomicU64]> = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
        Self { words: NonNull::from(&*words).cast(), memory: Box::new(words) }
    }

    /// The parent, before it sends `job` with the slot.
    pub(crate) fn send(&self, slot: usize, job: u64) {
        // Release, here and below: a reader of the word also sees the writes before it.
        self.claim(slot).store(word(job, Claim::Sent), Ordering::Release);
    }

    /// The claim of `job`. `None` if the slot is not its own, or holds no word that this code writes.
    pub(crate) fn look(&self, slot: usize, job: u64) -> Option<Claim> {
        let found = self.claim(slot).load(Ordering::Acquire);
        CLAIMS.into_iter().find(|&claim| found == word(job, claim))
    }

    /// Moves `job` from one claim to the next. False if it was not there: the other process was first.
    pub(crate) fn change(&self, slot: usize, job: u64, from: Claim, to: Claim) -> bool {
        self.claim(slot).compare_exchange(word(job, from), word(job, to), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The worker starts `job`. False if it must not.
    pub(crate) fn start(&self, slot: usize, job: u64) -> bool {
        // Clears an earlier job's place. Relaxed: the claim that follows orders it.
        self.place(slot).store(0, Ordering::Relaxed);
        self.change(slot, job, Claim::Sent, Claim::Started)
    }

    /// The worker's answer, from the word `start` of the room for answers on, before the job is done. Says where the next one may
    /// begin; `None` if it has to go in a message.
    pub(crate) fn write_answer(&self, slot: usize, start: usize, answer: &[u8]) -> Option<usize> {
        let mut growing = self.growing(slot, start);
        (answer.len() <= LONGEST && growing.push(answer)).then(|| growing.end())
    }

    /// The same, to be written bit by bit.
    pub(crate) fn growing(&self, slot: usize, start: usize) -> Appender<'_> {
        Appender::new(self.place(slot), &self.room()[start..], start)
    }

    /// A copy of what a job has answered so far. `None` if that is nothing, or is not here.
    pub(crate) fn answer(&self, slot: usize) -> Option<Vec<u8>> {
        // Nothing that the worker may have written is trusted to be in range.
        let place = self.place(slot).load(Ordering::Acquire);
        let (start, len) = (usize::try_from(place >> 32).ok()?, usize::try_from(place & u64::from(u32::MAX)).ok()?);
        let end = start.checked_add(len.div_ceil(8)).filter(|_| len > 0)?;
        Some(notice::read(self.room().get(start..end)?, len))
    }

    /// How long the job of the slot ran, in nanoseconds.
    pub(crate) fn time(&self, slot: usize) -> &AtomicU64 {
        self.part(slot, 2)
    }

    /// How many records the worker has sent. Grows before the job that they are about is done.
    pub(crate) fn records(&self) -> &AtomicU64 {
        self.word(RECORDS_AT)
    }

    /// The record of a crash.
    pub(crate) fn trace(&self) -> CrashRecord<'_> {
        // SAFETY: as in `word`: the record is inside of the memory (checked when this is compiled), of atomics, and
        // aligned as those are.
        CrashRecord::over(unsafe { self.words.add(TRACE_AT).cast::<Words>().as_ref() })
    }

    /// Writes words anywhere, as a worker can.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn scribble(&self, words: &[(usize, u64)]) {
        for &(index, word) in words {
            self.word(index).store(word, Ordering::Release);
        }
    }

    fn claim(&self, slot: usize) -> &AtomicU64 {
        self.part(slot, 0)
    }

    fn place(&self, slot: usize) -> &AtomicU64 {
        self.part(slot, 1)
    }

    fn part(&self, slot: usize, part: usize) -> &AtomicU64 {
        assert!(slot < SLOTS, "a message has {SLOTS} slots");
        self.word(slot * PARTS + part)
    }

    /// The room for answers.
    fn room(&self) -> &[AtomicU64] {
        self.range(ANSWERS_AT, ROOM)
    }

    /// The room for a request.
    fn request_room(&self) -> &[AtomicU64] {
        self.range(REQUEST_AT, REQUEST_ROOM)
    }

    fn range(&self, start: usize, len: usize) -> &[AtomicU64] {
        assert!(start + len <= WORDS, "the page has {WORDS} words");
        // SAFETY: as in `word`, for all words of the range.
        unsafe { std::slice::from_raw_parts(self.words.add(start).as_ptr(), len) }
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < WORDS, "the page has no word {index}");
        // SAFETY: a page of the system is aligned for them; the memory has `SIZE` bytes as long as `_memory` lives, and is never
        // accessed but as atomics, here and in the other process. Every bit pattern is a number.
        unsafe { self.words.add(index).as_ref() }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use rustix::fs::{FallocateFlags, fallocate, ftruncate};
    use rustix::io::Errno;

    use super::*;
    use crate::ipc::codec::Codec;
    use crate::ipc::shared_memory;
    use crate::ipc::socket;
    use crate::protocol::item_number;

    fn both() -> (Page, Page) {
        let (parent, file) = Page::new().unwrap();
        let worker = Page::open(&file).unwrap();
        (parent, worker)
    }

    #[test]
    fn one_of_both_sides_is_first() {
        let (parent, worker) = both();
        parent.send(3, 7);
        assert_eq!(worker.look(3, 7), Some(Claim::Sent));
        assert!(worker.change(3, 7, Claim::Sent, Claim::Started));
        assert!(!parent.change(3, 7, Claim::Sent, Claim::Revoked));
        assert!(parent.change(3, 7, Claim::Started, Claim::Aborted));
        assert!(!worker.change(3, 7, Claim::Started, Claim::Done));
        assert_eq!(parent.look(3, 7), Some(Claim::Aborted));
    }

    #[test]
    fn a_slot_is_of_one_job() {
        let (parent, worker) = both();
        parent.send(0, 7);
        parent.send(0, 8);
        assert!(!worker.change(0, 7, Claim::Sent, Claim::Started), "a message that came too late starts nothing");
        assert_eq!((parent.look(0, 7), parent.look(0, 8)), (None, Some(Claim::Sent)));
    }

    #[test]
    fn answers_come_as_they_were_written_while_there_is_room() {
        let (parent, worker) = both();
        let mut start = 0;
        for (slot, len) in [1, 8, 9, LONGEST].into_iter().enumerate() {
            let answer: Vec<u8> = (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect();
            start = worker.write_answer(slot, start, &answer).unwrap();
            assert_eq!(parent.answer(slot), Some(answer));
        }
        assert_eq!(worker.write_answer(4, 0, &vec![0; LONGEST + 1]), None);
        assert_eq!(worker.write_answer(5, ROOM, &[0]), None);
        assert_eq!([4, 5].map(|slot| parent.answer(slot)), [None, None], "they go in messages");
    }

    #[test]
    fn an_answer_that_grows_is_whole_at_each_step() {
        let (parent, worker) = both();
        let (mut answer, mut growing) = (Vec::new(), worker.growing(1, 7));
        for len in [3, 0, 5, 1, 8, 30, 2, 64, 7, 1] {
            let more: Vec<u8> = (answer.len()..answer.len() + len).map(|n| u8::try_from(n + 100).unwrap()).collect();
            assert!(growing.push(&more));
            answer.extend(more);
            assert_eq!(parent.answer(1).as_ref(), Some(&answer));
        }
        assert_eq!(growing.end(), 7 + answer.len().div_ceil(8));
        parent.send(1, 9);
        assert!(worker.start(1, 9));
        assert_eq!(parent.answer(1), None, "it was another job's");
    }

    #[test]
    fn short_records_grow_as_others_do() {
        let (parent, worker) = both();
        let (mut answer, mut growing) = (Vec::new(), worker.growing(1, 7));
        for shift in [0, 57, 20, 63, 8, 1, 40, 15, 50, 0, 33, 7, 7, 7, 64 - 49, 28, 9, 60] {
            let record = item_number::record(Codec::Postcard, &(u64::MAX >> shift)).unwrap();
            let bytes = &record.bytes.to_le_bytes()[..record.len];
            assert!(if shift == 7 { growing.push(bytes) } else { growing.push_short(record) });
            answer.extend(bytes);
            assert_eq!(parent.answer(1).as_ref(), Some(&answer));
        }
        assert_eq!(growing.end(), 7 + answer.len().div_ceil(8));
        let (mut growing, record) =
            (worker.growing(0, ROOM - 1), item_number::record(Codec::Postcard, &9_u64).unwrap());
        assert!((0..4).all(|_| growing.push_short(record)) && !growing.push_short(record));
        assert_eq!(parent.answer(0).unwrap(), [4, 9].repeat(4));
    }

    #[test]
    fn push_without_room_changes_nothing() {
        let (parent, worker) = both();
        let mut growing = worker.growing(0, ROOM - 2);
        assert!(growing.push(&[1; 15]) && !growing.push(&[2; 2]) && growing.push(&[3]) && !growing.push(&[4]));
        assert_eq!(parent.answer(0).as_deref(), Some(&[[1; 15].as_slice(), &[3]].concat()[..]));
    }

    #[test]
    fn a_place_out_of_range_has_no_answer() {
        let (parent, worker) = both();
        for place in [u64::MAX, 1 << 63 | 8, 7679 << 32 | 9, 7680 << 32 | 1, 61441, 0] {
            worker.place(5).store(place, Ordering::Relaxed);
            assert_eq!(parent.answer(5), None, "{place:x}");
        }
    }

    #[test]
    fn nobody_takes_memory_away_from_the_other() {
        let (parent, file) = Page::new().unwrap();
        let size = SIZE.get() as u64;
        for len in [0, size - 1, size + 1] {
            assert_eq!(ftruncate(&file, len), Err(Errno::PERM), "{len}");
        }
        parent.send(SLOTS - 1, 7);
        // A hole reads as zeros.
        fallocate(&file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, size).unwrap();
        assert_eq!(parent.look(SLOTS - 1, 7), None);
        parent.send(SLOTS - 1, 7);
        assert_eq!(parent.look(SLOTS - 1, 7), Some(Claim::Sent));
    }

    #[test]
    fn unsealed_or_short_memory_is_refused() {
        let can_be_shortened = shared_memory::file().unwrap();
        shared_memory::reserve(&can_be_shortened, 0, SIZE.get()).unwrap();
        assert!(Page::open(&can_be_shortened).is_err());
        let (_, too_short) = Shared::new(NonZeroUsize::new(SIZE.get() - 1).unwrap()).unwrap();
        assert!(Page::open(&too_short).is_err());
        let (no_memory, _other) = socket::pair().unwrap();
        assert!(Page::open(&no_memory).is_err());
    }
}

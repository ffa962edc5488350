//! Files of shared memory that payloads lie in, one after the other: the writer's side.

use std::io;
use std::os::fd::OwnedFd;

use crate::ipc::shared_memory;

/// How many a side keeps for its large payloads. More wait at once only where jobs are sent ahead.
pub(crate) const MAX_BUFFERS: usize = 4;

/// How many bytes the slots of one side have together, at most.
pub(super) const KEPT: usize = 64 << 20;

/// Where the bytes start: after the word, on a page of its own, of whatever size pages are.
pub(super) const START: usize = 64 * 1024;

const WORD: [u8; 8] = 1_u64.to_le_bytes();

/// The memory of a slot, as its writer has it.
pub(super) trait Store {
    fn file(&self) -> &OwnedFd;

    /// How many bytes it has room for.
    fn capacity(&self) -> usize;

    /// Its memory was given back.
    fn was_cleared(&mut self);
}

pub(super) struct Slot<S> {
    pub(super) store: S,
    /// Whether the reader has its descriptor.
    pub(super) is_known: bool,
    /// Whether it has held a payload that the reader may not be done with.
    is_lent: bool,
}

impl<S: Store> Slot<S> {
    pub(super) fn new(store: S) -> Self {
        Self { store, is_known: false, is_lent: false }
    }

    /// Marks it as being read.
    pub(super) fn lend(&mut self) -> io::Result<()> {
        self.is_lent = true;
        shared_memory::write(self.store.file(), &WORD, 0)
    }

    fn is_free(&mut self) -> bool {
        if self.is_lent {
            // If it cannot be read, it is not free.
            let word = shared_memory::read(self.store.file(), 0, WORD.len()).unwrap_or(WORD.to_vec());
            self.is_lent = word == WORD;
        }
        !self.is_lent
    }
}

/// The reader is done with a slot. A failure costs the slot, not the payload: the writer goes on without it.
pub(super) fn release(file: &OwnedFd) {
    let _ = shared_memory::write(file, &[0; WORD.len()], 0);
}

/// A writer's slots. One that is being written to is not among them.
pub(super) struct Slots<S>([Option<Slot<S>>; MAX_BUFFERS]);

impl<S> Default for Slots<S> {
    fn default() -> Self {
        Self([const { None }; MAX_BUFFERS])
    }
}

impl<S: Store> Slots<S> {
    /// Takes out the smallest free slot with room for `len` bytes, or else the largest that is free.
    pub(super) fn take(&mut self, len: usize) -> Option<(u8, Slot<S>)> {
        let rank = |slot: &Slot<S>| {
            let capacity = slot.store.capacity();
            if capacity >= len { (false, capacity) } else { (true, usize::MAX - capacity) }
        };
        let free = self.0.iter_mut().enumerate().filter_map(|(index, slot)| {
            let slot = slot.as_mut()?;
            slot.is_free().then(|| (rank(slot), index))
        });
        let (_, index) = free.min()?;
        Some((number(index), self.0[index].take()?))
    }

    /// A number that has no slot.
    pub(super) fn vacant(&self) -> Option<u8> {
        self.0.iter().position(Option::is_none).map(number)
    }

    pub(super) fn put(&mut self, number: u8, slot: Slot<S>) {
        self.0[usize::from(number)] = Some(slot);
    }

    /// Whether slots with `more` bytes together can be kept beside these.
    pub(super) fn has_room(&self, more: usize) -> bool {
        let kept: usize = self.0.iter().flatten().map(|slot| slot.store.capacity()).sum();
        kept.saturating_add(more) <= KEPT
    }

    /// Forgets them all. New ones get the numbers again.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives their memory back; neither side may read or write then. The slots stay, and are filled anew.
    pub(super) fn shrink(&mut self) {
        for slot in self.0.iter_mut().flatten() {
            // A failure leaves the memory where it is.
            let _ = shared_memory::clear(slot.store.file(), START);
            slot.store.was_cleared();
        }
    }
}

fn number(index: usize) -> u8 {
    u8::try_from(index).expect("there are few slots")
}

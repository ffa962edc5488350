//! An answer that is written bit by bit, and is whole at each step.

use std::sync::atomic::Ordering;

use super::AtomicU64;
use crate::protocol::item_number::ShortRecord;

/// The most bytes that fill two words, of which one is begun.
const SHORT: usize = 9;

/// An answer that grows on the page: that of a chunk, whose items each add theirs.
pub(crate) struct Appender<'a> {
    place: &'a AtomicU64,
    /// From where the answer starts to the end of the room.
    room: &'a [AtomicU64],
    start: usize,
    /// How many bytes are there.
    len: usize,
    /// The bytes of the last word, if that is not full; the others are zero.
    last: u64,
    is_begun: bool,
}

impl<'a> Appender<'a> {
    /// In the `room` that begins with the word `start`.
    pub(super) fn new(place: &'a AtomicU64, room: &'a [AtomicU64], start: usize) -> Self {
        Self { place, room, start, len: 0, last: 0, is_begun: false }
    }

    /// From now on, the appended bytes are the answer, even if there are none yet.
    pub(crate) fn begin(&mut self) {
        self.is_begun = true;
    }

    pub(crate) fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Appends `bytes`, which the parent sees all at once, also if this process dies meanwhile. False if there is no room.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> bool {
        let len = self.len + bytes.len();
        let Some(words) = self.room.get(self.len / 8..len.div_ceil(8)) else { return false };
        let (mut words, mut last, mut filled) = (words.iter(), self.last, self.len % 8 * 8);
        for piece in bytes.chunks(8) {
            let number = match piece.try_into() {
                Ok(whole) => u64::from_le_bytes(whole),
                Err(_) => piece.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            };
            last |= number << filled;
            let bits = filled + piece.len() * 8;
            if bits >= 64 {
                // Relaxed, here and below: the place that follows orders it. Earlier bytes of the word keep their values.
                words.next().expect("the slice has room").store(last.to_le(), Ordering::Relaxed);
                last = if filled == 0 { 0 } else { number >> (64 - filled) };
            }
            filled = bits % 64;
        }
        if let Some(word) = words.next() {
            word.store(last.to_le(), Ordering::Relaxed);
        }
        (self.len, self.last, self.is_begun) = (len, last, true);
        self.place.store((self.start as u64) << 32 | len as u64, Ordering::Release);
        true
    }

    /// The same for a record that most results have, without a loop.
    #[inline]
    pub(crate) fn push_short(&mut self, record: ShortRecord) -> bool {
        let ShortRecord { bytes, len } = record;
        if len > SHORT {
            return self.push(&bytes.to_le_bytes()[..len]);
        }
        let (begun, end) = (self.len % 8, self.len + len);
        let Some(words) = self.room.get(self.len / 8..end.div_ceil(8)) else { return false };
        // The begun word has 7 bytes at most, so these fill no third one.
        let low = self.last | record.low() << (8 * begun);
        let high = (bytes >> (64 - 8 * begun) & 0xffff_ffff_ffff_ffff) as u64;
        // Relaxed: see `push`.
        words[0].store(low.to_le(), Ordering::Relaxed);
        if let Some(second) = words.get(1) {
            second.store(high.to_le(), Ordering::Relaxed);
        }
        self.last = match (begun + len) / 8 {
            0 => low,
            1 => high,
            _ => 0,
        };
        (self.len, self.is_begun) = (end, true);
        self.place.store((self.start as u64) << 32 | end as u64, Ordering::Release);
        true
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where the next answer may begin.
    pub(crate) fn end(&self) -> usize {
        self.start + self.len.div_ceil(8)
    }

    /// One without room.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn nowhere() -> Self {
        Self::new(Box::leak(Box::new(AtomicU64::new(0))), &[], 0)
    }
}

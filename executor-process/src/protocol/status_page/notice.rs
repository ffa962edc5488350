//! A message that is handed over on the page, while its reader is awake: that takes less than a microsecond, and a message through a
//! socket ten.
//!
//! A notice is a word, and room for bytes. One process reads it, and the other writes it:
//!
//! ```text
//!           reader              writer
//!   Asleep ─────────> Watching ─────────> Posted
//!      ^   watch         │ take    post      │ take
//!      └─────────────────┴───────────────────┘
//! ```
//!
//! Both ways out of `Watching` are a compare-and-set, so one of the two happens: either the message is posted, and the reader finds it
//! before it falls asleep; or the reader is asleep, and the writer, whose post is refused, sends the message through the socket, which wakes
//! the reader. No wake is lost, and no message comes twice. The bytes are the writer's while the word is `Watching`, and the reader's while
//! it is `Posted`.
//!
//! A worker may write any words at any time. The parent then reads words that a worker could also send: a length is read once, and cut
//! off at the room, and the bytes are copied before they are looked at. A word that is forged as `Watching` keeps the parent's message from
//! the worker that forged it, which is as if that worker did not read its socket.

use std::time::Duration;

use executor_core::spin::Spin;

use super::{AtomicU64, Ordering, Page};

/// Where the words are: behind the slots, each on a cache line of its own.
const REQUEST_AT: usize = 208;
const END_AT: usize = 224;

/// The word that says where the parent's thread is, on the line of what else comes with a request.
const CORE_AT: usize = 232;

/// The word that says whether another request may come soon.
const STAY_AWAKE_AT: usize = 233;

/// The reader sleeps, or does something else.
const ASLEEP: u64 = 0;
/// The reader looks at the word.
const WATCHING: u64 = 1;
/// There is a message. The other bits are its length.
const POSTED: u64 = 2;

/// The low bits of a word.
const STATE_BITS: u32 = 2;

/// A message from one process to the other.
pub(crate) struct Notice<'a> {
    word: &'a AtomicU64,
    room: &'a [AtomicU64],
}

impl Page {
    /// The next request, which the worker reads.
    pub(crate) fn request(&self) -> Notice<'_> {
        Notice { word: self.word(REQUEST_AT), room: self.request_room() }
    }

    /// The core of the thread that has sent the last request through the socket.
    pub(crate) fn core(&self) -> &AtomicU64 {
        self.word(CORE_AT)
    }

    /// Not 0 if it pays that the worker stays awake after the jobs of the request.
    pub(crate) fn stay_awake(&self) -> &AtomicU64 {
        self.word(STAY_AWAKE_AT)
    }

    /// The end of the jobs of a request, which the parent reads. It has no bytes.
    pub(crate) fn end(&self) -> Notice<'_> {
        Notice { word: self.word(END_AT), room: &[] }
    }
}

impl Notice<'_> {
    /// The reader looks for a message from now on.
    pub(crate) fn watch(&self) {
        // Release: the bytes of the last message were copied before.
        self.word.store(WATCHING, Ordering::Release);
    }

    /// Whether a message of `len` bytes may be posted: the reader looks, and there is room.
    pub(crate) fn has_room(&self, len: usize) -> bool {
        // Acquire: see `watch`.
        self.word.load(Ordering::Acquire) == WATCHING && len <= self.room.len() * 8
    }

    /// Posts a message. False if the reader does not look, or there is no room: then the message must go through the socket.
    #[must_use = "the reader may not have the message"]
    pub(crate) fn post(&self, bytes: &[u8]) -> bool {
        if !self.has_room(bytes.len()) {
            return false;
        }
        write(self.room, bytes);
        let posted = (bytes.len() as u64) << STATE_BITS | POSTED;
        // Release: a reader that sees the word sees the bytes.
        self.word.compare_exchange(WATCHING, posted, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Spins as long as that pays, for `longest` or some microseconds, until there is a message, and takes it. If there is none, the reader
    /// is asleep.
    pub(crate) fn spin(&self, spin: &Spin, longest: Duration) -> Option<Vec<u8>> {
        // Relaxed: `take` looks again.
        spin.until(longest, || self.word.load(Ordering::Relaxed) != WATCHING);
        self.take()
    }

    /// Takes the message. If there is none, the reader is asleep from now on: the next message comes through the socket.
    pub(crate) fn take(&self) -> Option<Vec<u8>> {
        // Acquire: see `post`.
        let found = self.word.compare_exchange(WATCHING, ASLEEP, Ordering::Relaxed, Ordering::Acquire).err()?;
        let message = (found & ((1 << STATE_BITS) - 1) == POSTED).then(|| {
            let len = usize::try_from(found >> STATE_BITS).unwrap_or(usize::MAX);
            read(self.room, len.min(self.room.len() * 8))
        });
        // Relaxed: `watch` comes before the next post.
        self.word.store(ASLEEP, Ordering::Relaxed);
        message
    }
}

/// Writes `bytes` to words that have room for them.
fn write(words: &[AtomicU64], bytes: &[u8]) {
    for (word, piece) in words.iter().zip(bytes.chunks(8)) {
        let mut whole = [0; 8];
        whole[..piece.len()].copy_from_slice(piece);
        // Relaxed, here and below: the word that says how many there are orders them.
        word.store(u64::from_ne_bytes(whole), Ordering::Relaxed);
    }
}

/// A copy of the first `len` bytes of the words.
pub(super) fn read(words: &[AtomicU64], len: usize) -> Vec<u8> {
    let words = &words[..len.div_ceil(8)];
    let mut bytes = vec![0; words.len() * 8];
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
    }
    bytes.truncate(len);
    bytes
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::super::LONGEST;
    use super::*;

    fn page() -> Page {
        Page::new().unwrap().0
    }

    #[test]
    fn message_comes_as_it_was_posted() {
        let page = page();
        for len in [0, 1, 7, 8, 9, 100, LONGEST] {
            let message: Vec<u8> = (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect();
            page.request().watch();
            assert!(page.request().post(&message));
            assert!(!page.request().post(&[]), "there is a message");
            assert_eq!(page.request().take(), Some(message));
            assert!(!page.request().post(&[]), "the reader is asleep");
            assert_eq!(page.request().take(), None);
        }
        page.request().watch();
        assert!(!page.request().post(&vec![0; LONGEST + 1]));
        assert_eq!(page.request().take(), None);
    }

    #[test]
    fn forged_words_are_no_message_or_a_short_one() {
        let page = page();
        for state in [3, 4, 7, u64::MAX] {
            page.scribble(&[(END_AT, state), (REQUEST_AT, state)]);
            assert_eq!((page.end().take(), page.request().take()), (None, None), "{state}");
        }
        let longest = u64::MAX << STATE_BITS | POSTED;
        page.scribble(&[(END_AT, longest), (REQUEST_AT, longest)]);
        assert_eq!(page.end().take(), Some(Vec::new()));
        assert_eq!(page.request().take().map(|bytes| bytes.len()), Some(LONGEST));
    }

    /// A writer that posts or sends, and a reader that now and then sleeps at once.
    #[test]
    fn every_message_comes_once() {
        let (page, other) = {
            let (page, file) = Page::new().unwrap();
            (page, Page::open(&file).unwrap())
        };
        let (socket, sleeps) = mpsc::channel::<Vec<u8>>();
        let (answers, answered) = mpsc::channel();
        let writer = thread::spawn(move || {
            for number in 0..20_000_u64 {
                let message = number.to_le_bytes().repeat(1 + usize::try_from(number % 7).unwrap());
                if !other.request().post(&message) {
                    socket.send(message).unwrap();
                }
                assert_eq!(answered.recv(), Ok(number));
            }
        });
        let spin = Spin::new();
        for number in 0..20_000_u64 {
            page.request().watch();
            let posted = if number % 3 == 0 {
                page.request().take()
            } else {
                page.request().spin(&spin, Duration::from_micros(20))
            };
            let message = posted.unwrap_or_else(|| sleeps.recv().unwrap());
            assert_eq!(message, number.to_le_bytes().repeat(1 + usize::try_from(number % 7).unwrap()));
            answers.send(number).unwrap();
        }
        writer.join().unwrap();
    }
}

#[cfg(all(test, loom))]
mod loom_models {
    use std::sync::Arc;

    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::{model, thread};

    use super::*;

    /// A reader that looks and gives up, while a writer posts or sends: twice, so that a late post of the first would be seen.
    #[test]
    fn message_is_posted_or_sent() {
        model(|| {
            let (page, sent) = (Arc::new(Page::modelled()), Arc::new(AtomicBool::new(false)));
            page.request().watch();
            let (other, socket) = (page.clone(), sent.clone());
            let writer = thread::spawn(move || {
                if !other.request().post(&[7; 9]) {
                    socket.store(true, Ordering::Release);
                }
            });
            let taken = page.request().take();
            writer.join().unwrap();
            let was_sent = sent.load(Ordering::Acquire);
            assert!(taken.as_deref() == Some(&[7; 9]) && !was_sent || taken.is_none() && was_sent, "{taken:?}");
            // Nothing of it is left for the next one.
            page.request().watch();
            assert_eq!(page.request().take(), None);
        });
    }

    /// The next message never mixes with the last one, whose bytes are still being copied.
    #[test]
    fn next_message_comes_after_the_copy() {
        model(|| {
            let page = Arc::new(Page::modelled());
            page.request().watch();
            assert!(page.request().post(&[1; 9]));
            let other = page.clone();
            let writer = thread::spawn(move || other.request().post(&[2; 9]));
            assert_eq!(page.request().take(), Some(vec![1; 9]));
            page.request().watch();
            let next = page.request().take();
            let is_posted = writer.join().unwrap();
            assert_eq!(next.is_some(), is_posted);
            assert!(next.is_none_or(|bytes| bytes == [2; 9]));
        });
    }
}

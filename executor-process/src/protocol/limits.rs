//! The time that a worker has to answer, and texts of any length, cut so that they can be sent. The parent rejects a message larger than a packet, and its sender would block
//! until all of it is read.

use std::time::Duration;

use crate::ipc::payload::MAX_INLINE;
use crate::protocol::status_page::SLOTS;

/// The time that a worker has to answer when nothing is left for it to run: an honest one takes microseconds.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// The most time that a process stays awake for a message of the other, where that has paid. It takes up to 50 µs to wake an idle core of a
/// virtual machine (measured).
pub(crate) const MOST_SPIN: Duration = Duration::from_micros(60);

/// The most bytes that are sent of what a panic or an error says.
pub(crate) const MOST_SAID: usize = MAX_INLINE;

/// The most bytes that are sent of a name.
pub(crate) const MOST_NAME: usize = 1024;

/// The most bytes that are sent of the values that `wrap_jobs` captured for a job.
pub(crate) const MOST_CAPTURED: usize = 16 * 1024;

/// A packet, on a system that was not told otherwise (`net.core.wmem_default`), without what ipc-channel keeps of it for itself.
pub(crate) const PACKET: usize = 212_992 - 64;

// A job has at most a name and a tag, and few numbers. A panic's message is sent with its place.
const _: () = assert!(MAX_INLINE + SLOTS * (2 * MOST_NAME + 128) <= PACKET && MOST_SAID + 8192 <= PACKET);

// A job that goes alone, with the values that were captured for it.
const _: () = assert!(MAX_INLINE + MOST_CAPTURED + 2 * MOST_NAME + 128 <= PACKET);

/// At most about `most` bytes of `text`, with how many are missing.
pub(crate) fn truncate(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let kept = cut(&text, most);
    format!("{kept} … and {} bytes more", text.len() - kept.len())
}

/// The beginning of `text`, of at most `most` bytes.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    // `floor_char_boundary` needs Rust 1.91.
    let end = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn cut_says_how_much_is_missing() {
        assert_eq!(truncate("abc".to_owned(), 3), "abc");
        assert_eq!(truncate("abcdef".to_owned(), 3), "abc … and 3 bytes more");
        assert_eq!(truncate("aéé".to_owned(), 2), "a … and 4 bytes more");
        assert_eq!(truncate(String::new(), 0), "");
    }
}

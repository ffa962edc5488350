//! What of a job, a result or a message is not bytes: descriptors, which travel beside them.
//!
//! Serde has no place for them. So whoever encodes sets up a list for its thread, into which the values that hold one put it, and
//! write its number; whoever decodes sets up the list that came, from which they take it by that number.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The most of them in one job, result or message.
pub(crate) const MOST: usize = 64;

/// A descriptor of a value that is to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) descriptor: Arc<OwnedFd>,
    /// An end of a channel, which tells the other end when it is gone; so nobody may hold it but those who use it.
    pub(crate) is_channel: bool,
}

thread_local! {
    /// `None` where nothing is being encoded.
    static SENT: RefCell<Option<Vec<Attachment>>> = const { RefCell::new(None) };
    /// `None` where nothing is being decoded.
    static RECEIVED: RefCell<Option<Vec<Arc<OwnedFd>>>> = const { RefCell::new(None) };
}

/// Puts back what was there before, also when the code between panics: encoding may be nested.
struct Restore<T: 'static>(&'static std::thread::LocalKey<RefCell<Option<T>>>, Option<T>);

impl<T: 'static> Drop for Restore<T> {
    fn drop(&mut self) {
        let before = self.1.take();
        // Dropped with the list free: it may close the last descriptor of a value.
        drop(self.0.replace(before));
    }
}

/// Runs `encode`, and returns what the values in it attached.
pub(crate) fn collect<T>(encode: impl FnOnce() -> T) -> (T, Vec<Attachment>) {
    let restore = Restore(&SENT, SENT.replace(Some(Vec::new())));
    let encoded = encode();
    let attached = SENT.with_borrow_mut(Option::take);
    drop(restore);
    (encoded, attached.unwrap_or_default())
}

/// Runs `decode`, whose values take what they need of `descriptors`. The rest is closed.
pub(crate) fn offer<T>(descriptors: Vec<Arc<OwnedFd>>, decode: impl FnOnce() -> T) -> T {
    let _restore = Restore(&RECEIVED, RECEIVED.replace(Some(descriptors)));
    decode()
}

/// Attaches a descriptor to what is being encoded on this thread, and returns its number. `what` is the type that does, with its
/// article.
pub(crate) fn attach(what: &str, attachment: Attachment) -> Result<u32, String> {
    SENT.with_borrow_mut(|sent| {
        let Some(sent) = sent else { return Err(outside(what, "encoded")) };
        if sent.len() == MOST {
            return Err(format!(
                "it holds more than {MOST} handles (`Blob`, `Sender`, `Receiver`), which is the most that can travel at \
                 once; put small blobs into one, or send handles through a channel"
            ));
        }
        sent.push(attachment);
        Ok(u32::try_from(sent.len() - 1).unwrap_or(u32::MAX))
    })
}

/// The descriptor of that number, of what is being decoded on this thread. It stays on the list, since serde may decode a value
/// several times (`untagged`).
pub(crate) fn take(what: &str, number: u32) -> Result<Arc<OwnedFd>, String> {
    RECEIVED.with_borrow(|received| {
        let Some(received) = received else { return Err(outside(what, "decoded")) };
        let found = usize::try_from(number).ok().and_then(|number| received.get(number));
        found
            .cloned()
            .ok_or_else(|| format!("the handle of {what} is not there: number {number} of {}", received.len()))
    })
}

fn outside(what: &str, done: &str) -> String {
    format!(
        "{what} can be {done} only as a part of a job, of a result, or of a channel's message, since its handle travels \
         beside the bytes; elsewhere, use what it holds"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory;

    fn attachment() -> Attachment {
        Attachment { descriptor: Arc::new(memory::file().unwrap()), is_channel: false }
    }

    #[test]
    fn numbers_lead_to_what_was_attached() {
        let (numbers, attached) = collect(|| [attach("a test", attachment()), attach("a test", attachment())]);
        assert_eq!(numbers, [Ok(0), Ok(1)]);
        let descriptors: Vec<_> = attached.into_iter().map(|attachment| attachment.descriptor).collect();
        let second = Arc::clone(&descriptors[1]);
        offer(descriptors, || {
            assert!(Arc::ptr_eq(&take("a test", 1).unwrap(), &second));
            let error = take("a test", 2).unwrap_err();
            assert_eq!(error, "the handle of a test is not there: number 2 of 2");
        });
        assert_eq!(Arc::strong_count(&second), 1, "what nobody took is closed");
    }

    #[test]
    fn one_encoding_in_another_has_a_list_of_its_own() {
        let (_, outer) = collect(|| {
            attach("a test", attachment()).unwrap();
            let (_, inner) = collect(|| attach("a test", attachment()).unwrap());
            assert_eq!(inner.len(), 1);
            assert_eq!(attach("a test", attachment()), Ok(1));
        });
        assert_eq!(outer.len(), 2);
    }

    #[test]
    fn elsewhere_it_is_an_error_that_says_where() {
        let error = attach("a test", attachment()).unwrap_err();
        assert!(error.starts_with("a test can be encoded only as a part of a job, "), "{error}");
        let error = take("a test", 0).unwrap_err();
        assert!(error.starts_with("a test can be decoded only as a part of a job, "), "{error}");
    }

    #[test]
    fn a_panic_leaves_no_list_behind() {
        let panicked = std::panic::catch_unwind(|| collect(|| panic!("while it was encoded")));
        assert!(panicked.is_err());
        assert!(attach("a test", attachment()).is_err());
    }
}

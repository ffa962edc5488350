//! File descriptors of a job, a result or a message, which travel beside its bytes.
//!
//! Serde cannot carry descriptors. While a value is encoded, its thread has a list: each handle adds its descriptor there,
//! and writes the index. For decoding, the thread gets the received list, and handles take descriptors by index.
//!
//! Bytes for another host have no list: there, blobs go [by value](by_value), and every other handle is refused.

mod by_value;

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::LocalKey;

use self::by_value::stays_here;
pub(crate) use self::by_value::{blob_comes_by_value, blob_goes_by_value, decode_by_value, encode_by_value};

/// The most descriptors in one job, result or message.
pub(crate) const MAX_DESCRIPTORS: usize = 64;

/// The first and the last item of a chunk that hold an attachment.
pub(crate) type Holders = (usize, usize);

/// A descriptor of a value that is to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) descriptor: Arc<OwnedFd>,
    /// A channel's end. Only its users may hold it: the other end sees a disconnect when the last copy is closed.
    pub(crate) is_channel: bool,
}

/// The descriptors attached during an encoding.
#[derive(Default)]
struct Sent {
    list: Vec<Attachment>,
    holders: Vec<Holders>,
    /// Why one could not be attached. Not every codec keeps the texts of serde's errors.
    refused: Option<String>,
    /// Whether the list was full.
    is_full: bool,
    /// The blobs so far, where they go by value and nothing can be attached.
    by_value: Option<usize>,
    /// Whether the value that is being encoded has something on the list.
    has_own: bool,
}

/// The descriptors available to a decoding.
#[derive(Default)]
struct Received {
    list: Vec<Arc<OwnedFd>>,
    refused: Option<String>,
    /// The blobs so far, where they come by value.
    by_value: Option<usize>,
}

/// Whether this thread has a list. The list itself is made for the first descriptor: few values have handles, and for every
/// item of a map, checking this flag costs less than checking a thread-local with a destructor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SetUp {
    No,
    Empty,
    List,
}

thread_local! {
    static SENDS: Cell<SetUp> = const { Cell::new(SetUp::No) };
    static SENT: RefCell<Option<Sent>> = const { RefCell::new(None) };
    /// The item of a list that is being encoded.
    static ITEM: Cell<usize> = const { Cell::new(0) };
    static RECEIVES: Cell<SetUp> = const { Cell::new(SetUp::No) };
    static RECEIVED: RefCell<Option<Received>> = const { RefCell::new(None) };
}

/// Sets up a list for its own lifetime. Its drop restores the list before, even during a panic: encoding may be nested.
struct Scope<T: 'static> {
    set_up: &'static LocalKey<Cell<SetUp>>,
    list: &'static LocalKey<RefCell<Option<T>>>,
    before: SetUp,
    /// Boxed, since it is rarely there.
    list_before: Option<Box<T>>,
}

impl<T> Scope<T> {
    #[inline]
    fn begin(set_up: &'static LocalKey<Cell<SetUp>>, list: &'static LocalKey<RefCell<Option<T>>>) -> Self {
        let before = set_up.replace(SetUp::Empty);
        let list_before = if before == SetUp::List { list.take().map(Box::new) } else { None };
        Self { set_up, list, before, list_before }
    }

    fn fill(&self, list: T) {
        self.list.set(Some(list));
        self.set_up.set(SetUp::List);
    }

    /// Takes the list so far.
    fn take(&self) -> Option<T> {
        if self.set_up.get() == SetUp::List { self.list.take() } else { None }
    }
}

impl<T: 'static> Drop for Scope<T> {
    #[inline]
    fn drop(&mut self) {
        let set_up = self.set_up.replace(self.before);
        if set_up == SetUp::List || self.before == SetUp::List {
            // Dropped while the list is not borrowed: it may close a value's last descriptor.
            drop(self.list.replace(self.list_before.take().map(|list| *list)));
        }
    }
}

/// Runs `f` with the list, if one is set up.
fn with_list<T: Default, R>(
    set_up: &'static LocalKey<Cell<SetUp>>,
    list: &'static LocalKey<RefCell<Option<T>>>,
    f: impl FnOnce(Option<&mut T>) -> R,
) -> R {
    if set_up.get() == SetUp::No {
        return f(None);
    }
    set_up.set(SetUp::List);
    list.with_borrow_mut(|list| f(Some(list.get_or_insert_default())))
}

/// Runs `encode`, and returns what the values in it attached.
#[inline]
pub(crate) fn collect<T>(encode: impl FnOnce() -> T) -> (T, Vec<Attachment>) {
    let scope = Scope::begin(&SENDS, &SENT);
    let encoded = encode();
    (encoded, scope.take().map(|sent| sent.list).unwrap_or_default())
}

/// Runs `encode`, which says of each of some items that it [begins](begin_item), and returns what they attached, each with the first and
/// the last item that hold it.
pub(crate) fn collect_of_items<T>(encode: impl FnOnce() -> T) -> (T, Vec<(Attachment, Holders)>) {
    let scope = Scope::begin(&SENDS, &SENT);
    let encoded = encode();
    let Sent { list, holders, .. } = scope.take().unwrap_or_default();
    (encoded, list.into_iter().zip(holders).collect())
}

/// From now on, attachments belong to item `number`.
#[inline]
pub(crate) fn begin_item(number: usize) {
    ITEM.set(number);
}

/// Takes back the attachments of this item alone: it was not encoded. True if it might fit without the items before it.
pub(crate) fn end_failed_item(number: usize) -> bool {
    with_list(&SENDS, &SENT, |sent| {
        let Some(sent) = sent else { return false };
        sent.has_own = false;
        let own = sent.holders.iter().rev().take_while(|(first, _)| *first == number).count();
        sent.holders.truncate(sent.holders.len() - own);
        sent.list.truncate(sent.holders.len());
        std::mem::take(&mut sent.is_full) && !sent.list.is_empty()
    })
}

/// The number of descriptors attached so far in this thread's encoding.
#[inline]
pub(crate) fn count() -> usize {
    if SENDS.get() == SetUp::List { with_list(&SENDS, &SENT, |sent| sent.map_or(0, |sent| sent.list.len())) } else { 0 }
}

/// Takes back the attachments after the first `len`.
pub(crate) fn truncate(len: usize) {
    if count() > len {
        drop(with_list(&SENDS, &SENT, |sent| {
            let sent = sent?;
            sent.has_own = false;
            sent.holders.truncate(len);
            Some(sent.list.split_off(len))
        }));
    }
}

/// Whether the value that was encoded since the last call has attachments, also such as a value before it has.
#[inline]
pub(crate) fn take_has_own() -> bool {
    SENDS.get() == SetUp::List
        && with_list(&SENDS, &SENT, |sent| sent.is_some_and(|sent| std::mem::take(&mut sent.has_own)))
}

/// Why something could not be attached, if that is why encoding failed.
pub(crate) fn not_attached() -> Option<String> {
    with_list(&SENDS, &SENT, |sent| sent?.refused.take())
}

/// Runs `decode`, whose values take the `descriptors` they need; the others are closed.
#[inline]
pub(crate) fn offer<T>(descriptors: Vec<Arc<OwnedFd>>, decode: impl FnOnce() -> T) -> T {
    let scope = Scope::begin(&RECEIVES, &RECEIVED);
    if !descriptors.is_empty() {
        scope.fill(Received { list: descriptors, ..Received::default() });
    }
    decode()
}

/// Why a descriptor could not be used, if decoding failed for that reason.
pub(crate) fn not_taken() -> Option<String> {
    with_list(&RECEIVES, &RECEIVED, |received| received?.refused.take())
}

/// Attaches a descriptor to the value being encoded on this thread, and returns its number. `what` names the handle's type, with
/// its article.
pub(crate) fn attach(what: &str, attachment: Attachment) -> Result<u32, String> {
    with_list(&SENDS, &SENT, |sent| {
        let Some(sent) = sent else { return Err(outside(what, "encoded")) };
        if sent.by_value.is_some() {
            return Err(sent.refused.insert(stays_here(what)).clone());
        }
        if sent.list.len() == MAX_DESCRIPTORS {
            sent.is_full = true;
            return Err(sent.refused.insert(too_many()).clone());
        }
        sent.list.push(attachment);
        sent.holders.push((ITEM.get(), ITEM.get()));
        sent.has_own = true;
        Ok(u32::try_from(sent.list.len() - 1).unwrap_or(u32::MAX))
    })
}

/// As [`attach`], once for all values that share the descriptor.
pub(crate) fn attach_once(what: &str, attachment: Attachment) -> Result<u32, String> {
    let is_same = |other: &Attachment| Arc::ptr_eq(&other.descriptor, &attachment.descriptor);
    let found = SENT.with_borrow_mut(|sent| {
        let sent = sent.as_mut()?;
        let index = sent.list.iter().position(is_same)?;
        sent.holders[index].1 = ITEM.get();
        sent.has_own = true;
        Some(index)
    });
    match found.and_then(|index| u32::try_from(index).ok()) {
        Some(number) => Ok(number),
        None => attach(what, attachment),
    }
}

/// Makes a value from descriptor `number` of this thread's decoding. The descriptor stays on the list, since serde may decode a
/// value several times (`untagged`).
pub(crate) fn take<T>(
    what: &str,
    number: u32,
    make: impl FnOnce(Arc<OwnedFd>) -> Result<T, String>,
) -> Result<T, String> {
    with_list(&RECEIVES, &RECEIVED, |received| {
        let Some(received) = received else { return Err(outside(what, "decoded")) };
        if received.by_value.is_some() {
            return Err(received.refused.insert(stays_here(what)).clone());
        }
        let found = usize::try_from(number).ok().and_then(|number| received.list.get(number));
        let there = received.list.len();
        let made = found.cloned().ok_or_else(|| format!("handle {number} of {there} is missing")).and_then(make);
        made.map_err(|why| received.refused.insert(format!("{what} cannot be used: {why}")).clone())
    })
}

fn too_many() -> String {
    format!(
        "it holds more than {MAX_DESCRIPTORS} handles (`Blob`, `Sender`, `Receiver`; a `Shared` takes three), the limit of one \
         message; combine small blobs, or send handles through a channel"
    )
}

fn outside(what: &str, done: &str) -> String {
    format!(
        "{what} can be {done} only as part of a job, a result or a channel's message, because its file descriptor is \
         sent beside the bytes; elsewhere, use its contents"
    )
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::ipc::shared_memory;

    fn attachment() -> Attachment {
        Attachment { descriptor: Arc::new(shared_memory::file().unwrap()), is_channel: false }
    }

    #[test]
    fn numbers_lead_to_what_was_attached() {
        let (numbers, attached) = collect(|| [attach("a test", attachment()), attach("a test", attachment())]);
        assert_eq!(numbers, [Ok(0), Ok(1)]);
        let descriptors: Vec<_> = attached.into_iter().map(|attachment| attachment.descriptor).collect();
        let second = Arc::clone(&descriptors[1]);
        offer(descriptors, || {
            assert!(Arc::ptr_eq(&take("a test", 1, Ok).unwrap(), &second));
            let error = take("a test", 2, Ok).unwrap_err();
            assert_eq!(error, "a test cannot be used: handle 2 of 2 is missing");
        });
        assert_eq!(Arc::strong_count(&second), 1, "what nobody took is closed");
    }

    #[test]
    fn shared_descriptor_is_attached_once() {
        let (shared, other) = (attachment(), attachment());
        let attach_three = || [&shared, &other, &shared].map(|one| attach_once("a test", one.clone()));
        let (numbers, attached) = collect(attach_three);
        assert_eq!((numbers, attached.len()), ([Ok(0), Ok(1), Ok(0)], 2));
        assert!(attach_once("a test", shared).is_err(), "elsewhere");
    }

    #[test]
    fn items_share_the_room() {
        let shared = attachment();
        let item = |number: usize, own: usize| {
            begin_item(number);
            let own = (0..own).all(|_| attach("a test", attachment()).is_ok());
            own && attach_once("a test", shared.clone()).is_ok()
        };
        let ((), attached) = collect_of_items(|| {
            assert!(item(0, 2) && item(1, MAX_DESCRIPTORS - 3));
            assert!(!item(2, 1) && end_failed_item(2), "there is room for it alone");
            assert!(item(3, 0));
            assert!(!item(4, MAX_DESCRIPTORS) && end_failed_item(4));
        });
        let holders: Vec<_> = attached.iter().map(|(_, holders)| *holders).collect();
        assert_eq!((&holders[..4], holders.len()), (&[(0, 0), (0, 0), (0, 3), (1, 1)][..], MAX_DESCRIPTORS));
        collect_of_items(|| assert!(!item(0, MAX_DESCRIPTORS) && !end_failed_item(0), "it has too many by itself"));
    }

    #[test]
    fn one_encoding_in_another_has_a_list_of_its_own() {
        let ((), outer) = collect(|| {
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
        assert!(error.starts_with("a test can be encoded only as part of a job, "), "{error}");
        let error = take("a test", 0, Ok).unwrap_err();
        assert!(error.starts_with("a test can be decoded only as part of a job, "), "{error}");
    }

    #[test]
    fn a_panic_leaves_no_list_behind() {
        let panicked = std::panic::catch_unwind(|| collect(|| panic!("while it was encoded")));
        assert!(panicked.is_err());
        assert!(attach("a test", attachment()).is_err());
    }
}

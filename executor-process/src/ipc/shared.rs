//! A value that many jobs read: encoded once, decoded once in each worker, and dropped there when no process has a handle of it.
//!
//! A handle travels as the memory of the encoded value and both ends of a pipe. Each handle, each queued job with one and each message on its
//! way holds the end for writing. A worker keeps the value with the end for reading, which is at its end when no process holds the other.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use executor_core::bytes::InOnePiece;
use executor_core::panics::drop_catching;
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ipc::attachments::{Attachment, attach_once, take};
use crate::ipc::blob::Blob;
use crate::ipc::codec::Codec;
use crate::ipc::random;

/// A handle of a value that many jobs read: a table, a model, a configuration. Made by
/// [`ProcessHandle::share`](crate::ProcessHandle::share).
///
/// The value is encoded once. Each worker decodes it with the first job that has a handle, and keeps it for the jobs that follow. Handles can be
/// arguments, results, items of a `map` and messages, and dereference to the value. A clone is cheap.
///
/// **Memory.** This process keeps the value and its encoded form, and each worker that had a handle keeps the value. A worker drops the value when no
/// process holds a handle any more, queued jobs included, as soon as that worker has nothing to run. A large array of numbers is better sent
/// as a [`SharedSlice`](crate::SharedSlice), of which all processes share the memory.
///
/// **Descriptors.** A value takes three file descriptors in this process, and one in each worker that keeps the value. Each handle that travels takes
/// three of the 64 descriptors of a message; clones in one message take three together.
///
/// ```
/// use std::collections::HashMap;
/// use executor::{ProcessPool, Shared, call};
///
/// fn look_up(prices: Shared<HashMap<String, u32>>, name: String) -> Option<u32> {
///     prices.get(&name).copied()
/// }
///
/// let pool = ProcessPool::new(2)?;
/// let prices = pool.share(HashMap::from([("tea".to_owned(), 3), ("coffee".to_owned(), 4)]))?;
/// let tea = pool.submit(call!(look_up(prices.clone(), "tea".to_owned())));
/// let milk = pool.submit(call!(look_up(prices.clone(), "milk".to_owned())));
/// assert_eq!((tea.result()?, milk.result()?, prices["coffee"]), (Some(3), None, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Shared<T> {
    value: Arc<T>,
    origin: Origin,
}

/// Which value it is, of all that any process has shared.
type Id = [u8; 16];

/// Where the value comes from, in every process the same.
#[derive(Clone)]
struct Origin {
    id: Id,
    codec: Codec,
    encoded: Blob,
    /// The end for writing.
    held: Arc<OwnedFd>,
    /// The end for reading.
    ended: Arc<OwnedFd>,
}

/// An origin as bytes.
#[derive(Serialize, Deserialize)]
struct Wire {
    id: Id,
    codec: Codec,
    encoded: Blob,
    held: u32,
    ended: u32,
}

const NAME: &str = "a `Shared`";

impl<T: Serialize + 'static> Shared<T> {
    pub(crate) fn new(value: T, codec: Codec) -> io::Result<Self> {
        let unfit = |why: String| {
            let text = format!("a shared value `{}` could not be encoded: {why}", type_name::<T>());
            io::Error::new(io::ErrorKind::InvalidInput, text)
        };
        let encoded = codec.encode(&InOnePiece(&value)).map_err(unfit)?;
        if encoded.has_attachments() {
            return Err(unfit("it holds handles (`Blob`, `Sender`, …); pass these beside it".to_owned()));
        }
        let encoded = Blob::copy_of(encoded.bytes())?;
        let (ended, held) = pipe_with(PipeFlags::CLOEXEC)?;
        let id = random::bytes().map_err(io::Error::other)?;
        let origin = Origin { id, codec, encoded, held: Arc::new(held), ended: Arc::new(ended) };
        Ok(Self { value: Arc::new(value), origin })
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> AsRef<T> for Shared<T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), origin: self.origin.clone() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shared").field(&**self).finish()
    }
}

impl<T> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Origin { id, codec, encoded, held, ended } = self.origin.clone();
        let attach =
            |descriptor| attach_once(NAME, Attachment { descriptor, is_channel: false }).map_err(S::Error::custom);
        Wire { id, codec, encoded, held: attach(held)?, ended: attach(ended)? }.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned + Send + Sync + 'static> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { id, codec, encoded, held, ended } = Wire::deserialize(deserializer)?;
        let take = |number| take(NAME, number, Ok).map_err(D::Error::custom);
        let origin = Origin { id, codec, encoded, held: take(held)?, ended: take(ended)? };
        let value = match kept(id) {
            Some(value) => value,
            None => keep(&origin, decoded(&origin).map_err(D::Error::custom)?),
        };
        Ok(Self { value, origin })
    }
}

fn decoded<T: DeserializeOwned + 'static>(origin: &Origin) -> Result<T, String> {
    origin
        .codec
        .decode_in_one_piece(&origin.encoded)
        .map_err(|why| format!("a shared value `{}` could not be decoded: {why}", type_name::<T>()))
}

/// A value that this worker keeps.
struct Kept {
    value: Arc<dyn Any + Send + Sync>,
    ended: Arc<OwnedFd>,
}

/// Whether this process is a worker. Others do not trust what comes to tell of its end.
static KEEPS: AtomicBool = AtomicBool::new(false);

/// By number and type: the types of a number are one, unless the program is wrong.
static KEPT: LazyLock<Mutex<HashMap<(Id, TypeId), Kept>>> = LazyLock::new(Mutex::default);

/// This process keeps values from now on, and calls [`drop_ended`] where it waits.
pub(crate) fn keep_values() {
    // Relaxed: the only thread yet.
    KEEPS.store(true, Ordering::Relaxed);
}

fn kept<T: Send + Sync + 'static>(id: Id) -> Option<Arc<T>> {
    if !KEEPS.load(Ordering::Relaxed) {
        return None;
    }
    let value = Arc::clone(&KEPT.lock().get(&(id, TypeId::of::<T>()))?.value);
    value.downcast().ok()
}

/// Keeps a new value, if this process does so, and no other thread was faster.
fn keep<T: Send + Sync + 'static>(origin: &Origin, value: T) -> Arc<T> {
    let value = Arc::new(value);
    if KEEPS.load(Ordering::Relaxed) {
        let new = Kept { value: Arc::clone(&value) as _, ended: Arc::clone(&origin.ended) };
        KEPT.lock().entry((origin.id, TypeId::of::<T>())).or_insert(new);
    }
    value
}

/// Blocks until `awaited` is ready, and meanwhile drops the values whose last handle is gone. Returns at once if none is kept.
pub(crate) fn drop_ended(awaited: &OwnedFd) {
    if !KEEPS.load(Ordering::Relaxed) {
        return;
    }
    loop {
        let (keys, ends): (Vec<_>, Vec<_>) = {
            let kept = KEPT.lock();
            kept.iter().map(|(key, kept)| (*key, Arc::clone(&kept.ended))).unzip()
        };
        if keys.is_empty() {
            return;
        }
        // Only a hang-up is waited for: nothing is written.
        let mut polled = vec![PollFd::from_borrowed_fd(awaited.as_fd(), PollFlags::IN)];
        polled.extend(ends.iter().map(|end| PollFd::from_borrowed_fd(end.as_fd(), PollFlags::empty())));
        match poll(&mut polled, None) {
            Ok(_) | Err(Errno::INTR) => {}
            // The next job is waited for all the same.
            Err(_) => return,
        }
        let ended = keys.iter().zip(&polled[1..]).filter(|(_, end)| !end.revents().is_empty());
        let dropped: Vec<_> = {
            let mut kept = KEPT.lock();
            ended.filter_map(|(key, _)| kept.remove(key)).collect()
        };
        for Kept { value, .. } in dropped {
            drop_catching(value);
        }
        if !polled[0].revents().is_empty() {
            return;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::ipc::channel;

    #[test]
    fn handles_arrive_with_the_value() {
        for codec in [Codec::Postcard, Codec::MessagePack] {
            let shared = Shared::new(vec!["one".to_owned(), "two".to_owned()], codec).unwrap();
            let payload = codec.encode(&(shared.clone(), shared.clone())).unwrap();
            assert_eq!(payload.lend().len(), 3);
            let (came, again): (Shared<Vec<String>>, Shared<Vec<String>>) = codec.decode_payload(&payload).unwrap();
            assert_eq!((&*came, &*again), (&*shared, &*shared));
            let error = codec.decode_payload::<(Shared<Vec<u64>>, Shared<Vec<u64>>)>(&payload).map(drop).unwrap_err();
            assert!(error.contains("a shared value `alloc::vec::Vec<u64>` could not be decoded"), "{error}");
        }
    }

    #[test]
    fn numbers_travel_in_one_piece() {
        for codec in [Codec::Postcard, Codec::MessagePack] {
            let numbers: Vec<u8> = (0..=255).collect();
            let shared = Shared::new(numbers.clone(), codec).unwrap();
            assert!(shared.origin.encoded.windows(256).any(|bytes| bytes == numbers), "no word between them");
            let came: Shared<Vec<u8>> = codec.decode_payload(&codec.encode(&shared).unwrap()).unwrap();
            assert_eq!(*came, numbers);
        }
    }

    #[test]
    fn values_with_handles_are_refused() {
        let error = Shared::new(vec![Blob::from(b"x")], Codec::Postcard).map(drop).unwrap_err();
        assert!(error.to_string().ends_with("it holds handles (`Blob`, `Sender`, …); pass these beside it"), "{error}");
        let (sender, _receiver) = channel::channel::<u8>().unwrap();
        assert!(Shared::new(sender, Codec::Postcard).is_err());
    }
}

//! The bytes of a payload: on the heap, or in shared memory that no process can change any more.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use executor_core::bytes;
use memmap2::Mmap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ipc::numbers::Numbers;
use crate::ipc::shared_memory::Frozen;

/// Bytes that serde copies as a whole, not one by one. Cheap to clone: a job is kept until it has begun.
#[derive(Clone)]
pub(crate) struct Bytes(Arc<Stored>);

enum Stored {
    Heap(Vec<u8>),
    /// A list that is not encoded.
    Numbers(Numbers),
    Mapped {
        mapping: Mmap,
        /// How many of the mapped bytes are written.
        len: usize,
        /// To be sent.
        file: Option<(Arc<OwnedFd>, Permit)>,
    },
}

/// The first `len` bytes of frozen memory, which has as many.
pub(crate) struct Sealed {
    pub(crate) memory: Frozen,
    pub(crate) len: usize,
}

impl Sealed {
    /// Maps a file that another process has sealed.
    ///
    /// # Errors
    ///
    /// Those of [`Frozen::open`], and when it has fewer bytes.
    pub(crate) fn open(file: OwnedFd, len: usize) -> io::Result<Self> {
        let memory = Frozen::open(Arc::new(file))?;
        if len > memory.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self { memory, len })
    }
}

impl Deref for Sealed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl Bytes {
    /// Bytes that were received. They use no descriptor.
    pub(crate) fn received(sealed: Sealed) -> Self {
        let Sealed { memory, len } = sealed;
        let (mapping, _) = memory.into_parts();
        Self(Arc::new(Stored::Mapped { mapping, len, file: None }))
    }

    /// Bytes that are to be sent, and use a descriptor until then.
    pub(crate) fn to_send(sealed: Sealed, permit: Permit) -> Self {
        let Sealed { memory, len } = sealed;
        let (mapping, file) = memory.into_parts();
        Self(Arc::new(Stored::Mapped { mapping, len, file: Some((file, permit)) }))
    }

    /// The file that they are the start of.
    pub(crate) fn file(&self) -> Option<&OwnedFd> {
        match &*self.0 {
            Stored::Mapped { file: Some((file, _)), .. } => Some(file),
            Stored::Mapped { .. } | Stored::Heap(_) | Stored::Numbers(_) => None,
        }
    }

    /// Whether they are a list that is not encoded.
    pub(crate) fn are_numbers(&self) -> bool {
        matches!(&*self.0, Stored::Numbers(_))
    }

    /// That list. It is copied if there is another handle.
    pub(crate) fn into_numbers(self) -> Option<Numbers> {
        let shared = match Arc::try_unwrap(self.0) {
            Ok(Stored::Numbers(numbers)) => return Some(numbers),
            Ok(Stored::Heap(_) | Stored::Mapped { .. }) => return None,
            Err(shared) => shared,
        };
        if let Stored::Numbers(numbers) = &*shared { Some(numbers.clone()) } else { None }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &*self.0 {
            Stored::Heap(bytes) => bytes,
            Stored::Numbers(numbers) => numbers.bytes(),
            Stored::Mapped { mapping, len, .. } => &mapping[..*len],
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Stored::Heap(bytes)))
    }
}

impl From<Numbers> for Bytes {
    fn from(numbers: Numbers) -> Self {
        Self(Arc::new(Stored::Numbers(numbers)))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(bytes::deserialize::<Vec<u8>, _>(deserializer)?.into())
    }
}

/// The most jobs of this process that use a descriptor for their bytes: a long queue must not use all that there are.
pub(crate) const MOST_PERMITS: usize = 64;

/// Leave to use a descriptor for the bytes of a job.
pub(crate) struct Permit(());

static PERMITS: AtomicUsize = AtomicUsize::new(0);

impl Permit {
    pub(crate) fn take() -> Option<Self> {
        let more = |taken| (taken < MOST_PERMITS).then_some(taken + 1);
        // Relaxed: it is a count, and carries no data.
        PERMITS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        PERMITS.fetch_sub(1, Ordering::Relaxed);
    }
}

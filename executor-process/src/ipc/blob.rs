//! Bytes in shared memory, for jobs and results that are mostly bytes.

use std::borrow::Borrow;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use executor_core::bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::ipc::attachments::{self, Attachment, attach_once, take};
use crate::ipc::plain::{self, CastError, Plain};
use crate::ipc::shared_memory::{self, Draft, Frozen};

/// Immutable bytes in shared memory, which reach another process without being copied.
///
/// A `Blob` can be anywhere in a job's arguments, in its result, or in a message of a [`channel`](crate::channel()),
/// also inside structs, enums and `Vec`s. It dereferences to `[u8]`. A clone shares the same memory.
///
/// The bytes never change: the kernel seals the memory when the `Blob` is made, so even a faulty process cannot
/// change or truncate what another process reads. An empty `Blob` uses no memory.
///
/// Each non-empty `Blob` uses one file descriptor in every process that has it, also while its job is queued or its
/// result is not yet taken; clones share the descriptor. For thousands of small buffers, combine them into one
/// `Blob`, or pass each as a `Vec<u8>`, which is faster up to about 1 MiB.
///
/// The memory is the system's, not that of one process: a blob counts in no worker's
/// [`memory_limit`](crate::ProcessPoolBuilder::memory_limit). More bytes than the system has left are refused with an error. In a container with less memory than
/// that, the kernel may end the program instead.
///
/// ```
/// use executor::{Blob, ProcessPool, call};
///
/// fn inverted(image: Blob) -> Blob {
///     Blob::build(image.len(), |bytes| {
///         for (new, old) in bytes.iter_mut().zip(image.iter()) {
///             *new = !old;
///         }
///     })
///     .expect("there is memory")
/// }
///
/// let pool = ProcessPool::new(1)?;
/// let image = Blob::from(vec![0_u8; 1 << 20]);
/// let result = pool.submit(call!(inverted(image))).result()?;
/// assert_eq!(result[..], [255_u8; 1 << 20]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A `Blob` can be serialized only as part of a job, a result or a message; any other serializer returns an error:
///
/// ```
/// # use executor::Blob;
/// let error = serde_json::to_string(&Blob::from(b"some bytes")).unwrap_err();
/// assert!(error.to_string().starts_with("a `Blob` can be encoded only as part of a job"));
/// ```
#[derive(Clone, Default)]
pub struct Blob(Option<Arc<Frozen>>);

impl Blob {
    /// Copies `bytes` into a new blob.
    ///
    /// # Errors
    ///
    /// If the system has no memory or no file descriptor left.
    pub fn copy_of(bytes: &[u8]) -> io::Result<Self> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self(Some(Arc::new(Frozen::copy_of(bytes)?))))
    }

    /// Creates a blob of `len` bytes, and lets `fill` write them in place, without a copy. All bytes are zero at first.
    ///
    /// The memory is made in one piece before `fill` is called: writing to it causes no page faults, and a shortage is an error here.
    ///
    /// ```
    /// # use executor::Blob;
    /// let blob = Blob::build(3, |bytes| bytes[1] = 7)?;
    /// assert_eq!(*blob, [0, 7, 0]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the system has no memory or no file descriptor left; `fill` is then not called.
    pub fn build(len: usize, fill: impl FnOnce(&mut [u8])) -> io::Result<Self> {
        let Some(len) = NonZeroUsize::new(len) else {
            fill(&mut []);
            return Ok(Self::default());
        };
        let mut draft = Draft::new(shared_memory::file()?, 0, len)?;
        fill(&mut draft);
        Ok(Self(Some(Arc::new(draft.freeze()?))))
    }

    /// Reads a file into a new blob, as it is now. Blocks while the file is read.
    ///
    /// The kernel copies the file into shared memory, once for all processes; nothing passes through this program. The blob does not change with the
    /// file afterwards: programs that shorten or overwrite the file cost no job anything.
    ///
    /// ```
    /// # use executor::Blob;
    /// let manifest = Blob::from_file("Cargo.toml")?;
    /// assert!(manifest.starts_with(b"["));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - If the file cannot be opened or read, or is not a regular file. A named pipe is not waited for.
    /// - If another program shortens the file meanwhile: [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
    /// - If the system has no memory or no file descriptor left, or the file is larger than the memory that is left.
    pub fn from_file(path: impl AsRef<Path>) -> io::Result<Self> {
        let frozen = shared_memory::copy_of_file(&shared_memory::open_regular(path.as_ref())?)?;
        Ok(Self(frozen.map(Arc::new)))
    }

    /// Returns the bytes as values of `T`, without a copy: any number type, and with the feature `bytemuck` any `bytemuck::Pod`.
    ///
    /// ```
    /// # use executor::Blob;
    /// let blob = Blob::copy_of(&[1.5_f32, 2.5].map(f32::to_ne_bytes).concat())?;
    /// assert_eq!(blob.cast::<f32>()?, [1.5, 2.5]);
    /// let error = Blob::from(b"odd").cast::<f32>().unwrap_err();
    /// assert!(error.to_string().starts_with("3 bytes are not a whole number of `f32`"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the bytes are not a whole number of `T`, or `T` wants an alignment above that of a memory page.
    pub fn cast<T: Plain>(&self) -> Result<&[T], CastError> {
        plain::cast(self)
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |frozen| frozen)
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Borrow<[u8]> for Blob {
    fn borrow(&self) -> &[u8] {
        self
    }
}

/// Copies the bytes, like [`copy_of`](Blob::copy_of). Panics if that fails.
impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self::copy_of(bytes)
            .unwrap_or_else(|error| panic!("no shared memory for a blob of {} bytes: {error}", bytes.len()))
    }
}

/// Copies the bytes, like [`copy_of`](Blob::copy_of). Panics if that fails.
impl<const N: usize> From<&[u8; N]> for Blob {
    fn from(bytes: &[u8; N]) -> Self {
        Self::from(&bytes[..])
    }
}

/// Copies the bytes into shared memory, like [`copy_of`](Blob::copy_of). Panics if that fails.
impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(&bytes[..])
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Blob {}

impl std::hash::Hash for Blob {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.len())
    }
}

const NAME: &str = "a `Blob`";

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if attachments::blob_goes_by_value().map_err(ser::Error::custom)? {
            return serializer.serialize_bytes(self);
        }
        let attached = self.0.as_ref().map(|frozen| {
            attach_once(NAME, Attachment { descriptor: Arc::clone(frozen.file()), is_channel: false })
                .map_err(ser::Error::custom)
        });
        attached.transpose()?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if attachments::blob_comes_by_value().map_err(de::Error::custom)? {
            let bytes: Vec<u8> = bytes::deserialize(deserializer)?;
            return Self::copy_of(&bytes).map_err(de::Error::custom);
        }
        let Some(number) = Option::<u32>::deserialize(deserializer)? else { return Ok(Self::default()) };
        let open = |file| Frozen::open(file).map_err(|error| error.to_string());
        let frozen = take(NAME, number, open).map_err(de::Error::custom)?;
        Ok(Self(Some(Arc::new(frozen))))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::os::fd::OwnedFd;

    use rustix::fs::{SealFlags, fcntl_add_seals, ftruncate};

    use super::*;
    use crate::ipc::attachments::{collect, offer};

    /// Decodes a `Blob` from the descriptor, as a worker does.
    fn received(file: OwnedFd) -> Result<Blob, String> {
        let encoded = serde_json::to_string(&Some(0)).unwrap();
        offer(vec![Arc::new(file)], || serde_json::from_str(&encoded).map_err(|error| error.to_string()))
    }

    fn sealed(seals: SealFlags, prepare: impl FnOnce(&OwnedFd)) -> OwnedFd {
        let file = shared_memory::file().unwrap();
        prepare(&file);
        fcntl_add_seals(&file, seals).unwrap();
        file
    }

    #[test]
    fn it_is_its_bytes() {
        let blob = Blob::from(b"some bytes");
        assert_eq!(*blob, *b"some bytes");
        assert_eq!(blob, Blob::from(b"some bytes".to_vec()));
        assert_eq!(blob.clone().as_ptr(), blob.as_ptr(), "a clone is the same memory");
        assert!(Blob::from(vec![]).is_empty() && Blob::build(0, |_| {}).unwrap().is_empty());
        assert_eq!(format!("{blob:?}"), "Blob(10 bytes)");
    }

    #[test]
    fn it_travels_by_its_number() {
        let blob = Blob::from(b"some bytes");
        let (json, attached) = collect(|| serde_json::to_string(&[blob.clone(), Blob::default()]).unwrap());
        assert_eq!((&*json, attached.len()), ("[0,null]", 1));
        let descriptors = attached.into_iter().map(|attachment| attachment.descriptor).collect();
        let came: [Blob; 2] = offer(descriptors, || serde_json::from_str(&json).unwrap());
        assert_eq!(came, [blob, Blob::default()]);
    }

    #[test]
    fn it_travels_to_another_host_by_value() {
        let blobs = [Blob::from(b"some bytes"), Blob::default()];
        let bytes = attachments::encode_by_value(|| postcard::to_stdvec(&blobs).unwrap());
        assert_eq!(bytes, [&[10], &b"some bytes"[..], &[0]].concat());
        let came: [Blob; 2] = attachments::decode_by_value(|| postcard::from_bytes(&bytes).unwrap());
        assert_eq!(came, blobs);
    }

    #[test]
    fn unsealed_sparse_or_empty_memory_is_refused() {
        let all = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
        let fill = |file: &OwnedFd| shared_memory::write(file, b"bytes", 0).unwrap();
        assert_eq!(*received(sealed(all, fill)).unwrap(), *b"bytes");
        for missing in [SealFlags::SHRINK, SealFlags::GROW, SealFlags::WRITE] {
            let error = received(sealed(all - missing, fill)).unwrap_err();
            assert_eq!(error, "a `Blob` cannot be used: its shared memory is not sealed: it could still change");
        }
        let error = received(sealed(all, |file| ftruncate(file, 1 << 40).unwrap())).unwrap_err();
        assert!(error.contains("it claims 1099511627776 bytes of shared memory, but holds 0"), "{error}");
        let error = received(sealed(all, |_| {})).unwrap_err();
        assert!(error.contains("its shared memory is empty"), "{error}");
        let error = received(crate::ipc::socket::pair().unwrap().0).unwrap_err();
        assert!(error.contains("it is not shared memory"), "{error}");
    }

    #[test]
    fn nobody_can_write_to_it() {
        let blob = Blob::build(5000, |bytes| bytes.fill(1)).unwrap();
        let file = blob.0.as_ref().unwrap().file();
        assert!(shared_memory::write(file, b"x", 0).is_err());
        assert!(ftruncate(&**file, 0).is_err());
        assert!(shared_memory::clear(file, 0).is_err());
        assert_eq!(*blob, [1; 5000]);
    }
}

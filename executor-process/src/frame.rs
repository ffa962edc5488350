//! What the parent and a worker say to each other.

use std::fmt;
use std::sync::Arc;

use executor_core::panics::catch;
use ipc_channel::ipc::{IpcReceiver, IpcSender, IpcSharedMemory};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::about::About;
use crate::codec::Codec;
use crate::kind::Answer;
use crate::worker::image::Offset;

/// Payloads up to this many bytes go in the message itself. It leaves a message well below the size of a socket's buffer
/// (208 KiB by default, socket(7)), so that sending one neither blocks nor splits it.
pub(crate) const INLINE: usize = 64 * 1024;

/// The first message of a worker, to whoever holds the name of the rendezvous.
#[derive(Serialize, Deserialize)]
pub(crate) enum Greeting {
    Hello(Box<Hello>),
    /// The worker cannot be one, for this reason. It ends.
    Refused(String),
}

/// A worker is there, is the one that was started, and is of the same program.
#[derive(Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) token: String,
    pub(crate) build: String,
    pub(crate) requests: IpcSender<Request>,
    pub(crate) replies: IpcReceiver<Reply>,
    /// Into the same receiver, for the parent to wake itself when the worker dies.
    pub(crate) wake: IpcSender<Reply>,
    /// The memory of its page.
    pub(crate) page: IpcSharedMemory,
    /// The worker ends when this one is gone: nobody but the parent holds it.
    pub(crate) lifeline: IpcSender<()>,
}

/// From the parent.
#[derive(Serialize, Deserialize)]
pub(crate) enum Request {
    /// The first one. Answered by [`Reply::Ready`] or [`Reply::NotReady`] if there is an initializer.
    Prepare { name: String, codec: Codec, initializer: Option<(Offset, Bytes)> },
    /// Jobs to run one after the other, answered by [`Reply::Done`].
    Run(Vec<Sent>),
}

/// A job as it is sent.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sent {
    /// Its place on the page.
    pub(crate) slot: usize,
    pub(crate) job: u64,
    pub(crate) attempt: u32,
    pub(crate) about: Option<About>,
    pub(crate) work: Offset,
    pub(crate) body: Body,
}

/// From a worker.
#[derive(Serialize, Deserialize)]
pub(crate) enum Reply {
    Ready,
    /// The initializer failed, for this reason.
    NotReady(String),
    /// The answer of a job that is done, which is not on the page.
    Answer {
        slot: usize,
        job: u64,
        answer: Answered,
    },
    /// Some jobs are done, and others of the same message are not.
    Some,
    /// All jobs of the message are done, or were revoked.
    Done,
    /// From the parent to itself: the worker died.
    Died,
}

/// An [`Answer`], whose result may be too large for a message.
#[derive(Serialize, Deserialize)]
pub(crate) enum Answered {
    Large(IpcSharedMemory),
    Small(Answer),
}

impl Answered {
    pub(crate) fn pack(answer: Answer) -> std::io::Result<Self> {
        match answer {
            Answer::Done(bytes) if bytes.0.len() > INLINE => Ok(Self::Large(share(&bytes.0)?)),
            answer => Ok(Self::Small(answer)),
        }
    }

    /// The bytes of an answer that may be short enough for the page.
    pub(crate) fn short(&self) -> Option<Vec<u8>> {
        match self {
            Self::Small(answer) => postcard::to_stdvec(answer).ok(),
            Self::Large(_) => None,
        }
    }

    /// Copies a large result, so that one that nobody takes for a while holds memory, and no descriptor.
    pub(crate) fn unpack(self) -> Answer {
        match self {
            Self::Large(memory) => Answer::Done(memory.to_vec().into()),
            Self::Small(answer) => answer,
        }
    }
}

/// The bytes of a job, in the message or beside it.
#[derive(Serialize, Deserialize)]
pub(crate) enum Body {
    Inline(Bytes),
    Shared(IpcSharedMemory),
}

impl Body {
    pub(crate) fn pack(bytes: &Bytes) -> std::io::Result<Self> {
        if bytes.0.len() > INLINE { Ok(Self::Shared(share(&bytes.0)?)) } else { Ok(Self::Inline(bytes.clone())) }
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Inline(bytes) => &bytes.0,
            Self::Shared(memory) => memory,
        }
    }
}

/// Shared memory with a copy of `bytes`. ipc-channel panics where the system refuses it.
fn share(bytes: &[u8]) -> std::io::Result<IpcSharedMemory> {
    catch(|| IpcSharedMemory::from_bytes(bytes)).map_err(|_| {
        let last = std::io::Error::last_os_error();
        std::io::Error::new(last.kind(), format!("no shared memory of {} bytes ({last})", bytes.len()))
    })
}

/// Bytes that serde copies as a whole, not one by one. Cheap to clone: a job is kept until it has begun.
#[derive(Clone, Default)]
pub(crate) struct Bytes(pub(crate) Arc<Vec<u8>>);

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Copied;
        impl Visitor<'_> for Copied {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(bytes.to_vec().into())
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(bytes.into())
            }
        }
        deserializer.deserialize_byte_buf(Copied)
    }
}

//! The common part of all handles: the link to the manager, the object's number, and the codec.

use std::any::type_name;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::endpoint::{self, Link};
use super::error::ManagerError;
use super::protocol::{ObjectId, Op, Place, Raw, Refusal, Reply, parse};
use crate::ipc::attachments::collect;
use crate::ipc::codec::Codec;

const NO_DESCRIPTORS: &str = "a manager stores only bytes: no `Blob`, no end of a channel, and no handle of another \
                              manager; send these in a job or through a channel";

/// Cheap to clone: the same thing.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    pub(super) link: Arc<Link>,
    pub(super) object: ObjectId,
    codec: Codec,
}

/// A handle as bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct Wire {
    link: endpoint::Wire,
    object: ObjectId,
    codec: Codec,
}

/// An answer, as it came.
pub(super) struct Answer(pub(super) Vec<u8>);

impl Answer {
    pub(super) fn reply(&self) -> Result<Reply<Raw<'_>>, ManagerError> {
        match parse(&self.0) {
            Some(Reply::Refused(refusal)) => Err(refusal.into()),
            Some(reply) => Ok(reply),
            None => Err(odd()),
        }
    }
}

/// The error for an answer that our manager never sends.
pub(super) fn odd() -> ManagerError {
    ManagerError::Codec(
        "the manager's answer is invalid: this handle was not created by a manager of this program".to_owned(),
    )
}

impl From<Refusal> for ManagerError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotThere => Self::Discarded,
            Refusal::OutOfRange { len } => Self::OutOfRange { len: usize::try_from(len).unwrap_or(usize::MAX) },
            Refusal::NothingToDo => Self::NothingToDo,
            Refusal::TooMany => Self::TooManyPermits,
            Refusal::TooLarge => Self::Codec("it is larger than 4 GiB, the limit of a single read".to_owned()),
        }
    }
}

/// A time limit, as it is sent. One that is too long for that is none.
pub(super) fn nanos(limit: Duration) -> Option<u64> {
    u64::try_from(limit.as_nanos()).ok()
}

impl Handle {
    pub(super) fn new(link: Arc<Link>, object: ObjectId, codec: Codec) -> Self {
        Self { link, object, codec }
    }

    /// The same way to something else.
    pub(super) fn of(&self, object: ObjectId) -> Self {
        Self { link: Arc::clone(&self.link), object, codec: self.codec }
    }

    pub(super) fn wire(&self, what: &str) -> Result<Wire, String> {
        Ok(Wire { link: self.link.wire(what)?, object: self.object, codec: self.codec })
    }

    pub(super) fn from_wire(what: &str, wire: Wire) -> Result<Self, String> {
        Ok(Self { link: Link::from_wire(what, wire.link)?, object: wire.object, codec: wire.codec })
    }

    /// Asks, and blocks until there is an answer.
    pub(super) fn ask(&self, op: Op<'_>) -> Result<Answer, ManagerError> {
        self.ask_within(None, op)
    }

    /// As `ask`. The answer is [`Reply::Expired`] after as many nanoseconds.
    pub(super) fn ask_within(&self, limit: Option<u64>, op: Op<'_>) -> Result<Answer, ManagerError> {
        self.link.ask(self.object, limit, op).map(Answer)
    }

    pub(super) fn discard(&self) -> Result<(), ManagerError> {
        self.done(Op::Discard)
    }

    /// Asks for what has no result.
    pub(super) fn done(&self, op: Op<'_>) -> Result<(), ManagerError> {
        self.done_within(None, op)?.then_some(()).ok_or_else(odd)
    }

    /// As `done`. False when the time is up.
    pub(super) fn done_within(&self, limit: Option<u64>, op: Op<'_>) -> Result<bool, ManagerError> {
        match self.ask_within(limit, op)?.reply()? {
            Reply::Done => Ok(true),
            Reply::Expired => Ok(false),
            _ => Err(odd()),
        }
    }

    pub(super) fn count(&self, op: Op<'_>) -> Result<usize, ManagerError> {
        self.count_within(None, op)?.ok_or_else(odd)
    }

    /// As `count`. `None` when the time is up.
    pub(super) fn count_within(&self, limit: Option<u64>, op: Op<'_>) -> Result<Option<usize>, ManagerError> {
        match self.ask_within(limit, op)?.reply()? {
            Reply::Count(count) => Ok(Some(usize::try_from(count).unwrap_or(usize::MAX))),
            Reply::Expired => Ok(None),
            _ => Err(odd()),
        }
    }

    /// `None` when the time is up.
    pub(super) fn flag_within(&self, limit: Option<u64>, op: Op<'_>) -> Result<Option<bool>, ManagerError> {
        match self.ask_within(limit, op)?.reply()? {
            Reply::Flag(flag) => Ok(Some(flag)),
            Reply::Expired => Ok(None),
            _ => Err(odd()),
        }
    }

    /// Asks for a value, and returns whether it is there.
    pub(super) fn has(&self, op: Op<'_>) -> Result<bool, ManagerError> {
        match self.ask(op)?.reply()? {
            Reply::Value(value) => Ok(value.is_some()),
            _ => Err(odd()),
        }
    }

    /// Asks for a value, which may not be there.
    pub(super) fn value<T: DeserializeOwned>(&self, op: Op<'_>) -> Result<Option<T>, ManagerError> {
        match self.ask(op)?.reply()? {
            Reply::Value(value) => value.map(|value| self.decode(value)).transpose(),
            _ => Err(odd()),
        }
    }

    pub(super) fn values<T: DeserializeOwned>(&self) -> Result<Vec<T>, ManagerError> {
        match self.ask(Op::All)?.reply()? {
            Reply::Values(values) => values.into_iter().map(|value| self.decode(value)).collect(),
            _ => Err(odd()),
        }
    }

    pub(super) fn pairs<T>(
        &self,
        decode: impl Fn(&Self, Raw<'_>, Raw<'_>) -> Result<T, ManagerError>,
    ) -> Result<Vec<T>, ManagerError> {
        match self.ask(Op::All)?.reply()? {
            Reply::Pairs(pairs) => pairs.into_iter().map(|(key, value)| decode(self, key, value)).collect(),
            _ => Err(odd()),
        }
    }

    pub(super) fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>, ManagerError> {
        let mut bytes = Vec::new();
        let (encoded, attached) = self.link.within(|| collect(|| self.codec.encode_into(&value, &mut bytes)));
        let encoded = if attached.is_empty() { encoded } else { Err(NO_DESCRIPTORS.to_owned()) };
        match encoded {
            Ok(()) => Ok(bytes),
            Err(cause) => {
                Err(ManagerError::Codec(format!("a value `{}` could not be encoded: {cause}", type_name::<T>())))
            }
        }
    }

    pub(super) fn decode<T: DeserializeOwned>(&self, bytes: Raw<'_>) -> Result<T, ManagerError> {
        self.link.within(|| self.codec.decode_value(bytes.0, Vec::new())).map_err(|cause| {
            ManagerError::Codec(format!("a value `{}` could not be decoded: {cause}", type_name::<T>()))
        })
    }

    pub(super) fn encode_all<T: Serialize>(
        &self,
        values: impl IntoIterator<Item = T>,
    ) -> Result<Vec<Vec<u8>>, ManagerError> {
        values.into_iter().map(|value| self.encode(&value)).collect()
    }

    /// Replaces what is at an index, and returns what was.
    pub(super) fn set_at<T: Serialize + DeserializeOwned>(&self, index: u64, value: &T) -> Result<T, ManagerError> {
        let value = self.encode(value)?;
        self.value(Op::Put(Place::Index(index), Raw(&value)))?.ok_or_else(odd)
    }
}

/// A handle of some kind: a type that travels.
macro_rules! handle {
    ($(#[$doc:meta])* $name:ident $(<$($param:ident),+>)?, $what:literal) => {
        $(#[$doc])*
        pub struct $name $(<$($param),+>)? {
            handle: $crate::manager::handle::Handle,
            of: std::marker::PhantomData<fn() -> ($($($param,)+)?)>,
        }

        impl $(<$($param),+>)? $name $(<$($param),+>)? {
            pub(super) fn new(handle: $crate::manager::handle::Handle) -> Self {
                Self { handle, of: std::marker::PhantomData }
            }

            /// Removes the object from the manager, which otherwise keeps it until the manager is dropped. Waiting
            /// calls, and later calls through other handles, fail with
            /// [`ManagerError::Discarded`](crate::manager::ManagerError::Discarded). Discarding an object again does
            /// nothing.
            ///
            /// # Errors
            ///
            /// If the manager is gone.
            pub fn discard(self) -> Result<(), $crate::manager::ManagerError> {
                self.handle.discard()
            }
        }

        impl $(<$($param),+>)? Clone for $name $(<$($param),+>)? {
            fn clone(&self) -> Self {
                Self::new(self.handle.clone())
            }
        }

        $crate::ipc::travels::travels! { $name $(<$($param),+>)?, handle: $crate::manager::handle::Handle, $what }
    };
}
pub(super) use handle;

//! The common part of all ends: a socket and a codec.

use std::any::type_name;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{Reason, RecvError, SendError};
use crate::ipc::attachments::{Attachment, attach_once, take};
use crate::ipc::codec::Codec;
use crate::ipc::payload::{MAX_INLINE, Payload};
use crate::ipc::shared_memory;
use crate::ipc::socket::{self, NO_ROOM, Packet, Wait};

/// Cheap to clone: the same socket.
#[derive(Clone, Debug)]
pub(super) struct End {
    socket: Arc<OwnedFd>,
    codec: Codec,
}

/// An end as bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct Wire {
    number: u32,
    codec: Codec,
}

/// Tag of a message whose bytes follow.
const INSIDE: u8 = 0;
/// Tag of a message in shared memory: its length follows.
const BESIDE: u8 = 1;

impl End {
    pub(super) fn new(socket: OwnedFd, codec: Codec) -> Self {
        Self { socket: Arc::new(socket), codec }
    }

    pub(super) fn wire(&self, what: &str) -> Result<Wire, String> {
        let number = attach_once(what, Attachment { descriptor: Arc::clone(&self.socket), is_channel: true })?;
        Ok(Wire { number, codec: self.codec })
    }

    pub(super) fn from_wire(what: &str, wire: Wire) -> Result<Self, String> {
        take(what, wire.number, |socket| match socket_type(&*socket) {
            Ok(SocketType::SEQPACKET) => Ok(Self { socket, codec: wire.codec }),
            _ => Err("it is not an end of a channel".to_owned()),
        })
    }

    /// Sends a value. If it did not go, it comes back.
    pub(super) fn send<T: Serialize>(&self, value: T, wait: Wait) -> Result<(), SendError<T>> {
        let message = match self.codec.encode(&value) {
            Ok(message) => message,
            Err(cause) => return Err(SendError::new(value, Reason::Codec(cause))),
        };
        self.send_message(&message, wait).map_err(|error| {
            let reason = match error.kind() {
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Reason::Disconnected,
                io::ErrorKind::WouldBlock => Reason::Full,
                _ => Reason::Io(error),
            };
            SendError::new(value, reason)
        })
    }

    /// The next value.
    pub(super) fn receive<T: DeserializeOwned>(&self, wait: Wait) -> Result<T, RecvError> {
        let lost =
            |cause: String| RecvError::Lost(format!("a message `{}` could not be decoded: {cause}", type_name::<T>()));
        match self.receive_message(wait) {
            Ok(Some(message)) => self.codec.decode_payload(&message).map_err(lost),
            Ok(None) => Err(RecvError::Disconnected),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::WouldBlock => RecvError::Empty,
                io::ErrorKind::InvalidData => lost(error.to_string()),
                _ => RecvError::Io(error),
            }),
        }
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Waits up to `limit`. True if `receive` would not block.
    pub(super) fn poll(&self, limit: Duration) -> bool {
        // If poll(2) fails, `receive` reports the error.
        socket::is_ready(&self.socket, limit).unwrap_or(true)
    }

    fn send_message(&self, message: &Payload, wait: Wait) -> io::Result<()> {
        let attachments = message.lend();
        let bytes = message.bytes();
        let memory = if bytes.len() > MAX_INLINE { Some(shared_memory::scratch_of(bytes, 0)?) } else { None };
        let handles = attachments.iter().map(|attachment| attachment.descriptor.as_fd());
        let descriptors: Vec<_> = memory.iter().map(AsFd::as_fd).chain(handles).collect();
        if memory.is_some() {
            let len = bytes.len() as u64;
            socket::send(&self.socket, &[BESIDE], &len.to_le_bytes(), &descriptors, wait)
        } else {
            socket::send(&self.socket, &[INSIDE], bytes, &descriptors, wait)
        }
    }

    /// The next message, or `None` when the other end is gone.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there was none in time; `InvalidData` when the message is lost, and others may follow.
    fn receive_message(&self, wait: Wait) -> io::Result<Option<Payload>> {
        let Some(packet) = socket::receive(&self.socket, wait)? else { return Ok(None) };
        let Packet { mut bytes, mut descriptors, is_cut } = packet;
        let lost = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
        if is_cut {
            return Err(lost(NO_ROOM));
        }
        let form = bytes.remove(0);
        if form == BESIDE {
            let len = <[u8; 8]>::try_from(bytes).ok().and_then(|len| usize::try_from(u64::from_le_bytes(len)).ok());
            let len = len.filter(|_| !descriptors.is_empty()).ok_or_else(|| lost("it has an unknown format"))?;
            bytes = shared_memory::read(&descriptors.remove(0), 0, len).map_err(|error| lost(&error.to_string()))?;
        } else if form != INSIDE {
            return Err(lost("it has an unknown format"));
        }
        let attachments = descriptors
            .into_iter()
            .map(|descriptor| Attachment { descriptor: Arc::new(descriptor), is_channel: false })
            .collect();
        Ok(Some(Payload::new(bytes, attachments)))
    }
}

/// The traits of all kinds of ends: types with an [`End`] in a field of that name.
macro_rules! end {
    ($name:ident<$($param:ident),+>, $what:literal) => {
        /// The descriptor is for waiting on several sources with `poll(2)`. Do not read from it, write to it or
        /// change its flags: that breaks the channel.
        impl<$($param),+> std::os::fd::AsFd for $name<$($param),+> {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.end.as_fd()
            }
        }

        $crate::ipc::travels::travels! { $name<$($param),+>, end: $crate::ipc::channel::end::End, $what }
    };
}
pub(super) use end;

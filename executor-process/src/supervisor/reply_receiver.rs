//! Where the replies of a worker come in. ipc-channel trusts the packets that it reads: it ends this program, or forgets descriptors, over
//! a message with some that no reply has; waits for what a packet says is to follow; and makes room for as much as it says. So each is
//! looked at first, and ipc-channel gets none but those that are whole and come alone.

use std::io::{self, ErrorKind, IoSliceMut};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use executor_core::panics::catch;
use ipc_channel::ipc::{IpcReceiver, IpcSender};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, Shutdown, recvmsg, shutdown};

use crate::ipc::socket::{Wait, wait_for};
use crate::protocol::message::Reply;

/// The length of ipc-channel's header before a message: the sizes of the packet, and of the message that it begins.
pub(crate) const HEAD: usize = 2 * size_of::<usize>();

/// Whether a packet of `len` bytes that starts so is a message of its own.
pub(crate) fn is_whole(head: [u8; HEAD], len: usize) -> bool {
    let (packet, message) = head.split_at(size_of::<usize>());
    packet == len.to_ne_bytes() && len.checked_sub(HEAD).is_some_and(|len| message == len.to_ne_bytes())
}

/// The receiver, and the same socket once more.
pub(crate) struct ReplyReceiver {
    replies: IpcReceiver<Reply>,
    socket: Arc<OwnedFd>,
    /// Into the same channel: it ends with its worker, not when a job has closed the worker's side.
    _holds_open: Option<IpcSender<Reply>>,
}

/// Ends a receiver from another thread. Does not keep it alive.
pub(crate) struct ReplyReceiverEnd(Weak<OwnedFd>);

impl ReplyReceiverEnd {
    /// Nothing more comes in: the receiver gives what is there, and then its end. Never blocks, whether there is room or not.
    pub(crate) fn end(&self) {
        if let Some(socket) = self.0.upgrade() {
            // It fails for no socket that is connected.
            let _ = shutdown(&*socket, Shutdown::Read);
        }
    }
}

/// A message of a worker, or why there is none.
pub(crate) enum Received {
    Reply(Reply),
    /// It died, or closed its channel: there is nothing more to come.
    Closed,
    /// It cannot be read, for this reason.
    Invalid(String),
    /// Nothing came within the limit.
    TimedOut,
}

impl ReplyReceiver {
    /// `socket` is that of `replies`.
    pub(crate) fn new(replies: IpcReceiver<Reply>, socket: OwnedFd, holds_open: Option<IpcSender<Reply>>) -> Self {
        Self { replies, socket: Arc::new(socket), _holds_open: holds_open }
    }

    /// A handle that ends it.
    pub(crate) fn of_end(&self) -> ReplyReceiverEnd {
        ReplyReceiverEnd(Arc::downgrade(&self.socket))
    }

    /// A channel for tests, with the socket that leads into it.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn pair() -> (ipc_channel::ipc::IpcSender<Reply>, OwnedFd, Self) {
        let (sender, receiver) = ipc_channel::ipc::channel().expect("a channel");
        let (sender, way) = crate::supervisor::rendezvous::with_socket(sender);
        let (receiver, socket) = crate::supervisor::rendezvous::with_socket(receiver);
        (sender, way, Self::new(receiver, socket, None))
    }

    /// Waits for the next message, for `limit` at most.
    pub(crate) fn receive(&self, limit: Option<Duration>) -> Received {
        match self.look(limit) {
            Ok(None) => {}
            Ok(Some(received)) => return received,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Received::Closed,
            Err(error) => return Received::Invalid(error.to_string()),
        }
        // It is there. ipc-channel does not panic over it, as far as we know.
        match catch(|| self.replies.recv()) {
            Ok(Ok(reply)) => Received::Reply(reply),
            Ok(Err(error)) => Received::Invalid(error.to_string()),
            Err(panic) => Received::Invalid(panic.to_string()),
        }
    }

    /// Waits for a packet, and leaves it where it is. `None` if it is to be read.
    fn look(&self, limit: Option<Duration>) -> io::Result<Option<Received>> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        if let Some(deadline) = deadline
            && !wait_for(&self.socket, PollFlags::IN, Wait::Until(deadline))?
        {
            return Ok(Some(Received::TimedOut));
        }
        let mut head = [0; HEAD];
        let packet = loop {
            // Without room for descriptors, which are told of all the same.
            let (parts, mut none) = (&mut [IoSliceMut::new(&mut head)], RecvAncillaryBuffer::default());
            match recvmsg(&self.socket, parts, &mut none, RecvFlags::PEEK | RecvFlags::TRUNC) {
                Err(Errno::INTR) => {}
                packet => break packet?,
            }
        };
        let nonsense = |what: &str| Received::Invalid(what.to_owned());
        Ok(match packet.bytes {
            0 => Some(Received::Closed),
            _ if packet.flags.contains(ReturnFlags::CTRUNC) => Some(nonsense("a message with descriptors")),
            len if !is_whole(head, len) => Some(nonsense("a packet that is no whole message")),
            _ => None,
        })
    }
}

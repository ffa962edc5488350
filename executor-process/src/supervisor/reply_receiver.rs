//! Where the replies of a worker come in.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};

use crate::ipc::socket::{Wait, wait_for};
use crate::protocol::ipc_packet::{self, Packet};
use crate::protocol::message::Reply;
use crate::protocol::record::Record;
use crate::protocol::status_page::SLOTS;
use crate::supervisor::output::Output;

/// The parent's end of the socket that replies come through.
pub(crate) struct ReplyReceiver {
    socket: Arc<OwnedFd>,
    /// The worker's end: the replies end with the worker, not when a job has closed the worker's descriptors.
    _holds_open: Option<OwnedFd>,
    /// Messages that were read in search of records, and are received next.
    early: RefCell<VecDeque<Received>>,
    /// How many records had been sent when they were looked for last.
    seen: Cell<u64>,
}

/// The most messages that are read in one search for records: a socket holds fewer, unless the worker sends meanwhile.
const MOST_SEARCHED: usize = 1024;

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
    /// `holds_open` is the other end of `socket`.
    pub(crate) fn new(socket: OwnedFd, holds_open: Option<OwnedFd>) -> Self {
        let (early, seen) = (RefCell::default(), Cell::new(0));
        Self { socket: Arc::new(socket), _holds_open: holds_open, early, seen }
    }

    /// A handle that ends it.
    pub(crate) fn of_end(&self) -> ReplyReceiverEnd {
        ReplyReceiverEnd(Arc::downgrade(&self.socket))
    }

    /// One for tests, with a sender that leads into it, and the socket of that.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn pair() -> (ipc_channel::ipc::IpcSender<Reply>, OwnedFd, Self) {
        use crate::ipc::socket;
        use crate::supervisor::rendezvous::open_channel;
        let (sender, end) = open_channel().expect("a channel");
        // ipc-channel shows a socket only in a message.
        let (shows, shown) = open_channel().expect("a channel");
        shows.send(sender.clone()).expect("it can be sent");
        let packet = socket::receive(&shown, Wait::No).expect("it was sent just now").expect("it was sent just now");
        let way = packet.descriptors.into_iter().next().expect("it holds the sender");
        (sender, way, Self::new(end, None))
    }

    /// Passes the records to `take` that have come in, if the worker has counted `sent` of them and the last call was told of fewer. Never blocks.
    pub(crate) fn take_counted_records(&self, sent: u64, take: impl FnMut(Record)) {
        if self.seen.replace(sent) != sent {
            self.take_records(take);
        }
    }

    /// Passes the records to `take` that have come in. Never blocks.
    pub(crate) fn take_records(&self, mut take: impl FnMut(Record)) {
        for _ in 0..MOST_SEARCHED {
            // A worker has an answer for each slot, and few other messages.
            if self.early.borrow().len() > SLOTS {
                return;
            }
            match self.receive_next(Some(Duration::ZERO)) {
                Received::Reply(Reply::Record(record)) => take(record),
                Received::TimedOut => return,
                received => {
                    let is_last = !matches!(received, Received::Reply(_));
                    self.early.borrow_mut().push_back(received);
                    if is_last {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for the next message, for `limit` at most.
    pub(crate) fn receive(&self, limit: Option<Duration>) -> Received {
        let early = self.early.borrow_mut().pop_front();
        early.unwrap_or_else(|| self.receive_next(limit))
    }

    /// The same, and reads output meanwhile.
    pub(crate) fn receive_with(&self, output: &Output, limit: Option<Duration>) -> Received {
        if let Some(early) = self.early.borrow_mut().pop_front() {
            return early;
        }
        match output.read_until_ready(self.socket.as_fd(), limit) {
            Ok(true) => self.receive_next(None),
            Ok(false) => Received::TimedOut,
            Err(error) => Received::Invalid(error.to_string()),
        }
    }

    fn receive_next(&self, limit: Option<Duration>) -> Received {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        if let Some(deadline) = deadline {
            match wait_for(&self.socket, PollFlags::IN, Wait::Until(deadline)) {
                Ok(true) => {}
                Ok(false) => return Received::TimedOut,
                Err(error) => return Received::Invalid(error.to_string()),
            }
        }
        match ipc_packet::receive(&self.socket) {
            Ok(Packet::Message(reply)) => Received::Reply(reply),
            Ok(Packet::Invalid(why)) => Received::Invalid(why),
            Ok(Packet::End) | Err(Errno::CONNRESET) => Received::Closed,
            Err(error) => Received::Invalid(io::Error::from(error).to_string()),
        }
    }
}

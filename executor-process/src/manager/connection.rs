//! A process's connection to a manager: one socket, shared by its handles and threads.
//!
//! No dedicated thread reads. Of the threads that wait for an answer, one reads for all, until it has its own; then it wakes
//! another to read on. So if only one thread has a request, it sends and receives without waking another thread.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use executor_core::spin::Spin;
use parking_lot::{Condvar, Mutex, MutexGuard};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, send, shutdown, socketpair};

use super::protocol::{AWAKE, Frames, ObjectId, Op, Request, frame};
use crate::ipc::socket::{self, Wait};

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection is over.
    Over,
    /// The request cannot be sent.
    TooLarge(String),
}

pub(super) struct Connection {
    socket: OwnedFd,
    /// Which process made it. One that was forked from that makes its own.
    pid: u32,
    /// Held while a request is written: requests of threads must not mix.
    writing: Mutex<()>,
    inbox: Mutex<Inbox>,
    /// Locked by the thread that reads, without waiting.
    input: Mutex<Input>,
    is_over: AtomicBool,
}

/// The received bytes, and the state of the spin for more.
#[derive(Default)]
struct Input {
    frames: Frames,
    spin: Spin,
}

impl Input {
    /// Blocks until bytes arrive. False at the end of the connection.
    fn receive(&mut self, socket: &OwnedFd) -> Result<bool, Errno> {
        let mut received = Err(Errno::AGAIN);
        self.spin.until(AWAKE, || {
            received = self.frames.read(socket, RecvFlags::DONTWAIT);
            received != Err(Errno::AGAIN)
        });
        if received == Err(Errno::AGAIN) { self.frames.read(socket, RecvFlags::empty()) } else { received }
    }
}

#[derive(Default)]
struct Inbox {
    last: u64,
    waiting: HashMap<u64, Slot>,
    /// A thread reads.
    is_read: bool,
}

/// A thread that waits, or is about to.
#[derive(Default)]
struct Slot {
    answer: Option<Vec<u8>>,
    /// Wakes it, while it sleeps because another reads.
    sleeps: Option<Arc<Condvar>>,
}

impl Slot {
    fn wake(&self) {
        if let Some(sleeps) = &self.sleeps {
            sleeps.notify_one();
        }
    }
}

impl Connection {
    /// # Errors
    ///
    /// `BrokenPipe` when the manager is gone; or when the system has no descriptor left.
    pub(super) fn new(connector: &OwnedFd) -> io::Result<Self> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        socket::send(connector, &[0], &[], &[theirs.as_fd()], Wait::Forever)?;
        Ok(Self {
            socket: ours,
            pid: std::process::id(),
            writing: Mutex::new(()),
            inbox: Mutex::default(),
            input: Mutex::default(),
            is_over: AtomicBool::new(false),
        })
    }

    /// Whether a request of this process may be sent.
    pub(super) fn is_usable(&self) -> bool {
        // Relaxed: a thread that sees it late gets an error from the socket.
        !self.is_over.load(Ordering::Relaxed) && self.is_ours()
    }

    fn is_ours(&self) -> bool {
        self.pid == std::process::id()
    }

    /// Asks, and blocks until there is an answer: its bytes.
    pub(super) fn ask(&self, object: ObjectId, limit: Option<u64>, op: Op<'_>) -> Result<Vec<u8>, Failure> {
        let mut inbox = self.inbox.lock();
        inbox.last += 1;
        let id = inbox.last;
        inbox.waiting.insert(id, Slot::default());
        drop(inbox);
        let sent = self.write(&Request { id, object, limit, op });
        let mut inbox = self.inbox.lock();
        let answer = if sent.is_ok() { self.answer(id, &mut inbox) } else { None };
        inbox.waiting.remove(&id);
        if !inbox.is_read {
            // One of those who sleep reads on. Those who write will see for themselves.
            if let Some(next) = inbox.waiting.values().find(|slot| slot.answer.is_none() && slot.sleeps.is_some()) {
                next.wake();
            }
        }
        drop(inbox);
        sent?;
        answer.ok_or(Failure::Over)
    }

    /// Sends a request that gets no answer.
    pub(super) fn tell(&self, object: ObjectId, op: Op<'_>) -> Result<(), Failure> {
        self.write(&Request { id: 0, object, limit: None, op })
    }

    /// `None` when none will come.
    fn answer(&self, id: u64, inbox: &mut MutexGuard<'_, Inbox>) -> Option<Vec<u8>> {
        loop {
            let is_read = inbox.is_read;
            let slot = inbox.waiting.get_mut(&id)?;
            if let Some(answer) = slot.answer.take() {
                return Some(answer);
            }
            if is_read {
                let sleeps = Arc::clone(slot.sleeps.get_or_insert_default());
                sleeps.wait(inbox);
                continue;
            }
            slot.sleeps = None;
            inbox.is_read = true;
            let heard = MutexGuard::unlocked(inbox, || self.read());
            inbox.is_read = false;
            match heard {
                Some((heard, answer)) if heard == id => return Some(answer),
                Some((other, answer)) => {
                    // If its sender failed, no thread waits for it.
                    if let Some(slot) = inbox.waiting.get_mut(&other) {
                        slot.answer = Some(answer);
                        slot.wake();
                    }
                }
                None => {
                    self.end();
                    inbox.waiting.values().for_each(Slot::wake);
                    return None;
                }
            }
        }
    }

    /// The next answer, and which request it is of. Blocks.
    fn read(&self) -> Option<(u64, Vec<u8>)> {
        let mut input = self.input.lock();
        loop {
            if let Some(message) = input.frames.next() {
                let (id, answer) = postcard::take_from_bytes::<u64>(message).ok()?;
                return Some((id, answer.to_vec()));
            }
            match input.receive(&self.socket) {
                Ok(true) | Err(Errno::INTR) => {}
                Ok(false) | Err(_) => return None,
            }
        }
    }

    fn write(&self, request: &Request<'_>) -> Result<(), Failure> {
        if !self.is_usable() {
            return Err(Failure::Over);
        }
        let mut bytes = Vec::new();
        frame(&mut bytes, request).map_err(Failure::TooLarge)?;
        let mut rest = &bytes[..];
        let _writing = self.writing.lock();
        while !rest.is_empty() {
            match send(&self.socket, rest, SendFlags::NOSIGNAL) {
                Ok(sent) => rest = &rest[sent..],
                Err(Errno::INTR) => {}
                Err(_) => {
                    // Answers may have come before: waiting threads read to the end.
                    self.is_over.store(true, Ordering::Relaxed);
                    return Err(Failure::Over);
                }
            }
        }
        Ok(())
    }

    /// Ends the connection: later requests fail, and the reading thread sees the socket's end.
    fn end(&self) {
        // Relaxed: as in `is_usable`.
        self.is_over.store(true, Ordering::Relaxed);
        let _ = shutdown(&self.socket, Shutdown::Both);
    }
}

impl Drop for Connection {
    /// Shuts the socket down at once: a process just being started may have a copy. A forked process leaves it alone.
    fn drop(&mut self) {
        if self.is_ours() {
            self.end();
        }
    }
}

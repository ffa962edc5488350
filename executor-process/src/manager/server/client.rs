//! A client, as the manager's thread sees it: a socket, what has come, and what has not gone yet.

use std::os::fd::OwnedFd;

use rustix::event::epoll::{self, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt::{socket_domain, socket_type};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, send};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::ClientId;
use crate::ipc::payload::Bytes;
use crate::ipc::peer_pid::pid_of;
use crate::manager::protocol::{Frames, Refusal, Reply, frame};

/// If a client leaves this many bytes of answers unread, its requests are not read until it has taken some.
const PATIENCE: usize = 256 * 1024;

/// The result of a read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Some,
    Nothing,
    End,
}

pub(super) struct Peer {
    pub(super) socket: OwnedFd,
    /// Ready when the process is dead, even if another holds its socket. `None` for this process itself, and where there is no telling.
    death: Option<OwnedFd>,
    pub(super) pid: Option<u32>,
    pub(super) input: Frames,
    /// Has had its turn, and there is more in its input.
    pub(super) is_unserved: bool,
    output: Vec<u8>,
    /// How much of the output has gone.
    gone: usize,
    awaits: EventFlags,
}

impl Peer {
    /// `None` if it is no socket that a client of ours would send, or its process is dead.
    pub(super) fn new(socket: OwnedFd) -> Option<Self> {
        let is_ours =
            socket_domain(&socket) == Ok(AddressFamily::UNIX) && socket_type(&socket) == Ok(SocketType::STREAM);
        if !is_ours {
            return None;
        }
        let pid = pid_of(&socket);
        let other = pid.filter(|pid| *pid != std::process::id());
        let other = other.and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        let death = match other.map(|pid| pidfd_open(pid, PidfdFlags::empty())) {
            Some(Err(Errno::SRCH)) => return None,
            Some(opened) => opened.ok(),
            None => None,
        };
        let (input, output) = (Frames::default(), Vec::new());
        Some(Self { socket, death, pid, input, is_unserved: false, output, gone: 0, awaits: EventFlags::IN })
    }

    pub(super) fn watch(&self, events: &OwnedFd, client: ClientId) -> Result<(), Errno> {
        epoll::add(events, &self.socket, epoll::EventData::new_u64(2 * client), self.awaits)?;
        if let Some(death) = &self.death {
            epoll::add(events, death, epoll::EventData::new_u64(2 * client + 1), EventFlags::IN)?;
        }
        Ok(())
    }

    /// Said, because closing a descriptor does not do it where another process has a copy.
    pub(super) fn forget(&self, events: &OwnedFd) {
        let _ = epoll::delete(events, &self.socket);
        if let Some(death) = &self.death {
            let _ = epoll::delete(events, death);
        }
    }

    pub(super) fn wants_to_be_read(&self) -> bool {
        self.output.len() - self.gone <= PATIENCE
    }

    /// Reads what is there.
    pub(super) fn read(&mut self) -> Heard {
        // Not by the descriptor's own flag, which the client may change.
        match self.input.read(&self.socket, RecvFlags::DONTWAIT) {
            Ok(true) => Heard::Some,
            Err(Errno::AGAIN | Errno::INTR) => Heard::Nothing,
            Ok(false) | Err(_) => Heard::End,
        }
    }

    pub(super) fn say(&mut self, request: u64, reply: &Reply<Bytes>) {
        if frame(&mut self.output, &(request, reply)).is_err() {
            let refused = Reply::<Bytes>::Refused(Refusal::TooLarge);
            frame(&mut self.output, &(request, refused)).expect("a few bytes are a frame");
        }
    }

    /// Writes as much as goes.
    pub(super) fn write(&mut self) -> Result<(), Errno> {
        while self.gone < self.output.len() {
            match send(&self.socket, &self.output[self.gone..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) => self.gone += sent,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.gone = 0;
        self.output.clear();
        if self.output.capacity() > PATIENCE {
            self.output = Vec::new();
        }
        Ok(())
    }

    /// Says what is waited for next, if that has changed.
    pub(super) fn await_next(&mut self, events: &OwnedFd, client: ClientId) -> Result<(), Errno> {
        let mut awaits = EventFlags::empty();
        awaits.set(EventFlags::IN, self.wants_to_be_read());
        awaits.set(EventFlags::OUT, self.gone < self.output.len());
        if awaits != self.awaits {
            epoll::modify(events, &self.socket, epoll::EventData::new_u64(2 * client), awaits)?;
            self.awaits = awaits;
        }
        Ok(())
    }
}

//! The way of descriptors out of ipc-channel: a sender of ipc-channel whose messages come out of a socket of ours.

use std::os::fd::OwnedFd;
use std::process;

use executor_core::panics::catch;
use ipc_channel::ipc::IpcSender;
use parking_lot::Mutex;

use crate::ipc::attachments::MAX_DESCRIPTORS;
use crate::ipc::raw_channel::open_channel;
use crate::ipc::socket::{self, NO_ROOM, Wait};

pub(super) struct Gate {
    sender: IpcSender<()>,
    socket: OwnedFd,
    /// A forked process has the same socket, and must not use that.
    pid: u32,
}

/// Made once for a process: making one takes some ten system calls.
static GATE: Mutex<Option<Gate>> = Mutex::new(None);

impl Gate {
    /// Runs `f` with a gate that no other thread uses meanwhile. Blocks for none: if the process's own is in use, here or in the process
    /// that this one was forked from, a new one is made.
    ///
    /// # Errors
    ///
    /// When the system refuses a socket.
    pub(super) fn with<T>(f: impl FnOnce(&Self) -> T) -> Result<T, String> {
        let pid = process::id();
        let Some(mut kept) = GATE.try_lock() else { return Ok(f(&Self::new(pid)?)) };
        let gate = match kept.take().filter(|gate| gate.pid == pid) {
            Some(gate) => gate,
            None => Self::new(pid)?,
        };
        // Not put back after a panic: it may not be empty.
        let made = f(&gate);
        *kept = Some(gate);
        Ok(made)
    }

    fn new(pid: u32) -> Result<Self, String> {
        let (sender, socket) = open_channel()?;
        Ok(Self { sender, socket, pid })
    }

    /// Takes everything out of this thread's lists of ipc-channel: the ends of channels, then shared memory.
    ///
    /// # Errors
    ///
    /// When they are too many for one message, or this process has no room for their descriptors. The lists are empty all the same.
    pub(super) fn take_lists(&self) -> Result<Vec<OwnedFd>, String> {
        // With more handles than fit into a message, ipc-channel panics, after taking them.
        match catch(|| self.sender.send(())) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(format!("it holds more than {MAX_DESCRIPTORS} handles, the limit of one message")),
        }
        match socket::receive(&self.socket, Wait::No) {
            Ok(Some(packet)) if packet.is_cut => Err(NO_ROOM.to_owned()),
            Ok(Some(packet)) => Ok(packet.descriptors),
            Ok(None) => Err("ipc-channel has closed its socket".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

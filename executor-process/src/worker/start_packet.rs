//! The descriptors that a worker gets from its parent at its start, in one packet.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;

use crate::ipc::socket::{self, Wait};

pub(super) struct StartPacket {
    pub(super) page: OwnedFd,
    pub(super) lifeline: OwnedFd,
    pub(super) requests: OwnedFd,
    pub(super) replies: OwnedFd,
    /// In the place of stdout and stderr, if output is captured.
    pub(super) output: Option<[OwnedFd; 2]>,
}

impl StartPacket {
    /// Takes what the parent has put into `socket`.
    ///
    /// # Errors
    ///
    /// When there is no such packet, or this process has no room for it.
    pub(super) fn receive(socket: &OwnedFd) -> io::Result<Self> {
        let packet = socket::receive(socket, Wait::Forever)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if packet.is_cut {
            return Err(Errno::MFILE.into());
        }
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let mut descriptors = packet.descriptors;
        let output = if descriptors.len() > 4 { descriptors.split_off(4) } else { Vec::new() };
        let [page, lifeline, requests, replies] = descriptors.try_into().map_err(|_| invalid())?;
        let output = if output.is_empty() { None } else { Some(output.try_into().map_err(|_| invalid())?) };
        Ok(Self { page, lifeline, requests, replies, output })
    }
}

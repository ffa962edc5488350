//! The socket that descriptors go through, and the numbers of their packets.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use parking_lot::Mutex;

use super::slots::MAX_BUFFERS;
use crate::ipc::attachments::{self, Attachment};
use crate::ipc::payload::Announced;
use crate::ipc::socket::{self, Packet, Wait};

/// Stands for no slot.
const NO_SLOT: u8 = u8::MAX;

/// The most packets whose messages were never opened: a socket holds fewer.
const MOST_SKIPPED: usize = 4096;

/// One end of the socket.
pub(super) struct Link {
    socket: OwnedFd,
    /// Whether to wait for room. The parent does not: a worker that reads nothing must not hold it up.
    wait: Wait,
    /// The number of the last packet sent.
    sent: Mutex<u64>,
}

/// The descriptors of a message.
#[derive(Default)]
pub(super) struct Arrived {
    /// Of shared memory, for this message alone.
    pub(super) memory: Option<OwnedFd>,
    pub(super) handles: Vec<OwnedFd>,
    /// This process had no room for all of them.
    pub(super) is_cut: bool,
}

impl Link {
    pub(super) fn new(socket: OwnedFd, wait: Wait) -> Self {
        Self { socket, wait, sent: Mutex::new(0) }
    }

    /// Sends the memory (and which slot it is to be) and the attachments, if there are any.
    pub(super) fn announce(
        &self,
        memory: Option<(&OwnedFd, Option<u8>)>,
        attachments: &[Attachment],
    ) -> io::Result<Option<Announced>> {
        if memory.is_none() && attachments.is_empty() {
            return Ok(None);
        }
        let slot = memory.and_then(|(_, slot)| slot).unwrap_or(NO_SLOT);
        let handles = attachments.iter().map(|attachment| attachment.descriptor.as_fd());
        let descriptors: Vec<_> = memory.iter().map(|(file, _)| file.as_fd()).chain(handles).collect();
        // Held while it is sent, so that numbers arrive in order.
        let mut sent = self.sent.lock();
        *sent += 1;
        socket::send(&self.socket, &sent.to_le_bytes(), &[slot], &descriptors, self.wait)?;
        let handles = u8::try_from(attachments.len()).expect("no more than can be attached");
        Ok(Some(Announced { number: *sent, handles }))
    }

    /// Receives the packet that a message named. Earlier packets belong to messages that were never opened; the slots that came
    /// with them are passed to `register` as well.
    ///
    /// # Errors
    ///
    /// When it did not come: the process that named it broke the protocol.
    pub(super) fn collect(
        &self,
        announced: Option<Announced>,
        mut register: impl FnMut(u8, OwnedFd),
    ) -> Result<Arrived, String> {
        let Some(Announced { number: wanted, handles }) = announced else { return Ok(Arrived::default()) };
        for _ in 0..MOST_SKIPPED {
            let packet = match socket::receive(&self.socket, Wait::No) {
                Ok(Some(packet)) => packet,
                Ok(None) => {
                    return Err(format!("packet {wanted} of file descriptors was announced but did not arrive"));
                }
                Err(error) => return Err(format!("packet {wanted} of file descriptors did not arrive ({error})")),
            };
            let Packet { bytes, mut descriptors, is_cut } = packet;
            let Ok([number @ .., slot]) = <[u8; 9]>::try_from(bytes) else {
                return Err("a packet of file descriptors has an unknown format".to_owned());
            };
            let number = u64::from_le_bytes(number);
            if number > wanted {
                return Err(format!("packet {number} of file descriptors arrived instead of {wanted}"));
            }
            if usize::from(slot) < MAX_BUFFERS && !descriptors.is_empty() {
                register(slot, descriptors.remove(0));
            }
            if number == wanted {
                let handles = usize::from(handles).min(attachments::MAX_DESCRIPTORS);
                let memory = (descriptors.len() > handles).then(|| descriptors.remove(0));
                descriptors.truncate(handles);
                let is_cut = is_cut || descriptors.len() < handles;
                return Ok(Arrived { memory, handles: descriptors, is_cut });
            }
        }
        Err(format!("packet {wanted} of file descriptors did not arrive, but {MOST_SKIPPED} others did"))
    }
}

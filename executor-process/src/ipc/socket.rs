//! Packets of bytes and descriptors between two processes: a socket of `unix(7)` that keeps the bounds of messages.
//!
//! A packet arrives as a whole or not at all, so an interrupted or failed call leaves nothing half done, and a peer that lies can
//! only say what cannot be read. No descriptor of a packet outlives it unless it was taken out.

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_send_buffer_size, socket_send_buffer_size};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use crate::ipc::payload::MAX_INLINE;

/// The most descriptors in a packet: those of a job's handles, and of one piece of shared memory.
pub(crate) const MOST_DESCRIPTORS: usize = crate::ipc::attachments::MAX_DESCRIPTORS + 1;

/// The most bytes in a packet: a payload that is not shared, and what is said about it.
const MOST_BYTES: usize = MAX_INLINE + 64;

/// The memory of a thread that receives. From this length on, allocators take new pages from the system, which are zero: those that no
/// packet reaches are never touched, so they take no time at the start of a worker, and no memory.
const UNTOUCHED: usize = 2 * MOST_BYTES;

/// The error of a value whose packet [is cut](Packet::is_cut).
pub(crate) const NO_ROOM: &str =
    "this process has no file descriptor left for its handles; close some files, or raise `ulimit -n`";

/// A received packet.
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    pub(crate) descriptors: Vec<OwnedFd>,
    /// Whether descriptors are missing: this process has no room for more of them.
    pub(crate) is_cut: bool,
}

impl Packet {
    /// Its descriptors, which are to be `N`.
    ///
    /// # Errors
    ///
    /// When this process has no room for them, or there are more or fewer.
    pub(crate) fn into_descriptors<const N: usize>(self) -> io::Result<[OwnedFd; N]> {
        if self.is_cut {
            return Err(Errno::MFILE.into());
        }
        self.descriptors.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

/// How long to wait for a packet, or for room to send one.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    No,
    Until(Instant),
    Forever,
}

impl Wait {
    /// A time beyond the clock's range is for ever.
    pub(crate) fn within(limit: Duration) -> Self {
        Instant::now().checked_add(limit).map_or(Self::Forever, Self::Until)
    }
}

/// Two ends of one socket.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    make_room(&one);
    make_room(&other);
    Ok((one, other))
}

/// Where the system's default has no room for the largest packet, asks for some. It may refuse that: then large packets fail.
fn make_room(socket: &OwnedFd) {
    // The kernel counts its own records of a packet, too, and doubles what it is asked for (socket(7)).
    const ROOM: usize = 2 * MOST_BYTES;
    if socket_send_buffer_size(socket).is_ok_and(|bytes| bytes < 2 * ROOM) {
        let _ = set_socket_send_buffer_size(socket, ROOM);
    }
}

/// Sends `head` and `bytes` as one packet, with copies of the descriptors.
///
/// # Errors
///
/// `WouldBlock` when there is no room and `wait` is [`Wait::No`]; `BrokenPipe` when the other end is gone.
pub(crate) fn send(
    socket: &OwnedFd,
    head: &[u8],
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
    wait: Wait,
) -> io::Result<()> {
    let parts = [IoSlice::new(head), IoSlice::new(bytes)];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    loop {
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors for one packet"));
        }
        // Not to wait in `sendmsg` if it is for a time only; the call itself has no limit.
        let flags = if matches!(wait, Wait::Forever) { SendFlags::empty() } else { SendFlags::DONTWAIT };
        match sendmsg(socket, &parts, &mut control, flags | SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if wait_for(socket, PollFlags::OUT, wait)? => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The next packet, or `None` when the other end is gone and everything was read.
///
/// # Errors
///
/// `WouldBlock` when there was none in the time given.
pub(crate) fn receive(socket: &OwnedFd, wait: Wait) -> io::Result<Option<Packet>> {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.is_empty() {
            *buffer = vec![0; UNTOUCHED];
        }
        loop {
            match receive_into(&mut buffer[..MOST_BYTES], socket, wait) {
                // ECONNRESET comes once if the peer closed its end with data unread. Data that it sent before is still there.
                Err(Errno::INTR | Errno::CONNRESET) => {}
                Err(Errno::AGAIN) if wait_for(socket, PollFlags::IN, wait)? => {}
                other => return Ok(other?),
            }
        }
    })
}

fn receive_into(buffer: &mut [u8], socket: &OwnedFd, wait: Wait) -> Result<Option<Packet>, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = if matches!(wait, Wait::Forever) { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
    let parts = &mut [IoSliceMut::new(buffer)];
    let received = recvmsg(socket, parts, &mut control, flags | RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            descriptors.extend(more);
        }
    }
    // We send no packet without bytes.
    if received.bytes == 0 {
        return Ok(None);
    }
    let is_cut = received.flags.contains(ReturnFlags::CTRUNC);
    Ok(Some(Packet { bytes: buffer[..received.bytes].to_vec(), descriptors, is_cut }))
}

/// Blocks until there is a packet, or the other end is gone. False when there was neither in time.
///
/// # Errors
///
/// When the system has no memory for it.
pub(crate) fn is_ready(socket: &OwnedFd, limit: Duration) -> io::Result<bool> {
    wait_for(socket, PollFlags::IN, Wait::within(limit))
}

/// Blocks until the socket is ready or has failed. False when the time is up.
pub(crate) fn wait_for(socket: &OwnedFd, what: PollFlags, wait: Wait) -> io::Result<bool> {
    let deadline = match wait {
        Wait::No => return Ok(false),
        Wait::Until(deadline) => Some(deadline),
        Wait::Forever => None,
    };
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // If the time is too long for the kernel, waits without a limit.
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::from_borrowed_fd(socket.as_fd(), what)], left.as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn small_sockets_get_room_for_packets() {
        let (one, other) = pair().unwrap();
        set_socket_send_buffer_size(&one, 4096).unwrap();
        let bytes = vec![7; MOST_BYTES];
        assert!(send(&one, &[], &bytes, &[], Wait::No).is_err(), "the room is too small");
        make_room(&one);
        send(&one, &[], &bytes, &[], Wait::No).unwrap();
        assert_eq!(receive(&other, Wait::No).unwrap().unwrap().bytes, bytes);
    }
}

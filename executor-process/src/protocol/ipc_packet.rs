//! Messages in the form of ipc-channel, one a packet, read from a socket and written to one.
//!
//! ipc-channel makes no end of a channel from a socket, and trusts what it reads: it ends this program, or forgets descriptors, over a
//! message with some that no message here has; waits for what a packet says is to follow; and makes room for as much as it says.

use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, recvmsg};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ipc::socket::{self, Wait};
use crate::protocol::limits::PACKET;

/// The length of ipc-channel's header before a message: the sizes of the packet, and of the message that it begins.
pub(crate) const HEAD: usize = 2 * size_of::<usize>();

/// Longer packets are of large arguments or results, of which more may come.
const LONG: usize = 4096;

/// Most messages are no longer, so that their bytes are allocated once.
const USUAL: usize = 512;

const INCOMPLETE: &str = "it sent an incomplete message";

/// The next packet of a socket.
pub(crate) enum Packet<T> {
    Message(T),
    /// There is none: the other end is gone, and everything was read.
    End,
    /// It is no message, for this reason.
    Invalid(String),
}

/// The header of a message of `len` bytes.
pub(crate) fn head(len: usize) -> [u8; HEAD] {
    let (mut head, parts) = ([0; HEAD], [HEAD + len, len]);
    for (to, part) in head.chunks_exact_mut(size_of::<usize>()).zip(parts) {
        to.copy_from_slice(&part.to_ne_bytes());
    }
    head
}

/// Sends a message, and waits for room.
///
/// # Errors
///
/// When the other end is gone, or the message is larger than a packet.
pub(crate) fn send<T: Serialize>(socket: &OwnedFd, message: &T) -> io::Result<()> {
    let bytes = encoded(message).map_err(io::Error::other)?;
    socket::send(socket, &head(bytes.len()), &bytes, &[], Wait::Forever)
}

/// The message as bytes.
///
/// # Errors
///
/// Those of postcard.
pub(crate) fn encoded<T: Serialize>(message: &T) -> postcard::Result<Vec<u8>> {
    postcard::to_extend(message, Vec::with_capacity(USUAL))
}

/// Room for a packet: empty, or as long as the longest. The system gives memory to it only as far as packets have filled it, and it is kept from
/// then on. On the heap, since what is local to a thread lies on its stack.
#[derive(Default)]
struct Room {
    bytes: Vec<u8>,
    /// Whether a long packet has come.
    is_used: bool,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

/// Blocks until there is a packet, or the other end is gone.
///
/// # Errors
///
/// `CONNRESET` when the other end is gone, and left something unread.
pub(crate) fn receive<T: DeserializeOwned>(socket: &OwnedFd) -> Result<Packet<T>, Errno> {
    // A thread that is ending has lost its room.
    let received = ROOM.try_with(|room| receive_into(socket, &mut room.borrow_mut()));
    received.unwrap_or_else(|_| receive_into(socket, &mut Room::default()))
}

fn receive_into<T: DeserializeOwned>(socket: &OwnedFd, room: &mut Room) -> Result<Packet<T>, Errno> {
    if room.bytes.is_empty() {
        // Zeros of the system, which need not be written.
        room.bytes = vec![0; PACKET + HEAD];
    }
    // Without room for descriptors, of which the flags tell all the same.
    let packet = again(|| {
        let parts = &mut [IoSliceMut::new(&mut room.bytes)];
        recvmsg(socket, parts, &mut RecvAncillaryBuffer::default(), RecvFlags::empty())
    })?;
    let len = packet.bytes;
    Ok(if len == 0 {
        Packet::End
    } else if packet.flags.contains(ReturnFlags::CTRUNC) {
        Packet::Invalid("a message with descriptors".to_owned())
    } else if packet.flags.contains(ReturnFlags::TRUNC) {
        Packet::Invalid(INCOMPLETE.to_owned())
    } else {
        let message = read(&room.bytes[..len]);
        if len > LONG && !std::mem::replace(&mut room.is_used, true) {
            // The C library takes new memory from the system for each long message, until it got such a block back.
            room.bytes = Vec::new();
        }
        message
    })
}

/// Decodes the message of a packet.
fn read<T: DeserializeOwned>(packet: &[u8]) -> Packet<T> {
    let message = packet.split_at_checked(HEAD).filter(|(start, message)| *start == head(message.len()));
    let Some((_, message)) = message else { return Packet::Invalid(INCOMPLETE.to_owned()) };
    postcard::from_bytes(message).map_or_else(|error| Packet::Invalid(error.to_string()), Packet::Message)
}

/// Repeats a call that a signal has interrupted.
fn again<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    /// Reads a packet of these bytes, and says how it went.
    fn packet(bytes: &[u8], descriptors: &[&OwnedFd]) -> String {
        let (one, other) = socket::pair().unwrap();
        let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        socket::send(&one, &[], bytes, &descriptors, Wait::No).unwrap();
        match receive::<(u8, String)>(&other).unwrap() {
            Packet::Message(message) => format!("{message:?}"),
            Packet::End => "the end".to_owned(),
            Packet::Invalid(why) => why,
        }
    }

    #[test]
    fn only_whole_messages_are_read() {
        let message = postcard::to_stdvec(&(7_u8, "seven")).unwrap();
        let whole = [&head(message.len())[..], &message].concat();
        let (one, _other) = socket::pair().unwrap();
        assert_eq!(packet(&whole, &[]), r#"(7, "seven")"#);
        assert_eq!(packet(&whole, &[&one]), "a message with descriptors");
        let no_message = INCOMPLETE;
        assert_eq!(packet(&whole[..whole.len() - 1], &[]), no_message);
        assert_eq!(packet(&[&whole[..], &[0]].concat(), &[]), no_message);
        assert_eq!(packet(&[7; HEAD - 1], &[]), no_message);
        assert_eq!(packet(&[&head(1 << 40)[..], &message].concat(), &[]), no_message);
        assert_ne!(packet(&head(0), &[]), no_message, "it is one that cannot be decoded");
    }

    #[test]
    fn messages_come_as_they_were_sent_and_then_the_end() {
        let (one, other) = socket::pair().unwrap();
        let texts = [("x", 190_000), ("y", 3), ("z", 70_000), ("", 0)].map(|(text, len)| text.repeat(len));
        for text in &texts {
            send(&one, text).unwrap();
            assert!(matches!(receive::<String>(&other), Ok(Packet::Message(came)) if came == *text));
        }
        send(&one, &texts[0]).unwrap();
        drop(one);
        assert!(matches!(receive::<String>(&other), Ok(Packet::Message(came)) if came == texts[0]));
        assert!(matches!(receive::<String>(&other), Ok(Packet::End)));
    }
}

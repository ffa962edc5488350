//! Messages in the form of ipc-channel, one a packet, read from a socket and written to one.
//!
//! ipc-channel makes no end of a channel from a socket, and trusts what it reads: it ends this program, or forgets descriptors, over a
//! message with some that no message here has; waits for what a packet says is to follow; and makes room for as much as it says.

use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, recv, recvmsg};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ipc::socket::{self, Wait};

/// The length of ipc-channel's header before a message: the sizes of the packet, and of the message that it begins.
pub(crate) const HEAD: usize = 2 * size_of::<usize>();

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
    let bytes = postcard::to_stdvec(message).map_err(io::Error::other)?;
    socket::send(socket, &head(bytes.len()), &bytes, &[], Wait::Forever)
}

/// Blocks until there is a packet, or the other end is gone.
///
/// # Errors
///
/// `CONNRESET` when the other end is gone, and left something unread.
pub(crate) fn receive<T: DeserializeOwned>(socket: &OwnedFd) -> Result<Packet<T>, Errno> {
    // Looked at first: without room for descriptors, which are told of all the same, and to make room for no more than is there.
    let mut start = [0; HEAD];
    let packet = again(|| {
        let parts = &mut [IoSliceMut::new(&mut start)];
        recvmsg(socket, parts, &mut RecvAncillaryBuffer::default(), RecvFlags::PEEK | RecvFlags::TRUNC)
    })?;
    let invalid = |what: &str| Ok(Packet::Invalid(what.to_owned()));
    match packet.bytes {
        0 => return Ok(Packet::End),
        _ if packet.flags.contains(ReturnFlags::CTRUNC) => return invalid("a message with descriptors"),
        len if len.checked_sub(HEAD).is_none_or(|len| start != head(len)) => {
            return invalid("it sent an incomplete message");
        }
        _ => {}
    }
    let mut bytes = vec![0; packet.bytes];
    again(|| recv(socket, &mut bytes[..], RecvFlags::DONTWAIT))?;
    Ok(match postcard::from_bytes(&bytes[HEAD..]) {
        Ok(message) => Packet::Message(message),
        Err(error) => Packet::Invalid(error.to_string()),
    })
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

#[cfg(test)]
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
        let no_message = "it sent an incomplete message";
        assert_eq!(packet(&whole[..whole.len() - 1], &[]), no_message);
        assert_eq!(packet(&[&whole[..], &[0]].concat(), &[]), no_message);
        assert_eq!(packet(&[7; HEAD - 1], &[]), no_message);
        assert_eq!(packet(&[&head(1 << 40)[..], &message].concat(), &[]), no_message);
        assert_ne!(packet(&head(0), &[]), no_message, "it is one that cannot be decoded");
    }

    #[test]
    fn messages_come_as_they_were_sent_and_then_the_end() {
        let (one, other) = socket::pair().unwrap();
        let long = "x".repeat(190_000);
        send(&one, &long).unwrap();
        drop(one);
        assert!(matches!(receive::<String>(&other), Ok(Packet::Message(text)) if text == long));
        assert!(matches!(receive::<String>(&other), Ok(Packet::End)));
    }
}

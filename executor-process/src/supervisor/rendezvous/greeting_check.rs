//! The form of a greeting as a packet. It is checked before ipc-channel gets it, which ends the program over descriptors that come with
//! a message and are named by nothing in it, or forgets them.

use std::os::fd::OwnedFd;

use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;
use serde::Deserialize;

use crate::supervisor::reply_receiver::{HEAD, is_whole};

/// A [`Greeting`](crate::protocol::message::Greeting) as bytes: what is no text is a place among the channels.
#[derive(Deserialize)]
enum Form {
    Hello(Places),
    Refused(#[expect(dead_code, reason = "it is read by ipc-channel")] String),
}

#[derive(Deserialize)]
struct Places {
    _token: String,
    _build: String,
    requests: usize,
    replies: usize,
    holds_open: usize,
}

/// Its channels.
const HELLO: usize = 3;

/// Where the replies are among the descriptors of a hello.
pub(super) const REPLIES: usize = 1;

/// Whether each descriptor has its one place in what the bytes say.
pub(crate) fn is_sound(bytes: &[u8], descriptors: &[OwnedFd]) -> bool {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else { return false };
    if !is_whole(*head, bytes.len()) {
        return false;
    }
    match postcard::take_from_bytes(rest) {
        Ok((Form::Hello(places), [])) => places.are_usual() && are_channels(descriptors),
        Ok((Form::Refused(_), [])) => descriptors.is_empty(),
        _ => false,
    }
}

impl Places {
    fn are_usual(&self) -> bool {
        let Self { requests, replies, holds_open, .. } = *self;
        [requests, replies, holds_open] == [0, REPLIES, 2]
    }
}

fn are_channels(descriptors: &[OwnedFd]) -> bool {
    let is_channel = |socket: &OwnedFd| socket_type(socket) == Ok(SocketType::SEQPACKET);
    descriptors.len() == HELLO && descriptors.iter().all(is_channel)
}

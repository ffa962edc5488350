//! What a greeting looks like as a packet. It is looked at before ipc-channel is: that ends a program over descriptors that come with a
//! message and are named by nothing in it, or forgets them, and over memory that cannot be mapped.

use std::os::fd::OwnedFd;

use rustix::fs::{FileType, fstat};
use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;
use serde::Deserialize;

use crate::inbox::{HEAD, is_whole};
use crate::page;

/// A [`Greeting`](crate::frame::Greeting) as bytes: what is no text is a place among the channels, or among the pieces of memory.
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
    wake: usize,
    page: usize,
    _door: String,
    lifeline: usize,
}

/// Channels, and the page behind them.
const HELLO: usize = 5;

/// Where the replies are among the descriptors of a hello.
pub(super) const REPLIES: usize = 1;

/// Whether each descriptor has its one place in what the bytes say.
pub(crate) fn is_sound(bytes: &[u8], descriptors: &[OwnedFd]) -> bool {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else { return false };
    if !is_whole(*head, bytes.len()) {
        return false;
    }
    match postcard::take_from_bytes(rest) {
        Ok((Form::Hello(places), [])) => places.are_usual() && are_channels_and_a_page(descriptors),
        Ok((Form::Refused(_), [])) => descriptors.is_empty(),
        _ => false,
    }
}

impl Places {
    fn are_usual(&self) -> bool {
        let Self { requests, replies, wake, page, lifeline, .. } = *self;
        [requests, replies, wake, lifeline] == [0, REPLIES, 2, 3] && page == 0
    }
}

fn are_channels_and_a_page(descriptors: &[OwnedFd]) -> bool {
    let Some((page, channels)) = descriptors.split_last() else { return false };
    let is_page = fstat(page).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && u64::try_from(stat.st_size).is_ok_and(|size| size == page::SIZE as u64)
    });
    let is_channel = |socket: &OwnedFd| socket_type(socket) == Ok(SocketType::SEQPACKET);
    descriptors.len() == HELLO && is_page && channels.iter().all(is_channel)
}

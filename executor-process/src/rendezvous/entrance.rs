//! The way of a greeting into ipc-channel, which makes no receiver from a socket: it is handed on, as the packet that it is, into a channel of
//! this process.
//!
//! The socket that leads into a channel is seen nowhere but in a message, so we send us one. Where the worker is waited for, strangers may
//! have filled the queue already, and ipc-channel would wait behind them for ever. So the message goes another way, whose name is gone
//! before anybody is listened to.

use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use executor_core::panics::catch;
use ipc_channel::ipc::{self, IpcReceiver, IpcSender};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, recvmsg,
    sendmsg, socket_with,
};

use super::{Missed, failed};
use crate::frame::Greeting;
use crate::shortage::because;

/// The largest greeting, in bytes. One is a few hundred.
const LARGEST: usize = 16 * 1024;

/// The most descriptors in a message of ipc-channel.
const MOST_DESCRIPTORS: usize = 64;

/// So many descriptors others in this process may take while a greeting is handed on.
const SPARE: usize = 8;

/// A channel of this process, and the socket that leads into it.
pub(super) struct Entrance {
    /// A packet that goes in here comes out of `greetings`.
    way: OwnedFd,
    greetings: IpcReceiver<Greeting>,
}

impl Entrance {
    /// `directory` is one that nobody but this user may enter.
    ///
    /// # Errors
    ///
    /// When the system refuses a descriptor or the directory.
    pub(super) fn new(directory: &Path) -> Result<Self, String> {
        let refused = |reason: &dyn std::fmt::Display| format!("no channel for its rendezvous ({reason})");
        let lacks = |error: Errno| refused(&because(&error.into()));
        let listener =
            socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).map_err(lacks)?;
        let name = directory.join("e");
        bind(&listener, &SocketAddrUnix::new(&name).map_err(lacks)?).map_err(lacks)?;
        let hidden = open(&name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        drop(fs::remove_file(&name));
        let hidden = hidden.map_err(lacks)?;
        listen(&listener, 1).map_err(lacks)?;
        let (sender, greetings) = ipc::channel::<Greeting>().map_err(|error| refused(&because(&error)))?;
        let way = format!("/proc/self/fd/{}", hidden.as_raw_fd());
        let to_us: IpcSender<IpcSender<Greeting>> = IpcSender::connect(way).map_err(|error| {
            // ipc-channel does not look whether it got a descriptor.
            let got_none = error.raw_os_error() == Some(Errno::BADF.raw_os_error());
            refused(&because(&if got_none { Errno::MFILE.into() } else { error }))
        })?;
        to_us.send(sender).map_err(|error| refused(&error))?;
        let end = accept_with(&listener, SocketFlags::CLOEXEC).map_err(lacks)?;
        let (_, descriptors) = receive(&end).map_err(lacks)?;
        match <[OwnedFd; 1]>::try_from(descriptors) {
            Ok([way]) => Ok(Self { way, greetings }),
            Err(_) => Err(refused(&"it did not come as it was sent")),
        }
    }

    /// What a packet means.
    ///
    /// # Errors
    ///
    /// When that cannot be read, or there is no room for its descriptors.
    pub(super) fn hand_on(&self, bytes: &[u8], descriptors: Vec<OwnedFd>) -> Result<Greeting, Missed> {
        has_room(&descriptors).map_err(|error| failed("its hello could not be handed on", error))?;
        let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        send(&self.way, bytes, &borrowed).map_err(|error| failed("its hello could not be handed on", error))?;
        drop(borrowed);
        drop(descriptors);
        // ipc-channel panics where a message names a descriptor that it does not carry.
        match catch(|| self.greetings.try_recv()) {
            Ok(Ok(greeting)) => Ok(greeting),
            Ok(Err(error)) => Err(Missed::Failed(format!("it said hello in a way that cannot be read ({error})"))),
            Err(panic) => Err(Missed::Failed(format!("it said hello in a way that cannot be read ({panic})"))),
        }
    }
}

/// Whether this process may have the same descriptors again, and some more: ipc-channel, which gets them next, does not see when the kernel
/// hands over fewer than were sent, and ends the process over a message that lacks some. Others take descriptors meanwhile.
fn has_room(descriptors: &[OwnedFd]) -> Result<(), Errno> {
    let Some(any) = descriptors.first() else { return Ok(()) };
    let copies: Result<Vec<_>, _> = (0..SPARE).map(|_| fcntl_dupfd_cloexec(any, 0)).collect();
    copies.map(drop)
}

/// The packet that is there, as it is.
pub(super) fn receive(socket: &OwnedFd) -> Result<(Vec<u8>, Vec<OwnedFd>), Errno> {
    let mut bytes = vec![0; LARGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if received.flags.contains(ReturnFlags::CTRUNC) {
        // The kernel hands over as many as there is room for in the table of this process.
        return Err(Errno::MFILE);
    }
    if received.flags.contains(ReturnFlags::TRUNC) {
        return Err(Errno::MSGSIZE);
    }
    bytes.truncate(received.bytes);
    Ok((bytes, descriptors))
}

fn send(socket: &OwnedFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(descriptors));
    sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).map(drop)
}

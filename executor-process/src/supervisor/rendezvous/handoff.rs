//! The way of a greeting into ipc-channel, which makes no receiver from a socket: it is handed on, as the packet that it is, into a channel of
//! this process.
//!
//! The socket that leads into a channel is seen nowhere but in a message, so we send us one. Where the worker is waited for, strangers may
//! have filled the queue already, and ipc-channel would wait behind them for ever. So the message goes another way, whose name is gone
//! before anybody is listened to.

use std::fmt::Display;
use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use executor_core::panics::catch;
use ipc_channel::ipc::{self, IpcReceiver, IpcSender};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, recvmsg,
    sendmsg, socket_with,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{HandshakeError, failed};
use crate::ipc::os_error::because;
use crate::ipc::packet_size::{has_room, measure_packets};

/// The largest greeting, in bytes. One is a few hundred.
const LARGEST: usize = 16 * 1024;

/// The most descriptors in a message of ipc-channel.
const MOST_DESCRIPTORS: usize = 64;

/// A channel of this process, and the socket that leads into it.
pub(crate) struct Handoff<T> {
    /// A packet that goes in here comes out of `messages`.
    way: OwnedFd,
    messages: IpcReceiver<T>,
}

impl<T: Serialize + DeserializeOwned> Handoff<T> {
    /// `directory` is one that only this user may enter.
    ///
    /// # Errors
    ///
    /// When the system refuses a descriptor or the directory.
    pub(crate) fn new(directory: &Path) -> Result<Self, String> {
        measure_packets().map_err(|error| refused(&error))?;
        let (sender, messages) = ipc::channel::<T>().map_err(|error| refused(&because(&error)))?;
        let (_, descriptors) = packet(directory, sender)?;
        match <[OwnedFd; 1]>::try_from(descriptors) {
            Ok([way]) => Ok(Self { way, messages }),
            Err(_) => Err(refused(&"it did not come as it was sent")),
        }
    }

    /// Decodes a packet of ipc-channel.
    ///
    /// # Errors
    ///
    /// When that cannot be read, or there is no room for its descriptors.
    pub(crate) fn hand_on(&self, bytes: &[u8], descriptors: &[OwnedFd]) -> Result<T, HandshakeError> {
        has_room(descriptors).map_err(|error| failed("its hello could not be handed on", error))?;
        let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        send(&self.way, bytes, &borrowed).map_err(|error| failed("its hello could not be handed on", error))?;
        let unread =
            |why: &dyn Display| HandshakeError::Failed(format!("it said hello in a way that cannot be read ({why})"));
        match catch(|| self.messages.try_recv()) {
            Ok(Ok(message)) => Ok(message),
            Ok(Err(error)) => Err(unread(&error)),
            Err(panic) => Err(unread(&panic)),
        }
    }
}

fn refused(reason: &dyn Display) -> String {
    format!("no channel for its rendezvous ({reason})")
}

/// A message as ipc-channel sends it.
///
/// # Errors
///
/// When the system refuses a descriptor or the directory.
pub(crate) fn packet<T: Serialize + DeserializeOwned>(
    directory: &Path,
    message: T,
) -> Result<(Vec<u8>, Vec<OwnedFd>), String> {
    let lacks = |error: Errno| refused(&because(&error.into()));
    let listener =
        socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).map_err(lacks)?;
    let name = directory.join("e");
    bind(&listener, &SocketAddrUnix::new(&name).map_err(lacks)?).map_err(lacks)?;
    let hidden = open(&name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    drop(fs::remove_file(&name));
    let hidden = hidden.map_err(lacks)?;
    listen(&listener, 1).map_err(lacks)?;
    let way = format!("/proc/self/fd/{}", hidden.as_raw_fd());
    let to_us: IpcSender<T> = IpcSender::connect(way).map_err(|error| {
        // ipc-channel does not look whether it got a descriptor.
        let got_none = error.raw_os_error() == Some(Errno::BADF.raw_os_error());
        refused(&because(&if got_none { Errno::MFILE.into() } else { error }))
    })?;
    to_us.send(message).map_err(|error| refused(&error))?;
    let end = accept_with(&listener, SocketFlags::CLOEXEC).map_err(lacks)?;
    receive(&end).map_err(lacks)
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

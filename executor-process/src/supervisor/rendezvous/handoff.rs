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
use ipc_channel::platform::OsIpcSender;
use parking_lot::Mutex;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, recvmsg,
    sendmsg, socket_with,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Missed, failed};
use crate::ipc::os_error::because;
use crate::ipc::socket;

/// The largest greeting, in bytes. One is a few hundred.
const LARGEST: usize = 16 * 1024;

/// The most descriptors in a message of ipc-channel.
const MOST_DESCRIPTORS: usize = 64;

/// So many descriptors others in this process may take while a greeting is handed on.
const SPARE: usize = 8;

/// A channel of this process, and the socket that leads into it.
pub(crate) struct Entrance<T> {
    /// A packet that goes in here comes out of `messages`.
    way: OwnedFd,
    messages: IpcReceiver<T>,
}

impl<T: Serialize + DeserializeOwned> Entrance<T> {
    /// `directory` is one that nobody but this user may enter.
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

    /// What a packet of ipc-channel means.
    ///
    /// # Errors
    ///
    /// When that cannot be read, or there is no room for its descriptors.
    pub(crate) fn hand_on(&self, bytes: &[u8], descriptors: &[OwnedFd]) -> Result<T, Missed> {
        has_room(descriptors).map_err(|error| failed("its hello could not be handed on", error))?;
        let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        send(&self.way, bytes, &borrowed).map_err(|error| failed("its hello could not be handed on", error))?;
        let unread = |why: &dyn Display| Missed::Failed(format!("it said hello in a way that cannot be read ({why})"));
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

/// Has ipc-channel find out how much goes in a packet, which it does once, at the first message. Without two descriptors it panics, and so
/// would every later message of the process: so there is room first.
///
/// # Errors
///
/// When there is no room, or ipc-channel was used without room before.
pub(crate) fn measure_packets() -> Result<(), String> {
    static IS_DONE: Mutex<bool> = Mutex::new(false);
    let mut is_done = IS_DONE.lock();
    if *is_done {
        return Ok(());
    }
    let lacks = |error: Errno| because(&error.into());
    let (one, other) = socket::pair().map_err(|error| because(&error))?;
    has_room(&[one, other]).map_err(lacks)?;
    match catch(OsIpcSender::get_max_fragment_size) {
        Ok(_) => *is_done = true,
        Err(panic) => {
            return Err(format!("ipc-channel cannot be used in this process any more: {panic}; restart the program"));
        }
    }
    Ok(())
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

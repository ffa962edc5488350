//! Where a worker meets its parent: a socket in a directory that nobody but this user can enter, at which nobody but the worker is
//! let in.
//!
//! The listener is ours, because ipc-channel's one-shot server takes whoever comes first, and waits for ever for what he says. The
//! kernel tells which process it is that came (`SO_PEERCRED`, unix(7)). ipc-channel makes no receiver from a socket, so
//! the greeting is handed on, as the packet that it is, into a channel of this process.

use std::env;
use std::fs::{self, DirBuilder};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use executor_core::panics::catch;
use ipc_channel::ipc::{self, IpcReceiver, IpcSender};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, recvmsg,
    sendmsg, socket_with,
};

use crate::frame::Greeting;
use crate::peer::pid_of;
use crate::shortage::because;

/// What follows the directory for temporary files in the name of a socket.
pub(crate) const SUFFIX: usize = "/executor-0123456789ab/s".len();

/// The largest greeting, in bytes. One is a few hundred.
const LARGEST: usize = 16 * 1024;

/// The most descriptors in a message of ipc-channel.
const MOST_DESCRIPTORS: usize = 64;

/// So many descriptors others in this process may take while a greeting is handed on.
const SPARE: usize = 8;

/// As many may come at the same time, which only strangers do.
const BACKLOG: i32 = 128;

/// Why there is no greeting.
#[derive(Debug)]
pub(crate) enum Missed {
    /// The worker died.
    Died,
    /// It had its time. Strangers that came meanwhile are counted.
    TooLate { strangers: usize },
    /// It closed the connection before it said anything.
    HungUp,
    /// It said what cannot be read, or the system refused something.
    Failed(String),
}

/// Waits for one worker.
pub(crate) struct Rendezvous {
    listener: OwnedFd,
    /// A packet that goes in here comes out of `greetings`.
    entrance: OwnedFd,
    greetings: IpcReceiver<Greeting>,
    place: Place,
}

impl Rendezvous {
    /// # Errors
    ///
    /// When there is no directory for temporary files, or the system refuses a socket.
    pub(crate) fn new() -> Result<Self, String> {
        let refused = |what: &str, error: Errno| format!("no {what} for its rendezvous ({})", because(&error.into()));
        let place = Place::new()?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
            .map_err(|error| refused("socket", error))?;
        let address = SocketAddrUnix::new(&*place.socket).map_err(|error| refused("address", error))?;
        bind(&listener, &address).map_err(|error| refused("address", error))?;
        listen(&listener, BACKLOG).map_err(|error| refused("address", error))?;
        let (entrance, greetings) = entrance(&listener, &place.socket)?;
        Ok(Self { listener, entrance, greetings, place })
    }

    /// The path of the socket.
    pub(crate) fn name(&self) -> &str {
        &self.place.socket
    }

    /// Blocks until the process `pid` has greeted, until `death` is ready, or for `limit`. Whoever else comes is sent away.
    ///
    /// # Errors
    ///
    /// When it does not greet.
    pub(crate) fn meet(&self, pid: u32, death: &OwnedFd, limit: Duration) -> Result<Greeting, Missed> {
        let deadline = Instant::now().checked_add(limit);
        let mut guest: Option<OwnedFd> = None;
        let mut strangers = 0;
        loop {
            let awaited = guest.as_ref().unwrap_or(&self.listener);
            match wait(awaited.as_fd(), death.as_fd(), deadline)? {
                Event::Ready => {}
                Event::Death => return self.hear_last(guest, pid),
                Event::End => return Err(Missed::TooLate { strangers }),
            }
            if let Some(guest) = &guest {
                return match self.hear(guest) {
                    Err(Missed::HungUp) => wait_for_death(death, deadline),
                    heard => heard,
                };
            }
            match self.accept()? {
                Some(comer) if pid_of(&comer) == Some(pid) => guest = Some(comer),
                Some(_stranger) => strangers += 1,
                None => {}
            }
        }
    }

    /// It is dead, and may have said why.
    fn hear_last(&self, mut guest: Option<OwnedFd>, pid: u32) -> Result<Greeting, Missed> {
        // It may be behind as many strangers, and behind no more.
        for _ in 0..=BACKLOG {
            if guest.is_some() {
                break;
            }
            let Some(comer) = self.accept()? else { break };
            guest = Some(comer).filter(|comer| pid_of(comer) == Some(pid));
        }
        match guest.map(|guest| self.hear(&guest)) {
            Some(Ok(Greeting::Refused(reason))) => Ok(Greeting::Refused(reason)),
            _ => Err(Missed::Died),
        }
    }

    /// `None` where he is gone, or nobody came.
    fn accept(&self) -> Result<Option<OwnedFd>, Missed> {
        match accept_with(&self.listener, SocketFlags::CLOEXEC) {
            Ok(comer) => Ok(Some(comer)),
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => Ok(None),
            Err(error) => Err(failed("no socket to hear its hello", error)),
        }
    }

    /// Reads a packet, and what it means.
    fn hear(&self, guest: &OwnedFd) -> Result<Greeting, Missed> {
        let (bytes, descriptors) = receive(guest).map_err(|error| failed("its hello could not be read", error))?;
        if bytes.is_empty() {
            return Err(Missed::HungUp);
        }
        has_room(&descriptors).map_err(|error| failed("its hello could not be handed on", error))?;
        let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        send(&self.entrance, &bytes, &borrowed).map_err(|error| failed("its hello could not be handed on", error))?;
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

/// Who hangs up ends, and how it does is worth to be known.
fn wait_for_death(death: &OwnedFd, deadline: Option<Instant>) -> Result<Greeting, Missed> {
    match wait(death.as_fd(), death.as_fd(), deadline)? {
        Event::Death => Err(Missed::Died),
        Event::Ready | Event::End => Err(Missed::HungUp),
    }
}

fn failed(what: &str, error: Errno) -> Missed {
    Missed::Failed(format!("{what} ({})", because(&error.into())))
}

enum Event {
    Ready,
    Death,
    End,
}

/// Waits for any of the two. A death counts more: strangers may come for ever.
fn wait(awaited: BorrowedFd<'_>, death: BorrowedFd<'_>, deadline: Option<Instant>) -> Result<Event, Missed> {
    loop {
        let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // A time that is too long to be told is for ever.
        let rest = rest.and_then(|rest| Timespec::try_from(rest).ok());
        let mut both =
            [PollFd::from_borrowed_fd(death, PollFlags::IN), PollFd::from_borrowed_fd(awaited, PollFlags::IN)];
        match poll(&mut both, rest.as_ref()) {
            Ok(0) => return Ok(Event::End),
            Ok(_) if !both[0].revents().is_empty() => return Ok(Event::Death),
            Ok(_) => return Ok(Event::Ready),
            Err(Errno::INTR) => {}
            Err(error) => return Err(failed("its hello could not be waited for", error)),
        }
    }
}

/// A channel's receiver, and the socket that leads to it. It is seen nowhere but in a message, so we send us one.
fn entrance(listener: &OwnedFd, name: &str) -> Result<(OwnedFd, IpcReceiver<Greeting>), String> {
    let refused = |reason: &dyn std::fmt::Display| format!("no channel for its rendezvous ({reason})");
    let (sender, greetings) = ipc::channel::<Greeting>().map_err(|error| refused(&because(&error)))?;
    let to_us: IpcSender<IpcSender<Greeting>> = IpcSender::connect(name.to_owned()).map_err(|error| {
        // ipc-channel does not look whether it got a descriptor.
        let got_none = error.raw_os_error() == Some(Errno::BADF.raw_os_error());
        refused(&because(&if got_none { Errno::MFILE.into() } else { error }))
    })?;
    to_us.send(sender).map_err(|error| refused(&error))?;
    // It is in the queue by now, perhaps behind strangers.
    loop {
        let comer = accept_with(listener, SocketFlags::CLOEXEC).map_err(|error| refused(&because(&error.into())))?;
        if pid_of(&comer) != Some(std::process::id()) {
            continue;
        }
        match receive(&comer).map(|(_, descriptors)| <[OwnedFd; 1]>::try_from(descriptors)) {
            Ok(Ok([entrance])) => return Ok((entrance, greetings)),
            // One of this process may be a stranger too, who has sent nothing, or something else.
            Ok(Err(_)) | Err(Errno::AGAIN) => {}
            Err(error) => return Err(refused(&because(&error.into()))),
        }
    }
}

/// The packet that is there, as it is.
fn receive(socket: &OwnedFd) -> Result<(Vec<u8>, Vec<OwnedFd>), Errno> {
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

/// A directory of this user's own, and the path of the socket in it. Both go with it.
struct Place {
    directory: PathBuf,
    socket: String,
}

impl Place {
    fn new() -> Result<Self, String> {
        let parent = env::temp_dir();
        if !parent.is_dir() {
            return Err(format!(
                "no socket for its rendezvous: {} is no directory; create it, or set TMPDIR",
                parent.display()
            ));
        }
        let directory = parent.join(format!("executor-{}", &crate::random::hex()?[..12]));
        let Some(socket) = directory.join("s").to_str().map(ToOwned::to_owned) else {
            return Err(format!("no socket for its rendezvous: {} is not UTF-8; set TMPDIR", parent.display()));
        };
        // Whoever may not enter cannot connect.
        DirBuilder::new().mode(0o700).create(&directory).map_err(|error| {
            format!("no socket for its rendezvous in {} ({}); is it full?", parent.display(), because(&error))
        })?;
        Ok(Self { directory, socket })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The worker takes both away as soon as it has connected, in case that we do not live until here.
        drop(fs::remove_file(&self.socket));
        drop(fs::remove_dir(&self.directory));
    }
}

//! Where a worker meets its parent: a socket in a directory that only this user can enter, at which only the worker is let in.
//!
//! The listener is ours, because ipc-channel's one-shot server takes the first connection, and waits for ever for its message. The
//! kernel tells which process has connected (`SO_PEERCRED`, unix(7)).

mod greeting_check;
mod handoff;

use std::env;
use std::fs::{self, DirBuilder};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
#[cfg(any(test, fuzzing))]
use std::path::Path;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with};

use self::greeting_check::REPLIES;
pub(crate) use self::greeting_check::is_sound;
pub(crate) use self::handoff::Handoff;
use self::handoff::receive;
use crate::ipc::os_error::because;
use crate::ipc::peer_pid::pid_of;
use crate::protocol::message::{Greeting, Hello};
use crate::protocol::socket_dir::{self, DIGITS, PREFIX};

/// The length of a socket's name behind the directory for temporary files.
pub(crate) const SUFFIX: usize = "/executor-0123456789ab/s".len();

/// How many may come at the same time, which only strangers do.
const BACKLOG: i32 = 128;

/// From the end of its connection until a process that dies is dead: milliseconds, and longer for one that holds much memory.
const LAST_MOMENTS: Duration = Duration::from_secs(1);

/// Why there is no greeting.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The worker died.
    Died,
    /// It had its time. Strangers that came meanwhile are counted.
    TooLate { strangers: usize },
    /// It closed the connection before it said anything.
    HungUp,
    /// It said what cannot be read, or the system refused something.
    Failed(String),
}

/// The greeting of a worker.
pub(crate) enum Greeted {
    /// With the socket that its replies come from.
    Hello { hello: Box<Hello>, replies: Option<OwnedFd> },
    /// Why it cannot be one.
    Refused(String),
}

/// Waits for one worker.
pub(crate) struct Rendezvous {
    listener: OwnedFd,
    entrance: Handoff<Greeting>,
    place: SocketDir,
}

impl Rendezvous {
    /// # Errors
    ///
    /// When there is no directory for temporary files, or the system refuses a socket.
    pub(crate) fn new() -> Result<Self, String> {
        socket_dir::clear(&temporary());
        let place = SocketDir::new()?;
        let listener = listener(&place)?;
        let entrance = Handoff::new(&place.directory)?;
        Ok(Self { listener, entrance, place })
    }

    /// The path of the socket.
    pub(crate) fn name(&self) -> &str {
        &self.place.socket
    }

    /// Blocks until the process `pid` has greeted, until `death` is ready, or for `limit`. Other processes that come are sent away.
    ///
    /// # Errors
    ///
    /// When it does not greet.
    pub(crate) fn meet(&self, pid: u32, death: &OwnedFd, limit: Duration) -> Result<Greeted, HandshakeError> {
        let deadline = Instant::now().checked_add(limit);
        let mut guest: Option<OwnedFd> = None;
        let mut strangers = 0;
        loop {
            let awaited = guest.as_ref().unwrap_or(&self.listener);
            match wait(awaited.as_fd(), death.as_fd(), deadline)? {
                Event::Ready => {}
                Event::Death => return self.hear_last(guest, pid),
                Event::End => return Err(HandshakeError::TooLate { strangers }),
            }
            if let Some(guest) = &guest {
                return match self.hear(guest) {
                    Err(HandshakeError::HungUp) => wait_for_death(death, deadline),
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
    fn hear_last(&self, mut guest: Option<OwnedFd>, pid: u32) -> Result<Greeted, HandshakeError> {
        // It may be behind as many strangers, and behind no more.
        for _ in 0..=BACKLOG {
            if guest.is_some() {
                break;
            }
            let Some(comer) = self.accept()? else { break };
            guest = Some(comer).filter(|comer| pid_of(comer) == Some(pid));
        }
        match guest.map(|guest| self.hear(&guest)) {
            Some(Ok(Greeted::Refused(reason))) => Ok(Greeted::Refused(reason)),
            _ => Err(HandshakeError::Died),
        }
    }

    /// `None` if no process has come, or it is gone again.
    fn accept(&self) -> Result<Option<OwnedFd>, HandshakeError> {
        match accept_with(&self.listener, SocketFlags::CLOEXEC) {
            Ok(comer) => Ok(Some(comer)),
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => Ok(None),
            Err(error) => Err(failed("no socket to hear its hello", error)),
        }
    }

    /// Reads a packet, and what it means.
    fn hear(&self, guest: &OwnedFd) -> Result<Greeted, HandshakeError> {
        let (bytes, descriptors) = receive(guest).map_err(|error| failed("its hello could not be read", error))?;
        if bytes.is_empty() {
            return Err(HandshakeError::HungUp);
        }
        if !is_sound(&bytes, &descriptors) {
            return Err(HandshakeError::Failed("it said hello in a way that cannot be read".to_owned()));
        }
        match self.entrance.hand_on(&bytes, &descriptors)? {
            Greeting::Hello(hello) => Ok(Greeted::Hello { hello, replies: descriptors.into_iter().nth(REPLIES) }),
            Greeting::Refused(reason) => Ok(Greeted::Refused(reason)),
        }
    }
}

/// The worker closed the connection before the hello. It is probably dying: waits up to 1 s for its end, not for the whole start limit.
fn wait_for_death(death: &OwnedFd, deadline: Option<Instant>) -> Result<Greeted, HandshakeError> {
    let soon = Instant::now() + LAST_MOMENTS;
    let deadline = deadline.map_or(soon, |deadline| deadline.min(soon));
    match wait(death.as_fd(), death.as_fd(), Some(deadline))? {
        Event::Death => Err(HandshakeError::Died),
        Event::Ready | Event::End => Err(HandshakeError::HungUp),
    }
}

fn failed(what: &str, error: Errno) -> HandshakeError {
    HandshakeError::Failed(format!("{what} ({})", because(&error.into())))
}

enum Event {
    Ready,
    Death,
    End,
}

/// Waits for any of the two. A death counts more: strangers may come for ever.
fn wait(awaited: BorrowedFd<'_>, death: BorrowedFd<'_>, deadline: Option<Instant>) -> Result<Event, HandshakeError> {
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

fn listener(place: &SocketDir) -> Result<OwnedFd, String> {
    let refused = |what: &str, error: Errno| format!("no {what} for its rendezvous ({})", because(&error.into()));
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
        .map_err(|error| refused("socket", error))?;
    let address = SocketAddrUnix::new(&*place.socket).map_err(|error| refused("address", error))?;
    bind(&listener, &address).map_err(|error| refused("address", error))?;
    listen(&listener, BACKLOG).map_err(|error| refused("address", error))?;
    Ok(listener)
}

/// The directory for temporary files, from the root on: a worker may be elsewhere. An empty TMPDIR is as good as none.
pub(crate) fn temporary() -> PathBuf {
    let set = env::temp_dir();
    let directory = if set.as_os_str().is_empty() { PathBuf::from("/tmp") } else { set };
    std::path::absolute(&directory).unwrap_or(directory)
}

/// A directory of this user's own, and the path of the socket in it. Both go with it.
pub(crate) struct SocketDir {
    directory: PathBuf,
    socket: String,
}

impl SocketDir {
    pub(crate) fn new() -> Result<Self, String> {
        let parent = temporary();
        if !parent.is_dir() {
            return Err(format!(
                "no socket for its rendezvous: {} is no directory; create it, or set TMPDIR",
                parent.display()
            ));
        }
        let directory = parent.join(format!("{PREFIX}{}", &crate::ipc::random::hex()?[..DIGITS]));
        let Some(socket) = directory.join("s").to_str().map(ToOwned::to_owned) else {
            return Err(format!("no socket for its rendezvous: {} is not UTF-8; set TMPDIR", parent.display()));
        };
        // Users that may not enter cannot connect.
        DirBuilder::new().mode(0o700).create(&directory).map_err(|error| {
            format!("no socket for its rendezvous in {} ({}); is it full?", parent.display(), because(&error))
        })?;
        Ok(Self { directory, socket })
    }
}

#[cfg(any(test, fuzzing))]
impl SocketDir {
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for SocketDir {
    fn drop(&mut self) {
        // The worker takes both away as soon as it has connected, in case that we do not live until here.
        drop(fs::remove_file(&self.socket));
        drop(fs::remove_dir(&self.directory));
    }
}

/// An end of a channel, and its socket, for tests.
#[cfg(any(test, fuzzing))]
pub(crate) fn with_socket<T: serde::Serialize + serde::de::DeserializeOwned>(end: T) -> (T, OwnedFd) {
    let place = SocketDir::new().expect("a directory");
    let entrance = Handoff::new(&place.directory).expect("a channel");
    let (bytes, mut descriptors) = handoff::packet(&place.directory, end).expect("it can be sent");
    let end = entrance.hand_on(&bytes, &descriptors).expect("it was sent just now");
    (end, descriptors.remove(0))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use rustix::net::connect;

    use super::*;

    fn visit(socket: &str) -> Result<OwnedFd, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let stranger = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        connect(&stranger, &SocketAddrUnix::new(socket)?).map(|()| stranger)
    }

    #[test]
    fn a_full_queue_of_strangers_does_not_hold_up_who_makes_one() {
        let place = SocketDir::new().unwrap();
        let listener = listener(&place).unwrap();
        // They stay in the queue, also when they are gone.
        let strangers = (0..1000).take_while(|_| visit(&place.socket).is_ok()).count();
        assert!(strangers < 1000, "the queue is full");
        let (told, made) = channel();
        let thread = thread::spawn(move || told.send(Handoff::<Greeting>::new(&place.directory).map(drop)));
        made.recv_timeout(Duration::from_mins(1)).expect("it does not wait for them").unwrap();
        thread.join().unwrap().unwrap();
        drop(listener);
    }
}

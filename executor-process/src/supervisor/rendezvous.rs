//! How a parent and its worker meet: on the socket that the worker is started with, which no other process has.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::ipc::os_error::with_remedy;
pub(crate) use crate::ipc::raw_channel::{SUFFIX, open_channel, temporary};
use crate::ipc::socket::{self, Wait};
use crate::protocol::message::Greeting;

/// From the end of its connection until a process that dies is dead: milliseconds, and more than a second where all cores are busy.
const LAST_MOMENTS: Duration = Duration::from_secs(10);

/// Why there is no greeting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HandshakeError {
    /// The worker died.
    Died,
    /// It had its time.
    TooLate,
    /// It closed the connection before it said anything.
    HungUp,
    /// It said what cannot be read, or the system refused something.
    Failed(String),
}

/// Blocks until the worker at the other end of `socket` has greeted, until `death` is ready, or for `limit`.
///
/// # Errors
///
/// When it does not greet.
pub(crate) fn meet(socket: &OwnedFd, death: &OwnedFd, limit: Duration) -> Result<Greeting, HandshakeError> {
    let deadline = Instant::now().checked_add(limit);
    match wait(socket.as_fd(), death.as_fd(), deadline)? {
        Event::Ready => match hear(socket) {
            Err(HandshakeError::HungUp) => wait_for_death(death, deadline),
            heard => heard,
        },
        // It may have said why.
        Event::Death => match hear(socket) {
            Ok(refusal @ Greeting::Refused(_)) => Ok(refusal),
            _ => Err(HandshakeError::Died),
        },
        Event::End => Err(HandshakeError::TooLate),
    }
}

/// Reads the greeting that is there.
///
/// # Errors
///
/// When it is none.
pub(crate) fn hear(socket: &OwnedFd) -> Result<Greeting, HandshakeError> {
    let failed =
        |error| HandshakeError::Failed(format!("its first message could not be read ({})", with_remedy(&error)));
    let packet = socket::receive(socket, Wait::No).map_err(failed)?.ok_or(HandshakeError::HungUp)?;
    match postcard::take_from_bytes(&packet.bytes) {
        Ok((greeting, [])) if packet.descriptors.is_empty() && !packet.is_cut => Ok(greeting),
        _ => Err(HandshakeError::Failed("its first message is invalid".to_owned())),
    }
}

/// The worker closed the connection before the hello. It is probably dying: waits up to 10 s for its end, not for the whole start limit.
fn wait_for_death(death: &OwnedFd, deadline: Option<Instant>) -> Result<Greeting, HandshakeError> {
    let soon = Instant::now() + LAST_MOMENTS;
    let deadline = deadline.map_or(soon, |deadline| deadline.min(soon));
    match wait(death.as_fd(), death.as_fd(), Some(deadline))? {
        Event::Death => Err(HandshakeError::Died),
        Event::Ready | Event::End => Err(HandshakeError::HungUp),
    }
}

enum Event {
    Ready,
    Death,
    End,
}

/// Waits for any of the two. A death counts more.
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
            Err(error) => {
                let why = with_remedy(&error.into());
                return Err(HandshakeError::Failed(format!("waiting for its first message failed ({why})")));
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use rustix::pipe::pipe;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn say(socket: &OwnedFd, greeting: &Greeting) {
        socket::send(socket, &[], &postcard::to_stdvec(greeting).unwrap(), &[], Wait::No).unwrap();
    }

    fn hello() -> Greeting {
        Greeting::Hello { build: "build".to_owned() }
    }

    fn refused() -> Greeting {
        Greeting::Refused("no memory".to_owned())
    }

    /// Meets a worker that has said `said`, and has closed its end or died.
    fn heard(said: Option<Greeting>, hangs_up: bool, dies: bool, limit: Duration) -> Result<Greeting, HandshakeError> {
        let (ours, theirs) = socket::pair().unwrap();
        // The pipe's end is ready when the other one is closed, as a pidfd is at a death.
        let (death, life) = pipe().unwrap();
        if let Some(greeting) = said {
            say(&theirs, &greeting);
        }
        let theirs = (!hangs_up).then_some(theirs);
        let life = (!dies).then_some(life);
        let heard = meet(&ours, &death, limit);
        drop((theirs, life));
        heard
    }

    #[test]
    fn greetings_are_heard() {
        assert_eq!(heard(Some(hello()), false, false, LONG), Ok(hello()));
        assert_eq!(heard(Some(hello()), true, false, LONG), Ok(hello()));
        assert_eq!(heard(Some(refused()), false, false, LONG), Ok(refused()));
    }

    #[test]
    fn dead_workers_are_told_from_those_that_refused() {
        assert_eq!(heard(Some(refused()), true, true, LONG), Ok(refused()));
        for (said, hangs_up) in [(None, true), (None, false), (Some(hello()), true)] {
            assert_eq!(heard(said, hangs_up, true, LONG), Err(HandshakeError::Died));
        }
    }

    #[test]
    fn silent_workers_are_given_up() {
        let soon = Duration::from_millis(20);
        assert_eq!(heard(None, false, false, soon), Err(HandshakeError::TooLate));
        assert_eq!(heard(None, true, false, soon), Err(HandshakeError::HungUp));
        assert_eq!(heard(None, true, false, LONG), Err(HandshakeError::HungUp), "within a second");
    }

    #[test]
    fn greetings_of_no_known_form_are_refused() {
        let greeting = postcard::to_stdvec(&hello()).unwrap();
        let more = [&greeting[..], &[0]].concat();
        for (bytes, has_descriptor) in [(&greeting[1..], false), (&more, false), (&greeting, true)] {
            let (ours, theirs) = socket::pair().unwrap();
            let descriptors = [ours.as_fd()];
            let descriptors = if has_descriptor { &descriptors[..] } else { &[] };
            socket::send(&theirs, &[], bytes, descriptors, Wait::No).unwrap();
            let unread = HandshakeError::Failed("its first message is invalid".to_owned());
            assert_eq!(hear(&ours), Err(unread));
        }
    }
}

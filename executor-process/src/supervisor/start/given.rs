//! The objects that a worker gets at its start, and the parent's ends of them.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};

use ipc_channel::ipc::IpcSender;
use rustix::fs::fstat;

use crate::ipc::os_error::with_remedy;
use crate::ipc::socket::{self, Wait};
use crate::protocol::message::Request;
use crate::protocol::status_page::Page;
use crate::supervisor::lifeline::Lifeline;
use crate::supervisor::output;
use crate::supervisor::rendezvous;
use crate::supervisor::reply_receiver::ReplyReceiver;

/// The objects that a worker shares with its parent from the start.
pub(super) struct Given {
    pub(super) page: Page,
    /// Of its file.
    pub(super) page_number: u64,
    pub(super) requests: IpcSender<Request>,
    pub(super) replies: ReplyReceiver,
    /// The worker ends when this one is gone: only the parent holds it.
    pub(super) lifeline: Lifeline,
    /// The worker's end of it, which it has been sent.
    pub(super) lifeline_end: OwnedFd,
    /// Where the output of the worker comes from, if it is captured.
    pub(super) output: Option<[OwnedFd; 2]>,
}

impl Given {
    /// Makes them, and sends the worker its own through `socket`, with whose other end it is started.
    ///
    /// # Errors
    ///
    /// When the system refuses any of them.
    pub(super) fn send(socket: &OwnedFd, captures: bool) -> Result<Self, String> {
        let (requests, worker_requests) = rendezvous::open_channel()?;
        Self::send_with(socket, (requests, worker_requests), captures).map_err(|error| lacks(&error))
    }

    fn send_with(
        socket: &OwnedFd,
        (requests, worker_requests): (IpcSender<Request>, OwnedFd),
        captures: bool,
    ) -> io::Result<Self> {
        let (replies, worker_replies) = socket::pair()?;
        let (end, lifeline) = Lifeline::new()?;
        let (page, file) = Page::new()?;
        let page_number = fstat(&file)?.st_ino;
        let (output, worker_output) = if captures { Some(output::pipes()?) } else { None }.unzip();
        let sent = [&file, &end, &worker_requests, &worker_replies].into_iter().chain(worker_output.iter().flatten());
        let descriptors: Vec<_> = sent.map(AsFd::as_fd).collect();
        match socket::send(socket, b"start", &[], &descriptors, Wait::No) {
            // It has died, of which the wait for its hello tells.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            sent => sent?,
        }
        let replies = ReplyReceiver::new(replies, Some(worker_replies));
        Ok(Self { page, page_number, requests, replies, lifeline, lifeline_end: end, output })
    }
}

/// Why a worker cannot be given what it needs.
pub(super) fn lacks(error: &io::Error) -> String {
    format!("no shared memory or socket could be created for it ({})", with_remedy(error))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn worker_that_has_died_is_not_refused() {
        let (socket, theirs) = socket::pair().unwrap();
        drop(theirs);
        assert!(Given::send(&socket, true).is_ok(), "the wait for its hello tells of its death");
    }
}

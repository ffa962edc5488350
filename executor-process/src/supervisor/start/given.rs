//! The objects that a worker gets at its start, and the parent's ends of them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::fstat;

use crate::ipc::socket::{self, Wait};
use crate::protocol::status_page::Page;
use crate::supervisor::lifeline::Lifeline;
use crate::supervisor::output;
use crate::supervisor::reply_receiver::ReplyReceiver;

/// The objects that a worker shares with its parent from the start.
pub(super) struct Given {
    pub(super) page: Page,
    /// Of its file.
    pub(super) page_number: u64,
    /// For the hello, and then for payloads.
    pub(super) socket: OwnedFd,
    /// The other end, which the worker is started with. The worker's other descriptors have been sent there.
    pub(super) theirs: OwnedFd,
    pub(super) replies: ReplyReceiver,
    /// The worker ends when this one is gone: only the parent holds it.
    pub(super) lifeline: Lifeline,
    /// The worker's end of it, which it has been sent.
    pub(super) lifeline_end: OwnedFd,
    /// Where the output of the worker comes from, if it is captured.
    pub(super) output: Option<[OwnedFd; 2]>,
}

impl Given {
    /// `requests` is the worker's end of the channel for requests.
    pub(super) fn new(requests: OwnedFd, captures: bool) -> io::Result<Self> {
        let (socket, theirs) = socket::pair()?;
        let (replies, worker_replies) = socket::pair()?;
        let (end, lifeline) = Lifeline::new()?;
        let (page, file) = Page::new()?;
        let page_number = fstat(&file)?.st_ino;
        let (output, worker_output) = if captures { Some(output::pipes()?) } else { None }.unzip();
        let sent = [&file, &end, &requests, &worker_replies].into_iter().chain(worker_output.iter().flatten());
        let descriptors: Vec<_> = sent.map(AsFd::as_fd).collect();
        socket::send(&socket, b"start", &[], &descriptors, Wait::No)?;
        let replies = ReplyReceiver::new(replies, Some(worker_replies));
        Ok(Self { page, page_number, socket, theirs, replies, lifeline, lifeline_end: end, output })
    }
}

//! Sends records to the parent, from any thread of a worker. Never waits for long: where the parent does not read, records are dropped,
//! and their number is sent.

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::fork_check::is_copy;
use crate::ipc::socket::{self, Wait};
use crate::protocol::ipc_packet::head;
use crate::protocol::message::Reply;
use crate::protocol::record::{Content, MOST_RECORD, Record};
use crate::protocol::status_page::Page;

/// The time that a record waits for room. The parent makes room in microseconds, unless it does not read at all.
const LIMIT: Duration = Duration::from_millis(5);

struct Channel {
    replies: &'static OwnedFd,
    page: &'static Page,
}

/// Unset in a program that is no worker, and in a worker whose parent wants no records.
static CHANNEL: OnceLock<Channel> = OnceLock::new();

/// The number of the job that runs, or 0.
static JOB: AtomicU64 = AtomicU64::new(0);

/// How many records were dropped, and the parent does not know yet.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Whether the last record found no room in time. The next one does not wait.
static IS_FULL: AtomicBool = AtomicBool::new(false);

/// From now on, records are sent over `replies`.
pub(super) fn open(replies: &'static OwnedFd, page: &'static Page) {
    // It is called once.
    let _ = CHANNEL.set(Channel { replies, page });
}

/// This process is a copy that goes on as a worker of its own, with its own channel in the place of the other's.
pub(super) fn begin_copy() {
    JOB.store(0, Ordering::Relaxed);
    LOST.store(0, Ordering::Relaxed);
    IS_FULL.store(false, Ordering::Relaxed);
}

/// From now on, records are of `job`.
pub(super) fn begins(job: u64) {
    // Relaxed, here and below: these values order nothing.
    JOB.store(job, Ordering::Relaxed);
}

/// The job has ended. Tells the parent of dropped records, and may wait until it reads.
pub(super) fn ends() {
    if LOST.load(Ordering::Relaxed) > 0
        && let Some(channel) = CHANNEL.get()
    {
        channel.send_lost(Wait::Forever);
    }
    JOB.store(0, Ordering::Relaxed);
}

/// Sends a record from any thread. Blocks for 5 ms at most; does not panic. Drops the record if the parent does not read, if the record
/// is too long, in a fork of the worker, and in a program that is no worker.
pub(crate) fn send(content: Content) {
    let Some(channel) = CHANNEL.get().filter(|_| !is_copy()) else { return };
    let wait = if IS_FULL.load(Ordering::Relaxed) { Wait::No } else { Wait::within(LIMIT) };
    let is_sent = (LOST.load(Ordering::Relaxed) == 0 || channel.send_lost(wait)) && channel.send(content, wait);
    IS_FULL.store(!is_sent, Ordering::Relaxed);
    if !is_sent {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

impl Channel {
    /// False if the record was not sent.
    fn send(&self, content: Content, wait: Wait) -> bool {
        let record = Record { job: JOB.load(Ordering::Relaxed), content };
        let Ok(bytes) = postcard::to_stdvec(&Reply::Record(record)) else { return false };
        if bytes.len() > MOST_RECORD {
            return false;
        }
        let is_sent = socket::send(self.replies, &head(bytes.len()), &bytes, &[], wait).is_ok();
        // After the send: a parent that sees the number finds the record.
        self.page.records().fetch_add(u64::from(is_sent), Ordering::Release);
        is_sent
    }

    /// Sends how many records were dropped.
    fn send_lost(&self, wait: Wait) -> bool {
        let lost = LOST.swap(0, Ordering::Relaxed);
        let is_sent = lost == 0 || self.send(Content::Lost(lost), wait);
        if !is_sent {
            LOST.fetch_add(lost, Ordering::Relaxed);
        }
        is_sent
    }
}

//! The request to run jobs, and its end: on the page while both processes are awake, and through the sockets otherwise.

use std::sync::atomic::Ordering;

use rustix::thread::sched_getcpu;

use super::Worker;
use crate::protocol::ipc_packet;
use crate::protocol::limits::MOST_SPIN;
use crate::protocol::message::{JobMessage, Request};
use crate::protocol::status_page::LONGEST;

impl Worker {
    /// Sends jobs, whose answers are to be [received](Worker::receive).
    pub(crate) fn begin_jobs(&self, jobs: Vec<JobMessage>, are_short: bool) {
        // Output is read while the end is waited for.
        if self.listener.output.is_none() {
            self.claims.page.end().watch();
        }
        // Relaxed, here and below: the message orders it.
        let inline = jobs.iter().map(|job| job.body.inline_len()).sum();
        // While the worker looks at the page, it does not see what comes through the socket.
        let is_awaited = are_short && inline <= LONGEST;
        self.claims.page.stay_awake().store(is_awaited.into(), Ordering::Relaxed);
        let request = Request::Run(jobs);
        if !self.posts(&request, inline) {
            self.claims.page.core().store(sched_getcpu() as u64, Ordering::Relaxed);
            self.begin(request);
        }
    }

    /// Puts the request on the page. False if it must go through the socket.
    fn posts(&self, request: &Request, inline: usize) -> bool {
        let notice = self.claims.page.request();
        if !notice.has_room(inline) || self.is_disconnected() || self.process.has_died() {
            return false;
        }
        ipc_packet::encoded(request).is_ok_and(|bytes| notice.post(&bytes))
    }

    /// Spins until the jobs have ended, if `are_short` says that this may be soon, and spinning pays. Returns whether they have ended; otherwise a message tells of
    /// the end.
    pub(crate) fn end_soon(&self, are_short: bool) -> bool {
        let notice = self.claims.page.end();
        let end = if are_short && !self.is_disconnected() { notice.spin(&self.spin, MOST_SPIN) } else { notice.take() };
        end.is_some()
    }
}

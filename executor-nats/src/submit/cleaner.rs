//! Removes what the server keeps of jobs that have ended.
//!
//! The jobs of a block cost two requests together, once none of them is open: see [`removal`](crate::protocol::removal). A kept job costs
//! one, which writes that its outcome was read.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::engine::Engine;
use super::removals::{DueBlock, Read};
use crate::protocol::ledger::Put;
use crate::protocol::message::State;

/// The time from one removal to the next, and the least time that other readers of a kept job have for its outcome.
const PAUSE: Duration = Duration::from_secs(2);

/// The longest pause after requests that have failed: each pause is twice the one before.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The time that an executor which shuts down may take for the last removal.
const LAST: Duration = Duration::from_secs(2);

impl Engine {
    /// Removes now and then, as long as there is something to be removed.
    pub(super) async fn keep_clean(self: Rc<Self>) {
        loop {
            self.removals.changed.notified().await;
            let mut pause = PAUSE;
            while !self.removals.is_empty() {
                sleep(pause).await;
                pause = if self.remove_due(PAUSE).await { PAUSE } else { (2 * pause).min(LONGEST_PAUSE) };
            }
        }
    }

    /// Removes what can be removed before the executor is gone.
    pub(super) async fn clean_up(&self) {
        let last = async {
            // Jobs that have their outcome may wait for the answer that they are stored.
            while self.removals.has_open() {
                self.removals.changed.notified().await;
            }
            self.remove_due(Duration::ZERO).await
        };
        // The rest stays until its time is up.
        drop(timeout(LAST, last).await);
    }

    /// Returns whether no request has failed.
    async fn remove_due(&self, age: Duration) -> bool {
        let mut has_failed = false;
        for due in self.removals.due_blocks() {
            let DueBlock { number, last_job, last_record } = due;
            match self.streams.remove_block(&self.submitter, number, last_job, last_record).await {
                Ok(()) => self.removals.removed(due),
                // It is made again the next time.
                Err(_) => has_failed = true,
            }
        }
        for Read { key, revision, body, .. } in self.removals.take_read(age) {
            // If another reader was first, that one discards the result.
            if let Ok(Put::Won(_)) = self.streams.put(&key, revision, State::Read, Some(PAUSE)).await {
                self.streams.discard(&body).await;
            }
        }
        for name in self.removals.take_arguments() {
            self.streams.discard_object(&name).await;
        }
        !has_failed
    }
}

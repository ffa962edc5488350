//! When the records and messages of jobs are removed, so that no job runs twice.
//!
//! A host that starts a job finds the job's record, or else makes the first one. So a record should outlive every copy of the job's
//! message that may still lead to a start:
//! - The submitter removes the messages of a block of jobs, and then their records. No copy is delivered in between.
//! - A copy that was delivered before may be used late, when the record is gone. For [`MEMORY`], the server remembers that there was a
//!   first record, and takes no other one.
//! - A copy that may be older is used only if the message is still there, after the host has made the record: see [`Copy`].

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{LastRawMessageErrorKind, PurgeError};

use super::ledger::{Retry, Unreachable};
use super::names::{JobKey, PRIORITIES};
use super::streams::Streams;

/// How long the server remembers a first record that was removed: the ledger's window for duplicates.
pub(crate) const MEMORY: Duration = Duration::from_secs(120);

/// A copy of a job's message, delivered to a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copy {
    /// Where the message is stored.
    pub(crate) sequence: u64,
    /// How often the message was delivered, with this copy.
    pub(crate) delivered: u64,
    came: Instant,
}

impl Copy {
    pub(crate) fn sequence(self) -> u64 {
        self.sequence
    }

    /// From the subject of the message's acknowledgement.
    pub(crate) fn of_reply(reply: &str) -> Option<Self> {
        let tokens: Vec<_> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
        // With a domain and an account before them, or without.
        let [_, _, delivered, sequence, ..] = *(if tokens.len() == 7 { &tokens[..] } else { tokens.get(2..)? }) else {
            return None;
        };
        Some(Self { sequence: sequence.parse().ok()?, delivered: delivered.parse().ok()?, came: Instant::now() })
    }

    /// Whether the job may have ended so long ago that the server has forgotten its records. `is_only`: no other host was given a copy
    /// before. Copies that came before `trusted` were perhaps on their way for long.
    pub(crate) fn may_be_stale(self, is_only: bool, trusted: Instant) -> bool {
        !is_only || self.came < trusted || self.came.elapsed() >= MEMORY / 2
    }
}

impl Streams {
    /// Whether the message is still there. Asked of the stream's leader; asks again while no server answers.
    pub(crate) async fn has_job(&self, copy: Copy) -> bool {
        let mut retry = Retry::new(None);
        loop {
            match self.jobs.get_raw_message(copy.sequence).await {
                Ok(_) => return true,
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return false,
                Err(_) => drop(retry.pause().await),
            }
        }
    }

    /// Removes the message of a job. If this fails, it is removed when its time is up, or by a host that finds the job's record.
    pub(crate) async fn delete_job(&self, sequence: u64) {
        #[derive(serde::Serialize)]
        struct Request {
            seq: u64,
            no_erase: bool,
        }
        #[derive(serde::Deserialize)]
        struct Answer {}
        let subject = format!("STREAM.MSG.DELETE.{}", self.names.jobs_stream());
        // Otherwise, the server overwrites the message on its disk.
        let request = Request { seq: sequence, no_erase: true };
        drop(self.context.request::<_, _, Answer>(subject, &request).await);
    }

    /// Where the message of a job that waits or runs is stored.
    pub(crate) async fn find_job(&self, key: &JobKey) -> Result<Option<u64>, Unreachable> {
        for priority in PRIORITIES {
            match self.jobs.get_last_raw_message_by_subject(&self.names.job(priority, key)).await {
                Ok(message) => return Ok(Some(message.sequence)),
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {}
                Err(_) => return Err(Unreachable),
            }
        }
        Ok(None)
    }

    /// Removes the messages of a block of jobs up to `last_job`, and then the records up to `last_record`.
    pub(crate) async fn remove_block(
        &self,
        submitter: &str,
        block: u64,
        last_job: u64,
        last_record: u64,
    ) -> Result<(), PurgeError> {
        if last_job > 0 {
            let subjects = self.names.jobs_of_block(submitter, block);
            self.jobs.purge().filter(subjects).sequence(last_job + 1).await?;
        }
        let subjects = self.names.outcomes_of_block(submitter, block);
        self.ledger.purge().filter(subjects).sequence(last_record + 1).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(age: Duration) -> Copy {
        let came = Instant::now().checked_sub(age).expect("the clock is older than this test");
        Copy { sequence: 1, delivered: 1, came }
    }

    #[test]
    fn copy_knows_its_message() {
        for reply in [
            "$JS.ACK.jobs.consumer.2.17.5.1700000000.0",
            "$JS.ACK.domain.hash.jobs.consumer.2.17.5.1700000000.0.random",
        ] {
            let copy = Copy::of_reply(reply).expect("it is one");
            assert_eq!((copy.sequence, copy.delivered), (17, 2));
        }
        for reply in ["", "$JS.ACK", "$JS.ACK.a", "$JS.ACK.a.b.c.d.e.f.g", "_INBOX.a.b.2.17.5.1.0"] {
            assert!(Copy::of_reply(reply).is_none(), "{reply}");
        }
    }

    #[test]
    fn first_copy_is_fresh_for_a_time() {
        let start = Instant::now().checked_sub(MEMORY).expect("the clock is older than this test");
        assert!(!copy(Duration::ZERO).may_be_stale(true, start));
        assert!(copy(MEMORY / 2).may_be_stale(true, start));
        assert!(copy(Duration::ZERO).may_be_stale(true, Instant::now() + MEMORY));
        assert!(copy(Duration::ZERO).may_be_stale(false, start));
    }
}

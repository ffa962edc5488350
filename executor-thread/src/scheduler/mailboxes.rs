//! Jobs that are for one worker alone: a mailbox for each.

use std::collections::{BTreeMap, VecDeque};

use super::queued::Queued;

pub(super) struct Mailboxes<J> {
    /// By the worker's number.
    boxes: BTreeMap<usize, VecDeque<J>>,
    /// Jobs in all of them.
    len: usize,
}

impl<J> Default for Mailboxes<J> {
    fn default() -> Self {
        Self { boxes: BTreeMap::new(), len: 0 }
    }
}

impl<J> Mailboxes<J> {
    pub(super) fn add(&mut self, number: usize) {
        self.boxes.insert(number, VecDeque::new());
    }

    /// The worker is gone. Returns its jobs, which no other worker may run.
    pub(super) fn remove(&mut self, number: usize) -> Vec<J> {
        let jobs = Vec::from(self.boxes.remove(&number).unwrap_or_default());
        self.len -= jobs.len();
        jobs
    }

    /// A job into each of them.
    pub(super) fn post(&mut self, mut job: impl FnMut() -> J) {
        for mailbox in self.boxes.values_mut() {
            mailbox.push_back(job());
        }
        self.len += self.boxes.len();
    }

    /// The next job of this worker.
    pub(super) fn take(&mut self, number: usize) -> Option<J> {
        if self.len == 0 {
            return None;
        }
        let job = self.boxes.get_mut(&number)?.pop_front()?;
        self.len -= 1;
        Some(job)
    }

    /// Everything that is in them.
    pub(super) fn take_all(&mut self) -> Vec<J> {
        self.len = 0;
        self.boxes.values_mut().flat_map(std::mem::take).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Jobs in them, cancelled ones too.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Jobs in them that are not cancelled.
    pub(super) fn alive(&self) -> usize
    where
        J: Queued,
    {
        if self.len == 0 { 0 } else { self.boxes.values().flatten().filter(|job| job.is_waiting()).count() }
    }
}

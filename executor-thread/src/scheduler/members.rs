//! The workers one by one: each has a queue of its own, which the others may steal from, and a letter box for jobs that are for
//! it alone.

use std::collections::VecDeque;

use crossbeam_deque::{Steal, Stealer, Worker as Deque};

use super::Queued;

/// No worker takes more jobs along than this, so that what it leaves behind in a long job is soon stolen.
pub(super) const BATCH: usize = 32;

pub(super) struct Members<J> {
    list: Vec<Member<J>>,
    /// Workers whose own queue may have jobs in it.
    hoarders: usize,
    /// Jobs in letter boxes.
    letters: usize,
    /// Workers that are to begin.
    called: usize,
}

struct Member<J> {
    number: usize,
    stealer: Stealer<J>,
    letters: VecDeque<J>,
    /// It is to begin before it has a job.
    is_called: bool,
}

/// A worker's own part: its number, its own queue, and what it is counted as.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Own<J> {
    pub(super) number: usize,
    pub(super) jobs: Deque<J>,
    pub(super) is_searching: bool,
    is_hoarding: bool,
    /// Whether the job that it took last was for it alone.
    pub(super) has_letter: bool,
    /// Jobs that it has taken beside the one that it runs.
    pub(super) extra: usize,
    /// Its thread has called the hook for its start.
    pub(super) has_begun: bool,
    /// It has no job, but makes ready for one.
    pub(super) is_beginning: bool,
}

impl<J> Default for Members<J> {
    fn default() -> Self {
        Self { list: Vec::new(), hoarders: 0, letters: 0, called: 0 }
    }
}

impl<J> Members<J> {
    /// One more, who is about to search.
    pub(super) fn add(&mut self, number: usize) -> Own<J> {
        let jobs = Deque::new_fifo();
        let letters = VecDeque::new();
        self.list.push(Member { number, stealer: jobs.stealer(), letters, is_called: false });
        Own {
            number,
            jobs,
            is_searching: true,
            is_hoarding: false,
            has_letter: false,
            extra: 0,
            has_begun: false,
            is_beginning: false,
        }
    }

    /// One less. Its letters have nobody left to open them.
    pub(super) fn remove(&mut self, number: usize) -> Vec<J> {
        let Some(place) = self.list.iter().position(|member| member.number == number) else { return Vec::new() };
        let member = self.list.swap_remove(place);
        self.called -= usize::from(member.is_called);
        let letters = Vec::from(member.letters);
        self.letters -= letters.len();
        letters
    }

    /// Each is to begin, when it has nothing else to do.
    pub(super) fn call_all(&mut self) {
        self.list.iter_mut().for_each(|member| member.is_called = true);
        self.called = self.list.len();
    }

    /// Whether this one is to begin now.
    pub(super) fn is_called(&mut self, own: &Own<J>) -> bool {
        if self.called == 0 {
            return false;
        }
        let member = self.list.iter_mut().find(|member| member.number == own.number && member.is_called);
        self.called -= usize::from(member.is_some());
        member.map(|member| member.is_called = false).is_some()
    }

    /// How many jobs are in their own queues.
    pub(super) fn hoarded(&self) -> usize {
        self.list.iter().map(|member| member.stealer.len()).sum()
    }

    /// Whether one of them may have something to steal.
    pub(super) fn has_hoard(&self) -> bool {
        self.hoarders > 0
    }

    /// Counts whether the own queue has jobs in it. Others may have stolen them.
    pub(super) fn count_hoard(&mut self, own: &mut Own<J>) {
        match (own.is_hoarding, own.jobs.is_empty()) {
            (false, false) => self.hoarders += 1,
            (true, true) => self.hoarders -= 1,
            _ => {}
        }
        own.is_hoarding = !own.jobs.is_empty();
    }

    /// A job from the queue of another, and some more into the own one.
    pub(super) fn steal(&self, own: &Own<J>) -> Option<J> {
        if self.hoarders == 0 {
            return None;
        }
        let others = self.list.iter().filter(|member| member.number != own.number);
        others
            .map(|member| insist(|| member.stealer.steal_batch_with_limit_and_pop(&own.jobs, BATCH)))
            .find_map(Steal::success)
    }

    /// Everything that is in their queues.
    pub(super) fn steal_all(&self) -> Vec<J> {
        let all = self.list.iter();
        all.flat_map(|member| std::iter::from_fn(|| insist(|| member.stealer.steal()).success())).collect()
    }

    /// Everything that is in their letter boxes.
    pub(super) fn take_letters(&mut self) -> Vec<J> {
        self.letters = 0;
        self.list.iter_mut().flat_map(|member| std::mem::take(&mut member.letters)).collect()
    }

    /// A job for each of them.
    pub(super) fn write(&mut self, mut job: impl FnMut() -> J) {
        for member in &mut self.list {
            member.letters.push_back(job());
        }
        self.letters += self.list.len();
    }

    pub(super) fn has_letters(&self) -> bool {
        self.letters > 0
    }

    /// Jobs in letter boxes, dead ones too.
    pub(super) fn letters(&self) -> usize {
        self.letters
    }

    pub(super) fn living_letters(&self) -> usize
    where
        J: Queued,
    {
        self.list.iter().flat_map(|member| &member.letters).filter(|letter| letter.is_waiting()).count()
    }

    /// A job for this one alone.
    pub(super) fn letter(&mut self, own: &mut Own<J>) -> Option<J> {
        own.has_letter = false;
        if self.letters == 0 {
            return None;
        }
        let letter = self.list.iter_mut().find(|member| member.number == own.number)?.letters.pop_front()?;
        self.letters -= 1;
        own.has_letter = true;
        Some(letter)
    }
}

/// Until it is known whether there is something.
fn insist<T>(steal: impl Fn() -> Steal<T>) -> Steal<T> {
    loop {
        match steal() {
            Steal::Retry => {}
            done => return done,
        }
    }
}

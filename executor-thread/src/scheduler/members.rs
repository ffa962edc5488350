//! The workers one by one: each has a queue of its own, which the others may steal from, and a letter box for jobs that are for
//! it alone.

use std::collections::VecDeque;

use crossbeam_deque::{Steal, Stealer, Worker as Deque};

use super::queued::Queued;

/// No worker takes more jobs along than this, so that what it leaves behind in a long job is soon stolen.
pub(super) const BATCH: usize = 32;

/// A worker has been in one job for long when the others came for jobs this many times each since it took its batch along.
const LONG: u64 = 4;

pub(super) struct Members<J> {
    list: Vec<Member<J>>,
    /// Workers whose own queue may have jobs in it.
    hoarders: usize,
    /// Jobs in letter boxes.
    letters: usize,
    /// Workers that are to begin.
    called: usize,
    /// How often workers came for a job, with nothing in their own queues.
    visits: u64,
}

struct Member<J> {
    number: usize,
    stealer: Stealer<J>,
    /// How often others had come when jobs came into its own queue.
    since: u64,
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
    /// It cannot run jobs now, and leaves before it takes another one.
    pub(super) is_retiring: bool,
}

impl<J> Default for Members<J> {
    fn default() -> Self {
        Self { list: Vec::new(), hoarders: 0, letters: 0, called: 0, visits: 0 }
    }
}

impl<J> Members<J> {
    /// One more, who is about to search.
    pub(super) fn add(&mut self, number: usize) -> Own<J> {
        let jobs = Deque::new_fifo();
        let letters = VecDeque::new();
        self.list.push(Member { number, stealer: jobs.stealer(), since: 0, letters, is_called: false });
        Own {
            number,
            jobs,
            is_searching: true,
            is_hoarding: false,
            has_letter: false,
            extra: 0,
            has_begun: false,
            is_beginning: false,
            is_retiring: false,
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

    /// Whether one of them has something to steal. The count alone is not enough: who was stolen from notices at its next job.
    pub(super) fn has_hoard(&self) -> bool {
        self.hoarders > 0 && self.list.iter().any(|member| !member.stealer.is_empty())
    }

    /// Counts whether the own queue has jobs in it. Others may have stolen them.
    pub(super) fn count_hoard(&mut self, own: &mut Own<J>) {
        match (own.is_hoarding, own.jobs.is_empty()) {
            (false, false) => {
                self.hoarders += 1;
                let since = self.visits;
                self.list.iter_mut().filter(|member| member.number == own.number).for_each(|me| me.since = since);
            }
            (true, true) => self.hoarders -= 1,
            _ => {}
        }
        own.is_hoarding = !own.jobs.is_empty();
    }

    /// One whose own queue is empty comes for a job. Says whether it is to look at its siblings' queues before the lanes, for one of them has
    /// been in its job for long: the lanes may never be empty, and what lies behind that job would wait for its end.
    pub(super) fn comes(&mut self, own: &Own<J>) -> bool {
        self.visits += 1;
        let long = self.list.len() as u64 * LONG;
        let is_long = |member: &Member<J>| self.visits - member.since > long && !member.stealer.is_empty();
        self.hoarders > 0 && self.list.iter().any(|member| member.number != own.number && is_long(member))
    }

    /// A job from the queue of the one that took its batch along first, and some more into the own one.
    pub(super) fn steal(&self, own: &Own<J>) -> Option<J> {
        loop {
            let others = self.list.iter().filter(|member| member.number != own.number && !member.stealer.is_empty());
            let slowest = others.min_by_key(|member| member.since)?;
            let stolen = insist(|| slowest.stealer.steal_batch_with_limit_and_pop(&own.jobs, BATCH)).success();
            // Its owner may have emptied it meanwhile; another one may be left.
            if stolen.is_some() {
                return stolen;
            }
        }
    }

    /// Everything that is in their queues.
    pub(super) fn steal_all(&self) -> Vec<J> {
        self.list.iter().flat_map(Member::steal_all).collect()
    }

    /// Everything that is in the queue of one of them.
    pub(super) fn steal_from(&self, number: usize) -> Vec<J> {
        let one = self.list.iter().find(|member| member.number == number);
        one.map(|member| member.steal_all().collect()).unwrap_or_default()
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
        let letter = self.letter_of(own.number);
        own.has_letter = letter.is_some();
        letter
    }

    /// A job for the one with this number alone.
    pub(super) fn letter_of(&mut self, number: usize) -> Option<J> {
        if self.letters == 0 {
            return None;
        }
        let letter = self.list.iter_mut().find(|member| member.number == number)?.letters.pop_front()?;
        self.letters -= 1;
        Some(letter)
    }
}

impl<J> Member<J> {
    fn steal_all(&self) -> impl Iterator<Item = J> {
        std::iter::from_fn(|| insist(|| self.stealer.steal()).success())
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

#[cfg(test)]
mod tests {
    use super::Members;

    /// The count alone tells most workers that none of them is called.
    #[test]
    fn a_worker_that_is_gone_is_not_called() {
        let mut members = Members::<u32>::default();
        let (one, two) = (members.add(1), members.add(2));
        members.call_all();
        assert!(members.remove(two.number).is_empty());
        assert_eq!(members.called, 1);
        assert!(members.is_called(&one) && !members.is_called(&two));
        assert_eq!(members.called, 0);
    }
}

//! The threads of an executor that runs by itself: how many there are, and how many of them wait.

use std::thread::JoinHandle;

#[derive(Default)]
pub(super) struct Threads {
    pub(super) are_wanted: bool,
    pub(super) alive: usize,
    /// Threads that wait inside of a job.
    pub(super) blocked: usize,
    pub(super) handles: Vec<JoinHandle<()>>,
}

impl Threads {
    /// A thread that does not wait leaves, if there is another. In one step: two that look at the same time must not both leave.
    pub(super) fn leave_if_too_many(&mut self) -> bool {
        let leaves = self.alive > self.blocked + 1;
        self.alive -= usize::from(leaves);
        leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_free_thread_stays() {
        let mut threads = Threads { alive: 3, blocked: 1, ..Threads::default() };
        assert!(threads.leave_if_too_many());
        assert!(!threads.leave_if_too_many(), "no thread would run what the blocked one waits for");
    }
}

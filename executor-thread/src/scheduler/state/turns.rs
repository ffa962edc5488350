//! Turns on rayon's threads, counted as workers: searching from when they are spawned, running from when they have a job.

use super::super::queued::Queued;
use super::super::supply::Supply;
#[cfg(feature = "rayon")]
use super::super::worker_state::WorkerState;
use super::{State, Wake};

impl<J: Queued, U> State<J, U> {
    /// How many threads there are, busy or not.
    pub(in crate::scheduler) fn threads(&self) -> usize {
        match self.supply {
            Supply::Own => self.workers(),
            #[cfg(feature = "rayon")]
            Supply::Rayon(_) => self.width,
            #[cfg(feature = "rayon")]
            Supply::Released => 0,
        }
    }

    /// A job came into a lane. Makes sure that it is run.
    pub(in crate::scheduler) fn wake_for_one(&mut self) -> Wake<J, U> {
        match &self.supply {
            Supply::Own => self.wake(),
            #[cfg(feature = "rayon")]
            Supply::Rayon(pool) => {
                let pool = pool.clone();
                self.turns_spawned(1);
                Wake::Turn(pool)
            }
            #[cfg(feature = "rayon")]
            Supply::Released => Wake::NoWorker,
        }
    }

    /// A job into the mailbox of each thread, where a turn is about to be spawned.
    #[cfg(feature = "rayon")]
    pub(in crate::scheduler) fn post_turns(&mut self, job: impl FnMut() -> J) {
        self.mailboxes.post(job);
        self.turns_spawned(self.width);
    }

    /// `n` turns are about to be spawned.
    #[cfg(feature = "rayon")]
    fn turns_spawned(&mut self, n: usize) {
        self.workers.counts_mut()[WorkerState::Searching] += n;
    }

    /// A turn takes a job, or ends.
    #[cfg(feature = "rayon")]
    pub(in crate::scheduler) fn turn_begun(&mut self) {
        self.workers.counts_mut().move_one(WorkerState::Searching, WorkerState::RUNNING);
    }

    #[cfg(feature = "rayon")]
    pub(in crate::scheduler) fn turn_ended(&mut self) {
        self.workers.counts_mut()[WorkerState::RUNNING] -= 1;
    }
}

//! Turns on rayon's threads: those that were spawned and have not begun, and those that run, which count as workers.
//!
//! As many free turns are on their way as jobs wait in the lanes, or more. A turn whose job was cancelled serves the next job, so a queue whose jobs come
//! and go spawns no more turns than it has had jobs at once.

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

    /// Whether jobs wait for turns. Where the scheduler has its own threads, it has workers as long as jobs wait.
    pub(in crate::scheduler) fn awaits_turns(&self) -> bool {
        !matches!(self.supply, Supply::Own) && (self.lanes.alive() > 0 || self.mailboxes.alive() > 0)
    }

    /// A job came into a lane. Makes sure that it is run.
    pub(in crate::scheduler) fn wake_for_one(&mut self) -> Wake<J, U> {
        match self.supply {
            Supply::Own => self.wake(),
            #[cfg(feature = "rayon")]
            Supply::Rayon(_) | Supply::Released => self.spawn_missing_turns(),
        }
    }

    /// A turn for each job that waits and has none on its way.
    #[cfg(feature = "rayon")]
    fn spawn_missing_turns(&mut self) -> Wake<J, U> {
        let missing = self.lanes.alive().saturating_sub(self.free_turns);
        match &self.supply {
            Supply::Rayon(pool) if missing > 0 => {
                self.free_turns += missing;
                Wake::Turns(pool.clone(), missing)
            }
            _ => Wake::NoWorker,
        }
    }

    /// A free turn looks for a job.
    #[cfg(feature = "rayon")]
    pub(in crate::scheduler) fn free_turn_begun(&mut self) {
        self.free_turns -= 1;
    }

    /// A turn has a job that waited until now. One that has none does not count: it may come when the pool is idle.
    #[cfg(feature = "rayon")]
    pub(in crate::scheduler) fn turn_runs(&mut self) {
        self.workers.counts_mut()[WorkerState::RUNNING] += 1;
    }

    /// Returns the turns to be spawned, for jobs that have none.
    #[cfg(feature = "rayon")]
    pub(in crate::scheduler) fn turn_ended(&mut self, did_run: bool) -> Wake<J, U> {
        self.workers.counts_mut()[WorkerState::RUNNING] -= usize::from(did_run);
        self.spawn_missing_turns()
    }
}

#[cfg(all(test, feature = "rayon", not(loom), not(shuttle)))]
mod tests {
    use std::sync::Arc;

    use executor_core::Priority;

    use super::super::super::config::Config;
    use super::super::super::number::Number;
    use super::*;

    fn spawned(wake: &Wake<Number>) -> usize {
        if let Wake::Turns(_, n) = wake { *n } else { 0 }
    }

    #[test]
    fn turn_of_a_cancelled_job_serves_the_next() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let mut state = State::<Number>::over(Supply::Rayon(Arc::new(pool)), &Config::new("turns", 1));
        let push = |state: &mut State<Number>| {
            state.lanes.push(Priority::Normal, Number(0));
            let wake = state.wake_for_one();
            spawned(&wake)
        };
        assert_eq!(push(&mut state), 1);
        drop(state.lanes.add_tombstone());
        assert_eq!((push(&mut state), push(&mut state)), (0, 1), "one turn is on its way for nothing");
        // The first turn takes the cancelled job, which looks as if another one was gone.
        state.free_turn_begun();
        assert!(state.lanes.pop().is_some());
        state.turn_runs();
        assert_eq!(push(&mut state), 1);
        state.lanes.removed_tombstones(1);
        assert_eq!(spawned(&state.turn_ended(true)), 1, "now it shows that one has no turn");
    }
}

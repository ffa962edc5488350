//! Turns on rayon's threads: those that were spawned and have not begun, and those that run, which count as workers.
//!
//! As many free turns are on their way as jobs wait in the lanes, or more. A turn whose job was cancelled serves the next job, so a queue whose jobs come
//! and go spawns no more turns than it has had jobs at once.

use super::super::queued::Queued;
use super::super::supply::Supply;
#[cfg(feature = "rayon")]
use super::super::worker_state::WorkerState;
use super::{State, Wake};

/// Turns that have not begun.
#[cfg(feature = "rayon")]
#[derive(Default)]
pub(in crate::scheduler) struct Turns {
    /// Those for any job of the lanes.
    free: usize,
    /// Those of them that came where the stack was full of other turns: spawned again when one of these ends.
    deferred: usize,
}

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
        match &self.supply {
            Supply::Own => self.wake(),
            #[cfg(feature = "rayon")]
            Supply::Rayon(pool) => {
                let pool = pool.clone();
                let missing = self.missing_turns();
                if missing == 0 {
                    return Wake::NoWorker;
                }
                self.turns.free += missing;
                Wake::Turns(pool, missing)
            }
            #[cfg(feature = "rayon")]
            Supply::Released => Wake::NoWorker,
        }
    }

    /// How many jobs wait for which no turn is on its way.
    #[cfg(feature = "rayon")]
    fn missing_turns(&self) -> usize {
        self.lanes.alive().saturating_sub(self.turns.free)
    }

    /// A turn takes a job, or ends. It is a free one, or has come for mail.
    #[cfg(feature = "rayon")]
    pub(in crate::scheduler) fn turn_begun(&mut self, is_free: bool) {
        self.turns.free -= usize::from(is_free);
        self.workers.counts_mut()[WorkerState::RUNNING] += 1;
    }

    /// A free turn came where it cannot run a job.
    #[cfg(feature = "rayon")]
    pub(in crate::scheduler) fn turn_deferred(&mut self) {
        self.turns.deferred += 1;
    }

    /// Returns the turns to be spawned: for jobs that have none, and in place of a deferred one, or of all where `is_outermost`.
    #[cfg(feature = "rayon")]
    pub(in crate::scheduler) fn turn_ended(&mut self, is_outermost: bool) -> Wake<J, U> {
        self.workers.counts_mut()[WorkerState::RUNNING] -= 1;
        let deferred = if is_outermost { self.turns.deferred } else { self.turns.deferred.min(1) };
        let missing = self.missing_turns();
        let Supply::Rayon(pool) = &self.supply else { return Wake::NoWorker };
        if deferred + missing == 0 {
            return Wake::NoWorker;
        }
        let pool = pool.clone();
        self.turns.deferred -= deferred;
        self.turns.free += missing;
        Wake::Turns(pool, deferred + missing)
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
        state.turn_begun(true);
        assert!(state.lanes.pop().is_some());
        assert_eq!(push(&mut state), 1);
        state.lanes.removed_tombstones(1);
        assert_eq!(spawned(&state.turn_ended(true)), 1, "now it shows that one has no turn");
    }

    #[test]
    fn deferred_turns_come_again() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let mut state = State::<Number>::over(Supply::Rayon(Arc::new(pool)), &Config::new("turns", 1));
        for _ in 0..4 {
            state.lanes.push(Priority::Normal, Number(0));
            assert_eq!(spawned(&state.wake_for_one()), 1);
        }
        state.turn_begun(true);
        assert!(state.lanes.pop().is_some());
        (0..3).for_each(|_| state.turn_deferred());
        assert_eq!(spawned(&state.turn_ended(false)), 1);
        state.turn_begun(true);
        assert!(state.lanes.pop().is_some());
        assert_eq!(spawned(&state.turn_ended(true)), 2);
    }
}

//! The states of a worker, and how many workers are in each.
//!
//! ```text
//!            started ──> Searching <──────────── woken ───────────┐
//!                          │   ^                                  │
//!             finds a job  │   │ spins                            │
//!                          v   │                                  │
//!  Preparing <──────────> Running ────────────────────────────> Asleep
//!                          │                                      │
//!       cannot run jobs    v                                      v
//!                       Retiring ──────────> gone <────── idle for too long
//! ```
//!
//! A worker that is running, preparing or retiring is blocked while its job, or its runner, waits. A worker that sleeps becomes running
//! while its runner is lent, and sleeps again then, or searches.

use std::ops::{Index, IndexMut};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerState {
    /// It was started or woken, or spins, and has found nothing yet. One such worker is enough: it wakes the next.
    Searching,
    /// It sleeps until it is woken.
    Asleep,
    Active(Activity),
    /// It waits. Another worker may take its place.
    Blocked(Activity),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// It has a job, or is between two.
    Running,
    /// It has no job, and makes ready for one.
    Preparing,
    /// It cannot run jobs now, and leaves before it takes another one.
    Retiring,
}

impl WorkerState {
    pub(super) const RUNNING: Self = Self::Active(Activity::Running);
    pub(super) const PREPARING: Self = Self::Active(Activity::Preparing);
    pub(super) const RETIRING: Self = Self::Active(Activity::Retiring);
}

/// How many workers are in each state.
#[derive(Default)]
pub(super) struct Counts {
    searching: usize,
    asleep: usize,
    active: [usize; 3],
    blocked: [usize; 3],
}

impl Index<WorkerState> for Counts {
    type Output = usize;

    fn index(&self, state: WorkerState) -> &usize {
        match state {
            WorkerState::Searching => &self.searching,
            WorkerState::Asleep => &self.asleep,
            WorkerState::Active(activity) => &self.active[activity as usize],
            WorkerState::Blocked(activity) => &self.blocked[activity as usize],
        }
    }
}

impl IndexMut<WorkerState> for Counts {
    fn index_mut(&mut self, state: WorkerState) -> &mut usize {
        match state {
            WorkerState::Searching => &mut self.searching,
            WorkerState::Asleep => &mut self.asleep,
            WorkerState::Active(activity) => &mut self.active[activity as usize],
            WorkerState::Blocked(activity) => &mut self.blocked[activity as usize],
        }
    }
}

impl Counts {
    pub(super) fn move_one(&mut self, from: WorkerState, to: WorkerState) {
        self[from] -= 1;
        self[to] += 1;
    }

    /// Workers that live, or are being started.
    pub(super) fn all(&self) -> usize {
        self.busy() + self.asleep + self.blocked()
    }

    /// Workers that have a job, or look for one.
    pub(super) fn busy(&self) -> usize {
        self.searching + self.active.iter().sum::<usize>()
    }

    pub(super) fn blocked(&self) -> usize {
        self.blocked.iter().sum()
    }

    /// Workers whose job runs, or waits.
    pub(super) fn running(&self) -> usize {
        let [running, _, retiring] = self.active;
        let [blocked, _, retiring_blocked] = self.blocked;
        running + retiring + blocked + retiring_blocked
    }

    /// Workers that could take a job, now or when theirs has ended.
    pub(super) fn able(&self) -> usize {
        self.busy() - self[WorkerState::RETIRING] + self.asleep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_a_count() {
        let activities = [Activity::Running, Activity::Preparing, Activity::Retiring];
        let of = |kind: fn(Activity) -> WorkerState| activities.map(kind);
        let states = [WorkerState::Searching, WorkerState::Asleep];
        let states = states.into_iter().chain(of(WorkerState::Active)).chain(of(WorkerState::Blocked));
        // All, busy, blocked, running, able.
        let expected = [
            [1, 1, 0, 0, 1],
            [1, 0, 0, 0, 1],
            [1, 1, 0, 1, 1],
            [1, 1, 0, 0, 1],
            [1, 1, 0, 1, 0],
            [1, 0, 1, 1, 0],
            [1, 0, 1, 0, 0],
            [1, 0, 1, 1, 0],
        ];
        for (state, expected) in states.zip(expected) {
            let mut counts = Counts::default();
            counts[state] += 1;
            let found = [counts.all(), counts.busy(), counts.blocked(), counts.running(), counts.able()];
            assert_eq!(found, expected, "{state:?}");
            counts.move_one(state, WorkerState::RUNNING);
            assert_eq!((counts.all(), counts.running()), (1, 1), "{state:?}");
        }
    }
}

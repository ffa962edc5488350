//! The end of a scheduler, as its state knows it: what is left, and what is taken to be ended.

use executor_core::Rejection;

use super::super::queued::Queued;
use super::State;

impl<J: Queued, U> State<J, U> {
    /// Why a job is not accepted, if none is.
    pub(in crate::scheduler) fn refusal(&self) -> Option<Rejection> {
        match (self.is_open, &self.broken) {
            (true, _) => None,
            (false, None) => Some(Rejection::Shutdown),
            (false, Some(_)) => Some(Rejection::Broken),
        }
    }

    /// Whether there will be nothing more to do.
    pub(in crate::scheduler) fn is_over(&self) -> bool {
        !self.is_open && self.lanes.is_empty() && self.delayed.is_empty() && self.mailboxes.is_empty()
    }

    /// Whether the timer has nothing left to do: no job will come, and no timer event can matter.
    pub(in crate::scheduler) fn needs_no_timer(&self) -> bool {
        let acts = self.workers() + self.caller_runs > 0 || self.awaits_turns();
        !self.is_open && self.delayed.is_empty() && !acts
    }

    /// Whether nothing is queued, delayed, running or ending, but for jobs that a shutdown would not wait for either.
    pub(in crate::scheduler) fn is_idle(&self) -> bool {
        let waits = self.lanes.alive() > 0 || self.workers.has_local_jobs() || self.mailboxes.alive() > 0;
        let ends = self.ending + self.displaced + self.taken.unreported() > 0;
        let acts = self.is_moving || self.running() + self.caller_runs > 0 || ends;
        let has_errands = !(self.callbacks.is_idle() && self.drops.is_idle());
        !waits && !acts && !has_errands && self.delayed.awaited() == 0
    }

    /// Whether the last thread is gone, and every job that was cancelled has its outcome.
    pub(in crate::scheduler) fn is_gone(&self) -> bool {
        let unreported = self.lanes.unreported() + self.delayed.unreported() + self.taken.unreported() + self.displaced;
        let has_errands = !(self.callbacks.is_gone() && self.drops.is_gone() && self.stalls.is_gone());
        let has_threads = self.workers() + self.leaving > 0 || self.awaits_turns() || self.has_timer || has_errands;
        !has_threads && self.ending + self.caller_runs + unreported == 0
    }

    /// Takes everything that waits, to be ended outside of the lock. Those that are moved to another queue id, where no thread can start them
    /// any more, count as displaced until then; the others are tombstones, and come second.
    pub(in crate::scheduler) fn take_pending(
        &mut self,
        moves: impl Fn(&J) -> bool,
        moves_cancel_on_shutdown: impl Fn(&J) -> bool,
    ) -> (Vec<J>, Vec<J>) {
        let (local_jobs, mail) = (self.workers.steal_all(), self.mailboxes.take_all());
        self.lanes.removed_tombstones(local_jobs.len());
        self.delayed.removed_tombstones(mail.len());
        let queued = local_jobs.into_iter().chain(self.lanes.take_all());
        let (mut alive, mut tombstones): (Vec<_>, Vec<_>) = queued.partition(&moves);
        self.lanes.moved(alive.len());
        let awaited = mail.into_iter().chain(self.delayed.take_awaited());
        let (waits, is_tombstone): (Vec<_>, Vec<_>) = awaited.partition(&moves);
        self.delayed.moved(waits.len());
        alive.extend(waits);
        tombstones.extend(is_tombstone);
        let (waits, is_tombstone): (Vec<_>, Vec<_>) =
            self.delayed.take_cancel_on_shutdown().into_iter().partition(&moves_cancel_on_shutdown);
        self.delayed.moved_cancel_on_shutdown(waits.len());
        alive.extend(waits);
        tombstones.extend(is_tombstone);
        self.displaced += alive.len();
        (alive, tombstones)
    }
}

//! Short jobs of one submitter that go as one message, and have one record: a batch.
//!
//! The record says of each job where it is: free, at a host, ended with an outcome, or dropped (cancelled, aborted or late). Each change
//! is one compare-and-set of the whole record, as those of single jobs are: see [`ledger`](super::ledger). So hosts claim all free jobs
//! of a batch with one message, and write their outcomes with another one.

use serde::{Deserialize, Serialize};

use super::ledger::{Put, Standing, Unreachable};
use super::message::{Body, HostId, State};
use super::names::JobKey;
use super::streams::Streams;

/// The most jobs of a batch: [`Members`] has a bit for each.
pub(crate) const MOST_JOBS: usize = 64;

/// Some jobs of a batch, by their places in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Members(u64);

impl Members {
    /// The first `count`.
    pub(crate) fn first(count: usize) -> Self {
        Self((0..count.min(MOST_JOBS)).fold(0, |bits, place| bits | 1 << place))
    }

    pub(crate) fn one(place: u8) -> Self {
        Self(1_u64.checked_shl(place.into()).unwrap_or_default())
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn contains(self, place: u8) -> bool {
        !self.and(Self::one(place)).is_empty()
    }

    #[must_use]
    pub(crate) fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    #[must_use]
    pub(crate) fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    #[must_use]
    pub(crate) fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    pub(crate) fn places(self) -> impl Iterator<Item = u8> {
        (0..64).filter(move |&place| self.contains(place))
    }
}

/// Where the jobs of a batch are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct BatchState {
    /// No host has claimed these, and they have not ended.
    pub(crate) free: Members,
    claims: Vec<(HostId, Members)>,
    /// Cancelled, aborted or late.
    pub(crate) dropped: Members,
    pub(crate) outcomes: Vec<(u8, Body)>,
}

impl BatchState {
    pub(crate) fn new(count: usize) -> Self {
        Self { free: Members::first(count), ..Self::default() }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.free.is_empty() && self.claims.is_empty()
    }

    /// The jobs that a host has claimed.
    pub(crate) fn at(&self, host: &HostId) -> Members {
        let claim = self.claims.iter().find(|(claimant, _)| claimant == host);
        claim.map_or(Members::default(), |(_, jobs)| *jobs)
    }

    pub(crate) fn claims(&self) -> &[(HostId, Members)] {
        &self.claims
    }

    /// The host that has claimed a job.
    pub(crate) fn host_of(&self, place: u8) -> Option<&HostId> {
        self.claims.iter().find(|(_, jobs)| jobs.contains(place)).map(|(host, _)| host)
    }

    /// Gives the free jobs to a host. Returns false if there are none.
    pub(crate) fn claim(&mut self, host: &HostId) -> bool {
        let free = std::mem::take(&mut self.free);
        match self.claims.iter_mut().find(|(claimant, _)| claimant == host) {
            _ if free.is_empty() => return false,
            Some((_, jobs)) => *jobs = jobs.with(free),
            None => self.claims.push((host.clone(), free)),
        }
        true
    }

    /// Takes these jobs from their hosts. Returns those that were there.
    fn take(&mut self, jobs: Members, is_host: impl Fn(&HostId) -> bool) -> Members {
        let mut taken = Members::default();
        for (_, claimed) in self.claims.iter_mut().filter(|(host, _)| is_host(host)) {
            taken = taken.with(claimed.and(jobs));
            *claimed = claimed.without(jobs);
        }
        self.claims.retain(|(_, claimed)| !claimed.is_empty());
        taken
    }

    /// Jobs have ended at the host, if it still has them.
    pub(crate) fn end(&mut self, host: &HostId, outcomes: &[(u8, Body)]) -> bool {
        let before = self.outcomes.len();
        for (place, body) in outcomes {
            if !self.take(Members::one(*place), |claimant| claimant == host).is_empty() {
                self.outcomes.push((*place, body.clone()));
            }
        }
        self.outcomes.len() > before
    }

    /// Jobs have not started at the host, and another one may start them.
    pub(crate) fn give_back(&mut self, host: &HostId, jobs: Members) -> bool {
        let taken = self.take(jobs, |claimant| claimant == host);
        self.free = self.free.with(taken);
        !taken.is_empty()
    }

    /// Jobs never start. Returns false if none is free.
    pub(crate) fn drop_free(&mut self, jobs: Members) -> bool {
        let dropped = self.free.and(jobs);
        self.free = self.free.without(dropped);
        self.dropped = self.dropped.with(dropped);
        !dropped.is_empty()
    }

    /// Jobs have ended although hosts have claimed them. Returns false if none is at a host.
    pub(crate) fn drop_claimed(&mut self, jobs: Members) -> bool {
        let dropped = self.take(jobs, |_| true);
        self.dropped = self.dropped.with(dropped);
        !dropped.is_empty()
    }
}

/// How a change of a batch went.
pub(crate) struct Changed {
    /// The last record, and its revision.
    pub(crate) revision: u64,
    pub(crate) state: BatchState,
    /// It is the first record.
    pub(crate) is_first: bool,
}

impl Streams {
    /// Changes the record of a batch, of which this is known. `change` returns false if there is nothing to be changed.
    ///
    /// `None` if the last record is not one of a batch, or is gone.
    pub(crate) async fn change_batch(
        &self,
        key: &JobKey,
        known: (u64, BatchState),
        mut change: impl FnMut(&mut BatchState) -> bool,
    ) -> Result<Option<Changed>, Unreachable> {
        let (mut revision, mut state) = known;
        loop {
            let mut next = state.clone();
            if !change(&mut next) {
                return Ok(Some(Changed { revision, state, is_first: false }));
            }
            match self.put(key, revision, State::Batch(next.clone()), None).await? {
                Put::Won(new) => return Ok(Some(Changed { revision: new, state: next, is_first: revision == 0 })),
                Put::Lost(Standing { revision: now, state: State::Batch(found), .. }) => {
                    (revision, state) = (now, found);
                }
                Put::Lost(_) | Put::Gone => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(pid: u32) -> HostId {
        HostId { token: format!("h{pid}"), machine: "m".to_owned(), pid }
    }

    fn outcome(place: u8) -> (u8, Body) {
        (place, Body::Inline(vec![place]))
    }

    fn places(jobs: Members) -> Vec<u8> {
        jobs.places().collect()
    }

    #[test]
    fn members_are_places_of_one_batch() {
        assert_eq!(places(Members::first(3)), [0, 1, 2]);
        assert_eq!(places(Members::first(1000)).len(), MOST_JOBS);
        assert_eq!(places(Members::first(3).without(Members::one(1))), [0, 2]);
        assert!(Members::one(64).is_empty() && !Members::first(64).contains(64));
    }

    #[test]
    fn claimed_job_ends_once() {
        let mut state = BatchState::new(2);
        assert!(state.claim(&host(1)) && !state.claim(&host(2)));
        assert!(!state.end(&host(2), &[outcome(0)]), "it is at another host");
        assert!(state.end(&host(1), &[outcome(0), outcome(0)]));
        assert_eq!((state.outcomes.len(), state.is_over()), (1, false));
        assert!(!state.end(&host(1), &[outcome(0)]) && state.end(&host(1), &[outcome(1)]));
        assert!(state.is_over());
    }

    #[test]
    fn free_job_that_is_dropped_is_not_claimed() {
        let mut state = BatchState::new(2);
        assert!(state.drop_free(Members::one(1)) && !state.drop_free(Members::one(1)));
        assert!(state.claim(&host(1)));
        assert_eq!(places(state.at(&host(1))), [0]);
        assert!(!state.drop_free(Members::one(0)), "it is at a host");
        assert!(state.drop_claimed(Members::first(2)));
        assert_eq!((places(state.dropped), state.is_over()), (vec![0, 1], true));
        assert!(!state.end(&host(1), &[outcome(0)]), "it has ended");
    }

    #[test]
    fn returned_job_goes_to_another_host() {
        let mut state = BatchState::new(3);
        assert!(state.claim(&host(1)));
        assert!(state.give_back(&host(1), Members::first(2)) && !state.give_back(&host(1), Members::first(2)));
        assert!(state.claim(&host(2)));
        assert_eq!((places(state.at(&host(1))), places(state.at(&host(2)))), (vec![2], vec![0, 1]));
        assert_eq!(state.host_of(2), Some(&host(1)));
        assert!(state.give_back(&host(2), Members::one(0)) && state.claim(&host(1)));
        assert_eq!(places(state.at(&host(1))), [0, 2]);
    }
}

//! The kinds of trouble, and how often each comes.

use std::time::Duration;

use super::executor::Chaos;
use super::trouble::{Kind, TroublePlan};

/// Sets the faults that a [`Chaos`] injects: each kind has a share of the jobs, from 0 to 1. No job gets two faults.
#[derive(Clone, Debug, Default)]
#[must_use = "it makes no trouble until it is put around an executor"]
pub struct ChaosBuilder {
    seed: u64,
    shares: Vec<(Kind, f64)>,
    longest: Duration,
}

impl Chaos<()> {
    /// Settings without any fault. Add kinds of faults, then [`around`](ChaosBuilder::around).
    pub fn builder() -> ChaosBuilder {
        ChaosBuilder::default()
    }
}

impl ChaosBuilder {
    /// Sets the seed. The same seed injects the same faults. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Delays this share of the jobs by up to `longest` on the executor's clock. An executor with one worker delays none: it must
    /// keep the order, and a delayed job would be overtaken.
    pub fn delay(mut self, share: f64, longest: Duration) -> Self {
        self.longest = longest;
        self.with(Kind::Delay, share)
    }

    /// Starts this share of the jobs after some later jobs. An executor with one worker reorders none: it must keep the order.
    pub fn reorder(self, share: f64) -> Self {
        self.with(Kind::Reorder, share)
    }

    /// Cancels this share of the jobs before they start.
    pub fn cancel(self, share: f64) -> Self {
        self.with(Kind::Cancel, share)
    }

    /// Rejects this share of the jobs with [`Rejection::Full`](executor_core::Rejection::Full).
    pub fn reject(self, share: f64) -> Self {
        self.with(Kind::Reject, share)
    }

    /// Ends this share of the jobs with [`JobError::TimedOut`](executor_core::JobError::TimedOut). Half of them still run to their end.
    pub fn time_out(self, share: f64) -> Self {
        self.with(Kind::TimeOut, share)
    }

    /// Ends this share of the jobs with [`JobError::Broken`](executor_core::JobError::Broken). They do not run.
    pub fn break_down(self, share: f64) -> Self {
        self.with(Kind::Break, share)
    }

    /// Ends this share of the jobs with [`JobError::Crashed`](executor_core::JobError::Crashed), as if a worker process had been killed.
    /// Half of them have done all their work by then.
    pub fn crash(self, share: f64) -> Self {
        self.with(Kind::Crash, share)
    }

    /// Makes this share of the jobs panic instead of running.
    pub fn panic(self, share: f64) -> Self {
        self.with(Kind::Panic, share)
    }

    /// Wraps an executor, and returns one that injects the faults.
    ///
    /// # Panics
    ///
    /// If a share is not from 0 to 1, or the shares add up to more than 1.
    #[track_caller]
    pub fn around<E>(self, executor: E) -> Chaos<E> {
        let sum: f64 = self.shares.iter().map(|(_, share)| share).sum();
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        let are_shares = self.shares.iter().all(|&(_, share)| is_share(share)) && sum <= 1.0 + 1e-9;
        assert!(are_shares, "shares of the jobs are from 0 to 1, and no more than 1 together: {:?}", self.shares);
        Chaos::new(executor, TroublePlan::new(self.seed, self.shares, self.longest))
    }

    fn with(mut self, kind: Kind, share: f64) -> Self {
        self.shares.retain(|&(other, _)| other != kind);
        self.shares.push((kind, share));
        self
    }
}

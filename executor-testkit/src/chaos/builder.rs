//! The kinds of trouble, and how often each comes.

use std::time::Duration;

use super::executor::Chaos;
use super::trouble::{Kind, TroublePlan};

/// Says which trouble a [`Chaos`] makes, and how often: each kind has its share of the jobs, from 0 to 1; no job has two.
#[derive(Clone, Debug, Default)]
#[must_use = "it makes no trouble until it is put around an executor"]
pub struct ChaosBuilder {
    seed: u64,
    shares: Vec<(Kind, f64)>,
    longest: Duration,
}

impl Chaos<()> {
    /// No trouble yet: say what, and how often.
    pub fn builder() -> ChaosBuilder {
        ChaosBuilder::default()
    }
}

impl ChaosBuilder {
    /// The same seed, the same trouble.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// This share of the jobs starts later than it could, by up to `longest` on the executor's clock. If there is one worker, no job
    /// does: one worker keeps the order, and a late job would be overtaken.
    pub fn delay(mut self, share: f64, longest: Duration) -> Self {
        self.longest = longest;
        self.with(Kind::Delay, share)
    }

    /// This share of the jobs starts after some later jobs. If there is one worker, no job does: one worker keeps the order.
    pub fn reorder(self, share: f64) -> Self {
        self.with(Kind::Reorder, share)
    }

    /// This share of the jobs is cancelled before it starts.
    pub fn cancel(self, share: f64) -> Self {
        self.with(Kind::Cancel, share)
    }

    /// This share of the jobs is refused as [`Rejection::Full`](executor_core::Rejection::Full).
    pub fn reject(self, share: f64) -> Self {
        self.with(Kind::Reject, share)
    }

    /// This share of the jobs ends as [`JobError::TimedOut`](executor_core::JobError::TimedOut): half of these still run to their end.
    pub fn time_out(self, share: f64) -> Self {
        self.with(Kind::TimeOut, share)
    }

    /// This share of the jobs ends as [`JobError::Broken`](executor_core::JobError::Broken), and does not run.
    pub fn break_down(self, share: f64) -> Self {
        self.with(Kind::Break, share)
    }

    /// This share of the jobs ends as [`JobError::Crashed`](executor_core::JobError::Crashed), as in a process that was killed: half of
    /// these had done all their work by then.
    pub fn crash(self, share: f64) -> Self {
        self.with(Kind::Crash, share)
    }

    /// This share of the jobs panics instead of running.
    pub fn panic(self, share: f64) -> Self {
        self.with(Kind::Panic, share)
    }

    /// Puts it around an executor.
    ///
    /// # Panics
    ///
    /// When a share is not from 0 to 1, or all together are more than 1.
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

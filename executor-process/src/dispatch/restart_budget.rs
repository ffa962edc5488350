//! How many workers a pool may lose: beyond that, something is wrong that another worker would not cure.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use executor_core::__private::Spaced;
use executor_core::{Broken, JobError};
use executor_thread::scheduler::Batch;
use parking_lot::Mutex;

/// A number of losses within a period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) most: usize,
    pub(crate) period: Duration,
}

/// The losses of all workers of a pool.
pub(crate) struct Budget {
    /// Workers that did not start, or died without a job.
    restarts: Limit,
    /// Workers that died of their job. Without a limit, the pool goes on however many those are.
    crashes: Option<Limit>,
    spent: Mutex<Spent>,
}

#[derive(Default)]
struct Spent {
    /// When, within the period.
    restarts: VecDeque<Instant>,
    crashes: VecDeque<Instant>,
    /// How many workers died while they ran a job of that name.
    killers: HashMap<&'static str, usize>,
}

impl Budget {
    pub(crate) fn new(restarts: Limit, crashes: Option<Limit>) -> Self {
        Self { restarts, crashes, spent: Mutex::default() }
    }

    /// One that is never spent.
    pub(crate) fn endless() -> Self {
        Self::new(Limit { most: usize::MAX, period: Duration::ZERO }, None)
    }

    /// A worker was lost: to `job`, if it had one. If that was one too many, the pool breaks down.
    pub(crate) fn spend<J>(&self, job: Option<&'static str>, reason: &dyn fmt::Display, batch: &Batch<'_, J>) {
        let now = Instant::now();
        let error = match job {
            Some(job) => self.spend_crash(now, job, reason),
            None => self.spend_restart(now, reason),
        };
        if let Some(error) = error {
            batch.break_down(error);
        }
    }

    /// A worker did not start, or died without a job, for this `reason`. If that was one too many: the error of every job of the pool.
    fn spend_restart(&self, now: Instant, reason: &dyn fmt::Display) -> Option<JobError> {
        let Limit { most, period } = self.restarts;
        let period = Spaced(period);
        let is_spent = add(&mut self.spent.lock().restarts, now, self.restarts);
        is_spent.then(|| {
            broken(&format_args!(
                "the pool broke down: more than {most} workers failed to start, or died while running no job, within \
                 {period} (`restart_budget`); fix the cause and create a new pool; the last failure: {reason}"
            ))
        })
    }

    /// A worker died of `job`, for this `reason`. If the pool has a limit for that, and this was one too many: likewise.
    fn spend_crash(&self, now: Instant, job: &'static str, reason: &dyn fmt::Display) -> Option<JobError> {
        let limit = self.crashes?;
        let mut spent = self.spent.lock();
        *spent.killers.entry(job).or_default() += 1;
        if !add(&mut spent.crashes, now, limit) {
            return None;
        }
        let worst = spent.killers.iter().max_by_key(|(name, count)| (**count, std::cmp::Reverse(*name)));
        let killer = match worst {
            Some((name, count)) if *count > 1 => format!("; `{name}` crashed {count} of them"),
            _ => String::new(),
        };
        let Limit { most, period } = limit;
        let period = Spaced(period);
        Some(broken(&format_args!(
            "the pool broke down: jobs crashed more than {most} workers within {period} (`crash_budget`){killer}; \
             fix the cause and create a new pool; the last failure: {reason}"
        )))
    }
}

/// Adds a loss. Whether there are too many within the period.
fn add(losses: &mut VecDeque<Instant>, now: Instant, limit: Limit) -> bool {
    losses.push_back(now);
    while losses.front().is_some_and(|&loss| now.saturating_duration_since(loss) > limit.period) {
        losses.pop_front();
    }
    losses.len() > limit.most
}

fn broken(text: &dyn fmt::Display) -> JobError {
    JobError::Broken(Broken::new(text.to_string()))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn limit(most: usize, seconds: u64) -> Limit {
        Limit { most, period: Duration::from_secs(seconds) }
    }

    #[test]
    fn restarts_within_a_period_are_limited() {
        let budget = Budget::new(limit(2, 10), None);
        let start = Instant::now();
        let lose =
            |second| budget.spend_restart(start + Duration::from_secs(second), &"it left").map(|e| e.to_string());
        assert_eq!([lose(0), lose(1), lose(11), lose(20)], [const { None }; 4]);
        assert_eq!(
            lose(21).unwrap(),
            "the job did not complete: the pool broke down: more than 2 workers failed to start, or died while \
             running no job, within 10 s (`restart_budget`); fix the cause and create a new pool; the last failure: \
             it left"
        );
    }

    #[test]
    fn crashes_are_limited_where_that_is_wanted() {
        let budget = Budget::new(limit(0, 10), Some(limit(2, 10)));
        let start = Instant::now();
        let lose = |second, job| {
            budget.spend_crash(start + Duration::from_secs(second), job, &"it left").map(|e| e.to_string())
        };
        assert_eq!([lose(0, "a"), lose(1, "b"), lose(11, "c"), lose(20, "b")], [const { None }; 4]);
        assert_eq!(
            lose(21, "b").unwrap(),
            "the job did not complete: the pool broke down: jobs crashed more than 2 workers within 10 s \
             (`crash_budget`); `b` crashed 3 of them; fix the cause and create a new pool; the last failure: it \
             left"
        );
    }

    #[test]
    fn crashes_spend_nothing_by_default() {
        let budget = Budget::new(limit(0, 10), None);
        let now = Instant::now();
        assert!((0..10_000).all(|_| budget.spend_crash(now, "a", &"it left").is_none()));
        assert!(budget.spend_restart(now, &"it left").is_some(), "a budget of none is spent at once");
    }
}

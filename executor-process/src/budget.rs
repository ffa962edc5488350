//! How many workers a pool may lose: beyond that, something is wrong that another worker would not cure.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use executor_core::{Broken, JobError};
use parking_lot::Mutex;

/// So many in a period, of all workers of a pool.
pub(crate) struct Budget {
    most: usize,
    period: Duration,
    spent: Mutex<Spent>,
}

#[derive(Default)]
struct Spent {
    /// When, within the period.
    losses: VecDeque<Instant>,
    /// How many workers died while they ran a job of that name.
    killers: HashMap<String, usize>,
}

impl Budget {
    pub(crate) fn new(most: usize, period: Duration) -> Self {
        Self { most, period, spent: Mutex::default() }
    }

    /// A worker was lost, or did not start, for this `reason`, while it ran `job`. If that was one too many: what every job of the pool is
    /// to be told.
    pub(crate) fn spend(&self, now: Instant, job: Option<&str>, reason: &dyn std::fmt::Display) -> Option<JobError> {
        let mut spent = self.spent.lock();
        if let Some(job) = job {
            *spent.killers.entry(job.to_owned()).or_default() += 1;
        }
        spent.losses.push_back(now);
        while spent.losses.front().is_some_and(|&loss| now.saturating_duration_since(loss) > self.period) {
            spent.losses.pop_front();
        }
        if spent.losses.len() <= self.most {
            return None;
        }
        let worst = spent.killers.iter().max_by_key(|(name, count)| (**count, std::cmp::Reverse(*name)));
        let killer = match worst {
            Some((name, count)) if *count > 1 => format!("; `{name}` has killed {count} of them"),
            _ => String::new(),
        };
        let (most, period) = (self.most, self.period);
        let text = format!(
            "the pool has lost more than {most} workers within {period:?}, which is its restart budget{killer}; the last: {reason}"
        );
        Some(JobError::Broken(Broken::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_in_a_period_are_too_many() {
        let budget = Budget::new(2, Duration::from_secs(10));
        let start = Instant::now();
        let lose =
            |second, job| budget.spend(start + Duration::from_secs(second), job, &"it left").map(|e| e.to_string());
        assert_eq!([lose(0, Some("a")), lose(1, Some("b")), lose(11, None), lose(20, Some("b"))], [const { None }; 4]);
        assert_eq!(
            lose(21, Some("b")).unwrap(),
            "the job was not run to its end: the pool has lost more than 2 workers within 10s, which is its restart budget; \
             `b` has killed 3 of them; the last: it left"
        );
    }

    #[test]
    fn a_budget_of_none_is_spent_at_once() {
        let budget = Budget::new(0, Duration::from_secs(1));
        assert!(budget.spend(Instant::now(), Some("a"), &"it left").is_some());
    }
}

//! How long jobs of a type run, as far as this worker has seen.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::dispatch::job_type::JobType;

/// By how much one time changes an estimate, if that is not shorter than [`LEAST`]. The jobs that are sent ahead because of an estimate that is
/// too low are soon taken back.
const MOST_GROWTH: u32 = 4;

const LEAST: Duration = Duration::from_micros(1);

/// By the function of the job's type.
#[derive(Default)]
pub(crate) struct RunTimes(BTreeMap<usize, Duration>);

impl RunTimes {
    /// `None` for a type that was not seen yet.
    pub(crate) fn of(&self, job_type: JobType) -> Option<Duration> {
        self.0.get(&(job_type.work as usize)).copied()
    }

    /// Records that a job of the type ran for `ran`. A longer time changes the estimate faster than a shorter one: jobs sent ahead wait. But
    /// one long time changes it little, since it may be that of other work on the worker's core.
    pub(crate) fn learn(&mut self, job_type: JobType, ran: Duration) {
        let known = self.0.entry(job_type.work as usize).or_insert(ran);
        *known = if ran > *known {
            ((*known + ran) / 2).min(LEAST.max(*known) * MOST_GROWTH)
        } else {
            (*known * 7 + ran) / 8
        };
    }
}

#[cfg(test)]
mod tests {
    use executor_core::call;

    use super::*;

    fn nothing() {}

    #[test]
    fn one_long_time_changes_little() {
        let job_type = JobType::of_job(&call(nothing, ()));
        let mut times = RunTimes::default();
        let mut after = |micros: &[u64]| {
            for &micros in micros {
                times.learn(job_type, Duration::from_micros(micros));
            }
            times.of(job_type).expect("it was seen")
        };
        assert_eq!(after(&[2, 10_000]), Duration::from_micros(8));
        assert!(after(&[2; 10]) < Duration::from_micros(4));
        assert!(after(&[10_000; 5]) > Duration::from_millis(1), "the next jobs are as long");
        assert_eq!(after(&[0; 200]), Duration::ZERO);
        assert_eq!(after(&[10]), Duration::from_micros(4));
    }
}

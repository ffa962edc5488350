//! The decision whether something stalls, by the numbers of one look after the other.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use executor_core::JobId;
use executor_core::observe::RunningJob;

/// Two looks are this far apart, or more.
const SHORTEST: Duration = Duration::from_millis(1);

/// The looks and reports so far.
pub(super) struct StallWatch {
    /// When a job was last seen to start, or nothing waited.
    moved_at: Instant,
    /// How many jobs had started by then.
    started: u64,
    /// The stall of the queue that is reported next.
    queue: Duration,
    /// The run times of jobs that are reported next, where one was reported.
    jobs: HashMap<JobId, Duration>,
}

/// The stalls of one look that are to be reported.
#[derive(Default)]
pub(super) struct Found {
    pub(super) jobs: Vec<RunningJob>,
    pub(super) queue: Option<Duration>,
}

impl Found {
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.queue.is_none()
    }
}

/// The numbers of one look.
pub(super) struct Seen<'a> {
    pub(super) now: Instant,
    pub(super) running: &'a [RunningJob],
    /// Jobs that have started, in all.
    pub(super) started: u64,
    /// Whether jobs wait: in the queue, or at a worker that does not start them.
    pub(super) is_waiting: bool,
}

impl StallWatch {
    pub(super) fn new(now: Instant, limit: Duration) -> Self {
        Self { moved_at: now, started: 0, queue: limit, jobs: HashMap::new() }
    }

    /// Jobs come after a rest.
    pub(super) fn begin(&mut self, now: Instant, limit: Duration) {
        *self = Self { started: self.started, ..Self::new(now, limit) };
    }

    /// Returns what is to be reported now, and when to look again.
    pub(super) fn look(&mut self, seen: &Seen<'_>, limit: Duration) -> (Found, Instant) {
        let mut found = Found::default();
        self.jobs.retain(|id, _| seen.running.iter().any(|job| job.id == *id));
        let mut next = limit;
        for job in seen.running {
            let (ran, due) = (seen.now.saturating_duration_since(job.started_at), self.jobs.get(&job.id));
            let mut due = due.copied().unwrap_or(limit);
            if ran >= due {
                found.jobs.push(job.clone());
                due = ran.saturating_mul(2).max(due.saturating_mul(2));
                self.jobs.insert(job.id, due);
            }
            next = next.min(due.saturating_sub(ran));
        }
        if !seen.is_waiting || seen.started != self.started {
            let last = seen.running.iter().map(|job| job.started_at).max();
            let moved_at = if seen.is_waiting { last.unwrap_or(seen.now) } else { seen.now };
            (self.moved_at, self.started, self.queue) = (moved_at.max(self.moved_at), seen.started, limit);
        }
        let rested = seen.now.saturating_duration_since(self.moved_at);
        if seen.is_waiting && rested >= self.queue {
            found.queue = Some(rested);
            self.queue = rested.saturating_mul(2).max(self.queue.saturating_mul(2));
        }
        if seen.is_waiting {
            next = next.min(self.queue.saturating_sub(rested));
        }
        let next = next.max(SHORTEST);
        (found, seen.now.checked_add(next).unwrap_or(seen.now + Duration::from_secs(1 << 20)))
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use executor_core::JobName;
    use executor_core::observe::JobDescription;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    struct Pool {
        start: Instant,
        watch: StallWatch,
        running: Vec<RunningJob>,
    }

    impl Pool {
        fn new() -> Self {
            let start = Instant::now();
            Self { start, watch: StallWatch::new(start, LIMIT), running: Vec::new() }
        }

        fn at(&self, secs: u64) -> Instant {
            self.start + Duration::from_secs(secs)
        }

        fn run(&mut self, secs: u64) {
            let name = JobName::new(None, executor_core::JobPath::of::<u8>());
            let description = JobDescription::new(name, None, None);
            let mut job = RunningJob::here(JobId::next(), description, self.start);
            job.started_at = self.at(secs);
            self.running.push(job);
        }

        /// How many jobs are reported, how long the queue stalls, and the second of the next look.
        fn look(&mut self, secs: u64, started: u64, is_waiting: bool) -> (usize, Option<u64>, u64) {
            let seen = Seen { now: self.at(secs), running: &self.running, started, is_waiting };
            let (found, next) = self.watch.look(&seen, LIMIT);
            (found.jobs.len(), found.queue.map(|stalled| stalled.as_secs()), (next - self.start).as_secs())
        }
    }

    #[test]
    fn long_job_is_reported_again_when_it_has_lasted_twice_as_long() {
        let mut pool = Pool::new();
        pool.run(1);
        assert_eq!(pool.look(10, 1, false), (0, None, 11));
        assert_eq!(pool.look(11, 1, false), (1, None, 21));
        assert_eq!(pool.look(12, 1, false), (0, None, 21));
        assert_eq!(pool.look(21, 1, false), (1, None, 31));
        pool.run(30);
        assert_eq!(pool.look(40, 2, false), (1, None, 41), "the second one");
        assert_eq!(pool.look(41, 2, false), (1, None, 50), "the first one, for the third time");
    }

    #[test]
    fn queue_stalls_if_no_job_starts() {
        let mut pool = Pool::new();
        pool.run(0);
        assert_eq!(pool.look(9, 1, true).1, None);
        assert_eq!(pool.look(10, 1, true).1, Some(10));
        assert_eq!(pool.look(19, 1, true).1, None);
        assert_eq!(pool.look(20, 1, true).1, Some(20));
        pool.run(21);
        assert_eq!(pool.look(30, 2, true).1, None, "one has started");
        assert_eq!(pool.look(31, 2, true).1, Some(10));
        assert_eq!(pool.look(60, 2, false).1, None, "none waits");
        assert_eq!(pool.look(69, 2, true).1, None);
        assert_eq!(pool.look(70, 2, true).1, Some(10));
    }
}

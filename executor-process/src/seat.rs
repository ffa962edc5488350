//! The place of a worker thread's one running job: who may stop it, and what that kills.

use std::sync::Arc;

use executor_core::JobId;
use executor_core::cell::Abort;
use parking_lot::Mutex;

/// What runs a job, and can be ended.
pub(crate) trait Kill: Send + Sync {
    fn kill(&self);

    /// As `kill`, but it may be given time to end by itself.
    fn stop(&self) {
        self.kill();
    }
}

/// Exact, because it has one lock: an abort finds either its own job here, and then kills the process that runs it, or
/// another job or none, and then does nothing.
#[derive(Default)]
pub(crate) struct Seat(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    job: Option<JobId>,
    is_aborted: bool,
    process: Option<Arc<dyn Kill>>,
}

impl Seat {
    /// From now on, `job` can be aborted.
    pub(crate) fn take(&self, job: JobId) {
        let mut taken = self.0.lock();
        taken.job = Some(job);
        taken.is_aborted = false;
    }

    /// The job goes to `process`. False if it was aborted meanwhile.
    pub(crate) fn run_in(&self, process: Arc<dyn Kill>) -> bool {
        let mut taken = self.0.lock();
        taken.process = Some(process);
        !taken.is_aborted
    }

    /// The job can no longer be aborted. Says whether it was, which killed its process.
    pub(crate) fn leave(&self) -> bool {
        std::mem::take(&mut *self.0.lock()).is_aborted
    }
}

impl Abort for Seat {
    fn abort(&self, id: JobId) -> bool {
        let mut taken = self.0.lock();
        if taken.job != Some(id) {
            return false;
        }
        taken.is_aborted = true;
        if let Some(process) = &taken.process {
            process.stop();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Kills(AtomicUsize);

    impl Kill for Kills {
        fn kill(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Kills {
        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn an_abort_kills_for_its_own_job_alone() {
        let (seat, kills) = (Seat::default(), Arc::new(Kills::default()));
        let (first, second) = (JobId::next(), JobId::next());
        seat.take(first);
        assert!(seat.run_in(kills.clone()));
        assert!(!seat.abort(second));
        assert!(!seat.leave());
        assert!(!seat.abort(first));
        seat.take(second);
        assert!(seat.run_in(kills.clone()), "the abort came too late, and was for another");
        assert!(!seat.abort(first));
        assert_eq!(kills.count(), 0);
        assert!(seat.abort(second));
        assert_eq!(kills.count(), 1);
        assert!(seat.leave());
        assert!(!seat.leave(), "told once");
    }

    #[test]
    fn an_abort_before_there_is_a_process_is_not_forgotten() {
        let (seat, kills) = (Seat::default(), Arc::new(Kills::default()));
        let job = JobId::next();
        seat.take(job);
        assert!(seat.abort(job));
        assert!(!seat.run_in(kills.clone()), "it must not be sent");
        assert!(seat.leave());
        assert_eq!(kills.count(), 0);
    }
}

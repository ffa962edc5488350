//! The place of a worker thread's one running job: who may stop it, and what that kills.

use std::sync::Arc;

use executor_core::JobId;
use executor_core::cell::Abort;
use parking_lot::Mutex;

use crate::process::Process;

/// Exact, because it has one lock: an abort finds either its own job here, and then kills the process that runs it, or
/// another job or none, and then does nothing.
#[derive(Default)]
pub(crate) struct Seat(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    job: Option<JobId>,
    is_aborted: bool,
    process: Option<Arc<Process>>,
}

impl Seat {
    /// From now on, `job` can be aborted.
    pub(crate) fn take(&self, job: JobId) {
        let mut taken = self.0.lock();
        taken.job = Some(job);
        taken.is_aborted = false;
    }

    /// The job goes to `process`. False if it was aborted meanwhile.
    pub(crate) fn run_in(&self, process: &Arc<Process>) -> bool {
        let mut taken = self.0.lock();
        taken.process = Some(Arc::clone(process));
        !taken.is_aborted
    }

    /// The job can no longer be aborted. Says whether it was, which killed its process.
    pub(crate) fn leave(&self) -> bool {
        std::mem::take(&mut *self.0.lock()).is_aborted
    }
}

impl Abort for Seat {
    fn abort(&self, id: JobId) {
        let mut taken = self.0.lock();
        if taken.job == Some(id) {
            taken.is_aborted = true;
            if let Some(process) = &taken.process {
                process.kill();
            }
        }
    }
}

//! What a shutdown that kills does to a worker: it ends what that has in hand, and all that comes.

use std::sync::Arc;

use executor_core::JobError;
use executor_core::cell::Control;
use executor_thread::scheduler::Stop;
use parking_lot::Mutex;

use crate::job::Queued;
use crate::seat::Kill;

/// The jobs that a worker's thread has in hand, and its process. Both are ended without its lock: an abort calls back.
#[derive(Default)]
pub(crate) struct Brake(Mutex<InHand>);

#[derive(Default)]
struct InHand {
    is_pulled: bool,
    jobs: Vec<Queued>,
    /// The last that was started. It is killed whatever its words say of the jobs.
    process: Option<Arc<dyn Kill>>,
}

impl Brake {
    /// The thread has `job` in hand, which ends at once if the brake was pulled.
    pub(crate) fn take(&self, job: &Queued) {
        let mut hand = self.0.lock();
        if !hand.is_pulled {
            return hand.jobs.push(Arc::clone(job));
        }
        drop(hand);
        Self::end(job);
    }

    /// It has none of them any more.
    pub(crate) fn let_go(&self) {
        let jobs = std::mem::take(&mut self.0.lock().jobs);
        drop(jobs);
    }

    /// It has started `process`, which is to be killed at once if this is false.
    #[must_use = "nobody else kills it"]
    pub(crate) fn start(&self, process: Arc<dyn Kill>) -> bool {
        let mut hand = self.0.lock();
        let before = hand.process.replace(process);
        let is_to_live = !hand.is_pulled;
        drop(hand);
        drop(before);
        is_to_live
    }

    /// Whether nothing is to be started any more.
    pub(crate) fn is_pulled(&self) -> bool {
        self.0.lock().is_pulled
    }

    /// Ends a job in hand, where the brake was pulled: by whoever comes first of those who see that.
    pub(crate) fn end(job: &Queued) {
        if Control::withdraw(Arc::clone(job), JobError::Cancelled).is_none() {
            Control::abort(&**job);
        }
    }
}

impl Stop for Brake {
    fn stop(&self) {
        let (jobs, process) = {
            let mut hand = self.0.lock();
            hand.is_pulled = true;
            (std::mem::take(&mut hand.jobs), hand.process.take())
        };
        // First: a worker that cannot be started would break its job.
        for job in &jobs {
            Self::end(job);
        }
        if let Some(process) = process {
            process.stop();
        }
    }
}

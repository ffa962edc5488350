//! A shutdown that kills, at one worker: it ends the jobs that the worker has in hand, and all that come later.

use std::sync::Arc;

use executor_core::JobError;
use executor_core::cell::{Control, QueuedControl};
use executor_thread::scheduler::Stop;
use parking_lot::Mutex;

use crate::dispatch::job::Queued;
use crate::supervisor::claims::Kill;

/// The jobs that a worker's thread has in hand, and its process. Both are ended without its lock: an abort calls back.
#[derive(Default)]
pub(crate) struct KillSwitch(Mutex<InHand>);

#[derive(Default)]
struct InHand {
    is_triggered: bool,
    jobs: Vec<Queued>,
    /// The last that was started. It is killed whatever its words say of the jobs.
    process: Option<Arc<dyn Kill>>,
}

impl KillSwitch {
    /// The thread has `job` in hand, which ends at once if the switch was triggered.
    pub(crate) fn take(&self, job: &Queued) {
        let mut hand = self.0.lock();
        if !hand.is_triggered {
            return hand.jobs.push(Arc::clone(job));
        }
        drop(hand);
        Self::end(job);
    }

    /// It has none of them any more. Returns them: those that were brought to an outcome, and those that wait again, too.
    pub(crate) fn let_go(&self) -> Vec<Queued> {
        std::mem::take(&mut self.0.lock().jobs)
    }

    /// It has started `process`, which is to be killed at once if this is false.
    #[must_use = "nobody else kills it"]
    pub(crate) fn start(&self, process: Arc<dyn Kill>) -> bool {
        let mut hand = self.0.lock();
        let before = hand.process.replace(process);
        let is_to_live = !hand.is_triggered;
        drop(hand);
        drop(before);
        is_to_live
    }

    /// Whether nothing is to be started any more.
    pub(crate) fn is_triggered(&self) -> bool {
        self.0.lock().is_triggered
    }

    /// Ends a job in hand after the switch was triggered. Several threads may see that: the first one ends the job.
    pub(crate) fn end(job: &Queued) {
        if QueuedControl::withdraw(Arc::clone(job), JobError::cancelled()).is_none() {
            Control::abort(&**job);
        }
    }
}

impl Stop for KillSwitch {
    /// Those that run go on.
    fn revoke(&self) {
        let jobs = {
            let mut hand = self.0.lock();
            hand.is_triggered = true;
            hand.jobs.clone()
        };
        for job in jobs {
            drop(QueuedControl::withdraw(job, JobError::cancelled()));
        }
    }

    fn stop(&self) {
        let (jobs, process) = {
            let mut hand = self.0.lock();
            hand.is_triggered = true;
            (std::mem::take(&mut hand.jobs), hand.process.take())
        };
        // First those that have not started: the worker begins none of them because another one is ended. And before the process is: a worker that
        // cannot be started would break its job.
        let running: Vec<_> = jobs
            .into_iter()
            .filter(|job| QueuedControl::withdraw(Arc::clone(job), JobError::cancelled()).is_none())
            .collect();
        for job in running {
            Control::abort(&*job);
        }
        if let Some(process) = process {
            process.stop();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use executor_core::cell::{Abort, Cell, Dispatch};
    use executor_core::{Future, JobId, PortableJob, call};

    use super::*;
    use crate::dispatch::encoded_result::EncodedResult;
    use crate::dispatch::job::EncodedJob;
    use crate::dispatch::job_type::JobType;
    use crate::ipc::payload::Payload;

    /// A worker that has begun the first of the jobs that it was sent, and writes down what it is told.
    struct Told {
        first: Mutex<Option<JobId>>,
        words: Mutex<Vec<&'static str>>,
    }

    impl Abort for Told {
        fn abort(&self, _: JobId) -> bool {
            self.words.lock().push("abort");
            true
        }
    }

    impl Dispatch for Told {
        fn revoke(&self, id: JobId) -> bool {
            let waits = *self.first.lock() != Some(id);
            if waits {
                self.words.lock().push("revoke");
            }
            waits
        }

        fn has_started(&self, id: JobId) -> bool {
            *self.first.lock() == Some(id)
        }
    }

    fn nothing() {}

    fn job_type<J: PortableJob>(_: J) -> JobType {
        JobType::of::<J>()
    }

    #[test]
    fn unstarted_jobs_end_before_running_ones() {
        let told = Arc::new(Told { first: Mutex::default(), words: Mutex::default() });
        let kill_switch = KillSwitch::default();
        let sent: Vec<_> = (0..3)
            .map(|n| {
                let open = |_: EncodedResult| Ok(());
                let body = Payload::new(Vec::new(), Vec::new());
                let cell = Arc::new(Cell::queued(EncodedJob::new(job_type(call(nothing, ())), body), open));
                let job: Queued = cell.clone();
                if n == 0 {
                    *told.first.lock() = Some(job.id());
                }
                kill_switch.take(&job);
                assert!(job.dispatch(Arc::<Told>::clone(&told)).is_some());
                Future::of(cell)
            })
            .collect();
        kill_switch.revoke();
        assert_eq!(*told.words.lock(), ["revoke", "revoke"]);
        assert!(!sent[0].is_done() && sent[1..].iter().all(Future::is_cancelled));
        kill_switch.stop();
        assert_eq!(*told.words.lock(), ["revoke", "revoke", "abort"]);
        assert!(sent[0].is_cancelled());
    }
}

//! Jobs that are cancelled while their worker has them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak, mpsc};
use std::time::Duration;

use executor_core::queue_id::{JobDeparture, QueueId};
use executor_core::registry::QueueRegistration;

use super::*;

/// Delays the cancelling thread between the claim and the outcome of the job, until the parent has had time for a mistake.
struct Slow {
    stage: OnceLock<Stage>,
    /// For the worker to say that it has skipped the job.
    go_on: Mutex<mpsc::Sender<()>>,
    is_killed: AtomicBool,
}

impl JobDeparture for Slow {
    fn on_removed(&self, _: QueueId, _: bool) {}

    fn on_revoked(&self, _: QueueId) {
        self.go_on.lock().unwrap().send(()).unwrap();
        let stage = self.stage.get().expect("it was made first");
        self.is_killed.store(stage.first_is_gone_within(Duration::from_millis(100)), Ordering::Relaxed);
    }

    fn on_finished(&self, _: QueueId) {}
}

#[test]
fn slow_cancel_costs_no_worker() {
    let (go_on, may_go_on) = mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    let stage = Stage::new(move |part, jobs| {
        if !part.is_first {
            return Played::Honestly;
        }
        may_go_on.lock().unwrap().recv().unwrap();
        assert!(jobs.iter().all(|&(slot, job)| !part.page.start(slot, job)), "it was revoked");
        part.say(Reply::Done);
        Played::Waits
    });
    let slow = Slow { stage: OnceLock::new(), go_on: Mutex::new(go_on), is_killed: AtomicBool::new(false) };
    let queue = Arc::new(slow);
    let weak: Weak<dyn JobDeparture> = Arc::<Slow>::downgrade(&queue);
    let registration = QueueRegistration::new(weak);
    let stage = queue.stage.get_or_init(|| stage);
    let future = stage.submit_at(registration.id(), 5);
    assert!(stage.first_has_a_job() && future.cancel());
    assert!(!queue.is_killed.load(Ordering::Relaxed), "the worker did what it should");
    assert!(future.result().unwrap_err().is_cancelled());
}

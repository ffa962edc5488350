//! Jobs that are cancelled while their worker has them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak, mpsc};
use std::time::Duration;

use executor_core::home::{Home, HomeId};
use executor_core::registry::Registration;

use super::*;

/// Delays the cancelling thread between the claim and the outcome of the job, until the parent has had time for a mistake.
struct Slow {
    stage: OnceLock<Stage>,
    /// For the worker to say that it has skipped the job.
    go_on: Mutex<mpsc::Sender<()>>,
    is_killed: AtomicBool,
}

impl Home for Slow {
    fn left(&self, _: HomeId, _: bool) {}

    fn revoked(&self, _: HomeId) {
        self.go_on.lock().unwrap().send(()).unwrap();
        let stage = self.stage.get().expect("it was made first");
        self.is_killed.store(stage.first_is_gone_within(Duration::from_millis(100)), Ordering::Relaxed);
    }

    fn ended(&self, _: HomeId) {}
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
    let home = Arc::new(slow);
    let weak: Weak<dyn Home> = Arc::<Slow>::downgrade(&home);
    let registration = Registration::new(weak);
    let stage = home.stage.get_or_init(|| stage);
    let future = stage.submit_at(registration.id(), 5);
    assert!(stage.first_has_a_job() && future.cancel());
    assert!(!home.is_killed.load(Ordering::Relaxed), "the worker did what it should");
    assert!(future.result().unwrap_err().is_cancelled());
}

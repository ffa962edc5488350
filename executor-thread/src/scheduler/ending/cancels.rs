//! A shutdown beside a cancel.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use executor_core::Priority;

use super::super::owned::Owned;
use super::super::{Batch, Config};
use super::*;
use crate::runner::Queued;

/// A test that hangs fails after this time.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Tells when it is called, and waits until it may go on.
struct Gate(Sender<()>, Receiver<()>);

impl Gate {
    fn new() -> (Self, Receiver<()>, Sender<()>) {
        let ((tell, told), (open, opened)) = (channel(), channel());
        (Self(tell, opened), told, open)
    }

    fn pass(&self) {
        let _ = self.0.send(());
        let _ = self.1.recv();
    }
}

/// Starts no job before it may.
struct Late(Gate);

impl Runner for Late {
    type Job = Queued;

    fn run(&mut self, job: Queued, _: &mut Batch<'_, Queued>) -> bool {
        self.0.pass();
        job.run()
    }
}

/// As it is dropped, the cancel has ended the job, and its queue does not know.
struct Captured(Gate);

impl Drop for Captured {
    fn drop(&mut self) {
        self.0.pass();
    }
}

#[test]
fn shutdown_waits_for_the_cancel_of_a_job_that_a_worker_has_taken() {
    for capacity in [None, Some(4)] {
        let (late, taken, start) = Gate::new();
        let (captured, withdrawn, let_go) = Gate::new();
        let (late, captured) = (Mutex::new(Some(late)), Captured(captured));
        let scheduler = Owned::new(Config { capacity, ..Config::new("late", 1) }, move |_: &Arc<str>| {
            Late(late.lock().unwrap().take().expect("there is one worker"))
        });
        let (job, future) = Future::of_job_at(scheduler.queue(), move || drop(captured));
        assert!(scheduler.push(Priority::Normal, job).is_ok());
        taken.recv_timeout(TEST_TIMEOUT).expect("a worker has it");
        thread::scope(|scope| {
            let cancel = scope.spawn(|| future.cancel());
            withdrawn.recv_timeout(TEST_TIMEOUT).expect("it is cancelled");
            let has_ended = scope.spawn(|| {
                scheduler.shutdown(true);
                future.is_done()
            });
            while scheduler.is_open() {
                thread::yield_now();
            }
            start.send(()).unwrap();
            while scheduler.stats().workers > 0 {
                thread::yield_now();
            }
            let is_gone = scheduler.shared().expect("nobody has forked").lock().is_gone();
            let_go.send(()).unwrap();
            let had_ended = has_ended.join().unwrap();
            assert!(cancel.join().unwrap() && had_ended && !is_gone, "{capacity:?}: {had_ended}, {is_gone}");
        });
    }
}

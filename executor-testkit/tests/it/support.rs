//! Shared by the tests: a time limit for each.

use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test that might hang if it fails, on a thread of its own.
pub(crate) fn within_patience<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        let outcome = test();
        // If the patience is over, the receiver is gone.
        done.send(()).unwrap_or_default();
        outcome
    });
    match is_done.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            thread.join().unwrap_or_else(|payload| resume_unwind(payload))
        }
    }
}

/// The panic message of a test that is to fail.
pub(crate) fn text_of(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Boxes a job, so that an executor's code is compiled once for each type of result, not for each closure of the tests.
pub(crate) fn boxed<'a, T>(job: impl FnOnce() -> T + Send + 'a) -> Box<dyn FnOnce() -> T + Send + 'a> {
    Box::new(job)
}

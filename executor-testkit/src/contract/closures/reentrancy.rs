//! No code of a user's runs under a lock of the executor: from anywhere, it may use the executor again.

use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};

use executor_core::{Canceller, ClosureExecutor};

use crate::contract::tools::latch::{Latch, block};

/// Uses everything of an executor that could need one of its locks.
fn use_all(handle: &impl ClosureExecutor) {
    drop(handle.submit(|| ()));
    drop(handle.submit_after(std::time::Duration::ZERO, || ()));
    handle.submit(|| ()).cancel();
    handle.workers();
    handle.shutdown(false);
}

/// Uses the executor, and cancels a job, when it is dropped.
struct UsesOnDrop<H: ClosureExecutor> {
    handle: H,
    canceller: Option<Canceller>,
    dropped: mpsc::Sender<()>,
}

impl<H: ClosureExecutor> Drop for UsesOnDrop<H> {
    fn drop(&mut self) {
        use_all(&self.handle);
        if let Some(canceller) = &self.canceller {
            canceller.cancel();
        }
        self.dropped.send(()).unwrap_or_default();
    }
}

/// Such a value, and who hears of its drop.
fn uses_on_drop<E: ClosureExecutor>(pool: &E) -> (UsesOnDrop<E::Handle>, mpsc::Receiver<()>) {
    let (dropped, heard) = mpsc::channel();
    (UsesOnDrop { handle: pool.handle(), canceller: None, dropped }, heard)
}

pub fn a_job_may_use_its_executor<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let handle = pool.handle();
    pool.submit(move || use_all(&handle)).result().unwrap();
}

pub fn a_callback_may_use_its_executor<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let (calls, called) = mpsc::channel();
    let hold = block(&pool);
    let handle = pool.handle();
    pool.submit(|| ()).on_done(move |_| {
        use_all(&handle);
        calls.send(()).unwrap();
    });
    drop(hold);
    called.recv().unwrap();
}

pub fn a_waker_may_use_its_executor<E: ClosureExecutor>(make: impl Fn() -> E) {
    struct Uses<H>(H, mpsc::Sender<()>);
    impl<H: ClosureExecutor + 'static> Wake for Uses<H> {
        fn wake(self: Arc<Self>) {
            use_all(&self.0);
            self.1.send(()).unwrap_or_default();
        }
    }
    let pool = make();
    let (woken, wakes) = mpsc::channel();
    let waker = Waker::from(Arc::new(Uses(pool.handle(), woken)));
    let (hold, latch) = Latch::closed();
    let mut future = std::pin::pin!(pool.submit(move || latch.wait()));
    assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(hold);
    wakes.recv().unwrap();
    assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

pub fn the_drop_of_a_cancelled_jobs_captures_may_use_the_executor<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let hold = block(&pool);
    let (user, heard) = uses_on_drop(&pool);
    // It cancels its own job as well, while that is being cancelled.
    let (give, given) = mpsc::channel::<Canceller>();
    let future = pool.submit(move || drop((given, user)));
    give.send(future.canceller()).unwrap();
    assert!(future.cancel());
    heard.try_recv().expect("what the job captured is dropped by then");
    drop(hold);
}

pub fn the_drop_of_a_refused_job_may_use_the_executor<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    pool.shutdown(false);
    let (user, heard) = uses_on_drop(&pool);
    drop(pool.submit(move || drop(user)));
    heard.recv().unwrap();
}

pub fn the_drop_of_an_unwanted_result_may_use_the_executor<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let (user, heard) = uses_on_drop(&pool);
    drop(pool.submit(move || user));
    heard.recv().unwrap();
}

pub fn the_drop_of_a_cancelled_delayed_job_may_use_the_executor<E: ClosureExecutor>(make: impl Fn() -> E) {
    let pool = make();
    let (mut user, heard) = uses_on_drop(&pool);
    let other = pool.submit_after(std::time::Duration::from_secs(3600), || ());
    user.canceller = Some(other.canceller());
    let future = pool.submit_after(std::time::Duration::from_secs(3600), move || drop(user));
    assert!(future.cancel());
    heard.recv().unwrap();
    assert!(other.is_cancelled());
}

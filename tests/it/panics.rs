//! A panic in anything of a user's costs the job that it belongs to, and nothing else: the one worker of the pool goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use executor::{JobError, ThreadPool};

use crate::support::gate::{Gate, block};
use crate::support::within_patience;

/// Panics when it is dropped, unless somebody is panicking already.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the bomb goes off");
    }
}

/// Runs a test that harms the one worker of a pool, and then asks whether it is well.
fn on_one_worker(harm: impl FnOnce(&ThreadPool) + Send + 'static) {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        harm(&pool);
        for n in 0..10 {
            assert_eq!(pool.submit(move || n).result().unwrap(), n);
        }
        pool.shutdown(true);
    });
}

#[test]
fn in_a_job() {
    on_one_worker(|pool| {
        let error = pool.submit(|| -> u32 { panic!("no luck") }).result().unwrap_err();
        assert!(matches!(error, JobError::Panicked(_)), "{error:?}");
    });
}

#[test]
fn in_a_job_with_its_payload_to_go_on_with() {
    on_one_worker(|pool| {
        let outcome = pool.submit(|| std::panic::panic_any(42_u8)).result();
        let Err(JobError::Panicked(panicked)) = outcome else { panic!("{outcome:?}") };
        let payload = catch_unwind(AssertUnwindSafe(|| panicked.resume())).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&42_u8));
    });
}

#[test]
fn in_the_drop_of_what_a_job_captured() {
    on_one_worker(|pool| {
        let bomb = Bomb;
        let outcome = pool.submit(move || drop(bomb)).result();
        assert!(matches!(outcome, Err(JobError::Panicked(_))), "{outcome:?}");
    });
}

#[test]
fn in_the_drop_of_what_a_cancelled_job_captured() {
    on_one_worker(|pool| {
        let hold = block(pool);
        let bomb = Bomb;
        let future = pool.submit(move || drop(bomb));
        assert!(future.cancel());
        assert!(matches!(future.result(), Err(JobError::Cancelled)));
        drop(hold);
    });
}

#[test]
fn in_the_drop_of_a_result_that_nobody_wants() {
    on_one_worker(|pool| {
        for _ in 0..10 {
            drop(pool.submit(|| Bomb));
        }
    });
}

#[test]
fn in_the_drop_of_a_panics_payload() {
    on_one_worker(|pool| {
        drop(pool.submit(|| std::panic::panic_any(Bomb)));
        let outcome = pool.submit(|| std::panic::panic_any(Bomb)).result();
        let Err(error) = outcome;
        assert!(catch_unwind(AssertUnwindSafe(|| drop(error))).is_err());
    });
}

#[test]
fn in_a_callback() {
    on_one_worker(|pool| {
        let calls = Arc::new(AtomicUsize::new(0));
        let hold = block(pool);
        for n in 0..10 {
            let calls = calls.clone();
            pool.submit(move || n).on_done(move |_| {
                calls.fetch_add(1, Ordering::SeqCst);
                panic!("callback {n}");
            });
        }
        drop(hold);
        pool.submit(|| ()).result().unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 10);
    });
}

#[test]
fn in_a_callback_of_a_cancelled_job() {
    on_one_worker(|pool| {
        let hold = block(pool);
        let future = pool.submit(|| ());
        let canceller = future.canceller();
        future.on_done(|_| panic!("callback"));
        assert!(canceller.cancel(), "the panic does not reach who cancels");
        drop(hold);
    });
}

#[test]
fn in_a_mapped_result() {
    on_one_worker(|pool| {
        let outcome = pool.submit(|| 1).map_ok(|n| -> u32 { panic!("mapping {n}") }).result();
        let Err(JobError::Panicked(panicked)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(panicked.message(), "mapping 1");
    });
}

#[test]
fn in_a_waker() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("waker");
        }
    }
    on_one_worker(|pool| {
        let (hold, gate) = Gate::closed();
        let mut future = std::pin::pin!(pool.submit(move || gate.wait()));
        let waker = Waker::from(Arc::new(Panics));
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(hold);
        let ready = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if ready.is_pending() {
            future.wait();
        }
    });
}

#[test]
fn in_the_drop_of_a_workers_state() {
    within_patience(|| {
        let pool = ThreadPool::builder().threads(1).initializer(|| Bomb).build().unwrap();
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
        pool.shutdown(true);
    });
}

#[test]
fn in_one_item_of_a_chunk_of_a_map() {
    on_one_worker(|pool| {
        let double = |n: u32| if n == 3 { panic!("item {n}") } else { 2 * n };
        let outcomes: Vec<_> = pool.map(0..8, double).chunk_size(4).collect();
        for (n, outcome) in (0..).zip(outcomes) {
            match outcome {
                Ok(value) => assert_eq!(value, 2 * n),
                Err(error) => assert!(n == 3 && matches!(error, JobError::Panicked(_)), "{error:?}"),
            }
        }
    });
}

//! A panic in anything of a user's costs the job that it belongs to, and nothing else: the one worker of the pool goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};

use executor_core::{ClosureExecutor, Future, JobError};

use super::boxed::Boxed;
use crate::contract::tools::latch::{Latch, block};
use crate::contract::tools::named;

/// Panics when it is dropped, unless somebody is panicking already.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the bomb goes off");
    }
}

/// Harms the workers of an executor, and then asks whether they are well.
fn harmed<E: ClosureExecutor>(make: impl Fn() -> E, harm: impl FnOnce(&E)) {
    let pool = make();
    harm(&pool);
    for n in 0..10 {
        assert_eq!(pool.submit(move || n).result().unwrap(), n);
    }
    pool.shutdown(true);
}

/// Without boxes, whose closures have no names of their own.
pub fn a_panic_in_a_job<E: ClosureExecutor>(make: impl Fn() -> Boxed<E>) {
    harmed(make, |Boxed(pool)| {
        let mut errors = vec![pool.submit(|| -> u32 { panic!("no\n  luck") }).result().unwrap_err()];
        errors.extend(pool.map([1], |_| -> u32 { panic!("no\n  luck") }).filter_map(Result::err));
        errors.extend(pool.map([1], |_| -> u32 { panic!("no\n  luck") }).chunk_size(2).filter_map(Result::err));
        assert_eq!(errors.len(), 3);
        for error in errors {
            let JobError::Panicked(panicked) = &error else { panic!("{error:?}") };
            let job = panicked.job().expect("the error names its job");
            assert!(job.contains("panics::a_panic_in_a_job"), "{job}");
            let text = error.to_string();
            assert!(
                text.starts_with(&format!("job {} panicked at ", named(panicked))) && text.ends_with(": no; luck"),
                "{text}"
            );
            assert!(format!("{error:#}").ends_with(": no\n  luck"), "{error:#}");
        }
    });
}

pub fn a_panic_in_a_job_with_its_payload_to_go_on_with<E: ClosureExecutor>(make: impl Fn() -> E) {
    harmed(make, |pool| {
        let outcome = pool.submit(|| std::panic::panic_any(42_u8)).result();
        let Err(JobError::Panicked(panicked)) = outcome else { panic!("{outcome:?}") };
        let payload = catch_unwind(AssertUnwindSafe(|| panicked.resume())).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&42_u8));
    });
}

pub fn a_panic_in_the_drop_of_what_a_job_captured<E: ClosureExecutor>(make: impl Fn() -> E) {
    harmed(make, |pool| {
        let bomb = Bomb;
        let outcome = pool.submit(move || drop(bomb)).result();
        assert!(matches!(outcome, Err(JobError::Panicked(_))), "{outcome:?}");
    });
}

pub fn a_panic_in_the_drop_of_what_a_cancelled_job_captured<E: ClosureExecutor>(make: impl Fn() -> E) {
    harmed(make, |pool| {
        let hold = block(pool);
        let bomb = Bomb;
        let future = pool.submit(move || drop(bomb));
        assert!(future.cancel());
        assert!(matches!(future.result(), Err(JobError::Cancelled(_))));
        drop(hold);
    });
}

pub fn a_panic_in_the_drop_of_a_result_that_nobody_wants<E: ClosureExecutor>(make: impl Fn() -> E) {
    harmed(make, |pool| {
        for _ in 0..10 {
            drop(pool.submit(|| Bomb));
        }
    });
}

pub fn a_panic_in_the_drop_of_a_panics_payload<E: ClosureExecutor>(make: impl Fn() -> E) {
    harmed(make, |pool| {
        drop(pool.submit(|| std::panic::panic_any(Bomb)));
        let outcome = pool.submit(|| std::panic::panic_any(Bomb)).result();
        let Err(error) = outcome;
        assert!(matches!(error, JobError::Panicked(_)), "{error:?}");
        drop(error); // as harmless as that of any other error
    });
}

pub fn a_panic_in_a_callback<E: ClosureExecutor>(make: impl Fn() -> E) {
    harmed(make, |pool| {
        let (calls, called) = mpsc::channel();
        let hold = block(pool);
        for n in 0..10 {
            let calls = calls.clone();
            pool.submit(move || n).on_done(move |_| {
                calls.send(n).unwrap_or_default();
                panic!("callback {n}");
            });
        }
        drop((calls, hold));
        // All of them: that a later job has ended does not say that the callbacks of those before it have run.
        let mut numbers: Vec<_> = called.iter().collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..10), "each is called once");
        pool.submit(|| ()).result().unwrap();
    });
}

pub fn a_panic_in_a_callback_of_a_cancelled_job<E: ClosureExecutor>(make: impl Fn() -> E) {
    harmed(make, |pool| {
        let hold = block(pool);
        let future = pool.submit(|| ());
        let canceller = future.canceller();
        future.on_done(|_| panic!("callback"));
        assert!(canceller.cancel(), "the panic does not reach who cancels");
        drop(hold);
    });
}

pub fn a_panic_in_a_mapped_result<E: ClosureExecutor>(make: impl Fn() -> E) {
    harmed(make, |pool| {
        let outcome = pool.submit(|| 1).map_ok(|n| -> u32 { panic!("mapping {n}") }).result();
        let Err(JobError::Panicked(panicked)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(panicked.message(), "mapping 1");
    });
}

/// A job that fails as `fail` does, and what changes its result.
fn changed_to<E: ClosureExecutor, T: Send + 'static, U: Send + 'static>(
    pool: &E,
    fail: fn() -> T,
    change: impl Fn(Future<T>) -> Future<U>,
) -> [Result<U, JobError>; 2] {
    let hold = block(pool);
    let early = change(pool.submit(fail));
    drop(hold);
    let ended = pool.submit(fail);
    ended.wait();
    [early.result(), change(ended).result()]
}

pub fn a_panic_in_the_drop_of_a_change_that_is_not_called<E: ClosureExecutor>(make: impl Fn() -> E) {
    harmed(make, |pool| {
        let change = |future: Future<u32>| {
            let bomb = Bomb;
            future.map_ok(move |n| {
                let _kept = &bomb;
                n
            })
        };
        for outcome in changed_to(pool, || panic!("no luck"), change) {
            let Err(JobError::Panicked(panicked)) = outcome else { panic!("{outcome:?}") };
            assert_eq!(panicked.message(), "no luck");
        }
    });
}

pub fn a_panic_in_the_conversion_of_a_jobs_own_error<E: ClosureExecutor>(make: impl Fn() -> E) {
    #[derive(Debug)]
    struct Odd;
    impl From<Odd> for Box<dyn std::error::Error + Send + Sync> {
        fn from(_: Odd) -> Self {
            panic!("a bad conversion");
        }
    }
    harmed(make, |pool| {
        for outcome in changed_to(pool, || Err::<u32, _>(Odd), Future::flatten) {
            let Err(JobError::Panicked(panicked)) = outcome else { panic!("{outcome:?}") };
            assert_eq!(panicked.message(), "a bad conversion");
        }
    });
}

pub fn a_panic_in_a_waker<E: ClosureExecutor>(make: impl Fn() -> E) {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("waker");
        }
    }
    harmed(make, |pool| {
        let (hold, latch) = Latch::closed();
        let mut future = std::pin::pin!(pool.submit(move || latch.wait()));
        let waker = Waker::from(Arc::new(Panics));
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(hold);
        let ready = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if ready.is_pending() {
            future.wait();
        }
    });
}

pub fn a_panic_in_one_item_of_a_chunk_of_a_map<E: ClosureExecutor>(make: impl Fn() -> E) {
    harmed(make, |pool| {
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

//! A panic of a user's code stays where it belongs, and so does the place where it was raised.

use std::cell::RefCell;
use std::panic;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;

use executor_core::cell::Run;
use executor_core::panics::catch;
use executor_core::{Future, JobError, JobSet, current, promise};

use crate::support::Count;

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a bad waker");
    }
}

fn bad_waker() -> Waker {
    Waker::from(Arc::new(Panics))
}

#[test]
fn a_waker_that_panics_does_not_harm_who_ends_the_job() {
    let (promise, mut future) = promise();
    let polled = std::future::Future::poll(Pin::new(&mut future), &mut Context::from_waker(&bad_waker()));
    assert!(polled.is_pending());
    assert!(promise.complete(7));
    assert_eq!(future.result().unwrap(), 7);
}

#[test]
fn a_sets_waker_that_panics_does_not_harm_who_ends_the_job() {
    let (promise, future) = promise();
    let mut set = JobSet::new();
    set.insert(future);
    assert!(set.poll_next(&mut Context::from_waker(&bad_waker())).is_pending());
    assert!(promise.complete(7));
    assert!(matches!(set.next(), Some((0, Ok(7)))));
}

/// Whether the job ended before its future was dropped is chance, so it must not decide who gets the panic.
#[test]
fn a_result_whose_drop_panics_does_not_harm_who_drops_the_future() {
    struct Bomb(Count);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.add();
            panic!("the bomb goes off");
        }
    }
    for has_ended in [false, true] {
        let count = Count::default();
        let bomb = Bomb(count.clone());
        let (promise, future) = promise();
        if has_ended {
            promise.complete(bomb);
            drop(future);
        } else {
            drop(future);
            promise.complete(bomb);
        }
        assert_eq!(count.get(), 1);
    }
}

/// The place that is reported of a panic in `job`.
fn place_of(job: impl FnOnce()) -> Option<String> {
    match catch(job) {
        Err(JobError::Panicked(panicked)) => panicked.place().map(str::to_owned),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panic_without_a_place_is_not_given_that_of_another_job() {
    // This job catches its own panic, which has a place; the next one raises without asking the hook.
    catch(|| drop(panic::catch_unwind(|| panic!("caught")))).unwrap();
    assert_eq!(place_of(|| panic::resume_unwind(Box::new("no hook"))), None);
}

#[test]
fn a_panic_keeps_its_place_when_its_unwinding_runs_another_job() {
    struct Runs;
    impl Drop for Runs {
        fn drop(&mut self) {
            assert!(place_of(|| panic!("inside")).is_some());
        }
    }
    let line = line!() + 3;
    let place = place_of(|| {
        let _runs = Runs;
        panic!("outside");
    });
    assert!(place.as_deref().is_some_and(|place| place.contains(&format!("panics.rs:{line}:"))), "{place:?}");
}

/// Calls `late` on a thread that is ending, after the crate's own values of that thread are gone.
fn as_a_thread_ends<R: Send + 'static>(late: fn() -> R) -> R {
    struct Late(Option<Box<dyn FnOnce()>>);
    impl Drop for Late {
        fn drop(&mut self) {
            self.0.take().expect("it is dropped once")();
        }
    }
    thread_local! {
        static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    let (give, given) = mpsc::channel();
    let thread = thread::spawn(move || {
        // The newer values of a thread go first: these of the crate's are.
        LATE.set(Some(Late(Some(Box::new(move || give.send(late()).unwrap())))));
        catch(|| panic!("early")).unwrap_err();
        assert_eq!(current::id(), None);
        current::set_worker(None);
    });
    thread.join().unwrap();
    given.recv().unwrap()
}

#[test]
fn a_panic_is_caught_while_a_thread_ends() {
    let caught = as_a_thread_ends(|| catch(|| panic!("late")));
    let Err(JobError::Panicked(panicked)) = caught else { panic!("{caught:?}") };
    assert_eq!((panicked.message(), panicked.place()), ("late", None));
}

#[test]
fn a_thread_that_ends_runs_no_job_and_is_no_worker_but_may_run_one() {
    as_a_thread_ends(|| {
        assert_eq!((current::id(), current::worker_name(), current::state::<u8>()), (None, None, None));
        assert!(!current::stop_requested());
        current::set_worker(None);
        let (job, future) = Future::of_job(|| 7);
        assert!(job.run());
        assert_eq!(future.result().unwrap(), 7);
    });
}

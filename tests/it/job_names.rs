//! The errors of jobs that were cancelled or rejected name them: by the name that they were given, or else by their path.

use std::any::{type_name, type_name_of_val};
use std::time::Duration;

use executor::{JobError, JobOptions, QueueLimit, Rejection, ShutdownPolicy, ThreadPool, WhenFull};

use crate::support::jobs::Do;
use crate::support::rendezvous::Rendezvous;
use crate::support::surface::{self, Make, Surface, on_one_worker_surface};
use crate::support::within_patience;

const FAR: Duration = Duration::from_secs(3600);

/// A handle to the pool that names its jobs and one that does not, each with the name that errors tell.
fn views(pool: &dyn Surface) -> [(Box<dyn Surface>, &'static str); 2] {
    [(pool.handle(), type_name::<Do>()), (pool.with(JobOptions::new().name("thumbnail")), "thumbnail")]
}

#[track_caller]
fn names(error: &JobError, name: &str) {
    assert_eq!(error.job(), Some(name), "{error}");
    assert!(error.to_string().starts_with(&format!("job `{name}` was ")), "{error}");
}

#[track_caller]
fn is_rejected<T: std::fmt::Debug>(outcome: Result<T, impl Into<JobError>>, reason: Rejection, name: &str) {
    let error = outcome.unwrap_err().into();
    assert_eq!(error.rejection(), Some(reason), "{error}");
    names(&error, name);
}

on_one_worker_surface!(
    cancelled_jobs_are_named,
    jobs_of_a_shutdown_are_named,
    jobs_for_a_full_queue_are_named,
    displaced_jobs_are_named,
    jobs_after_a_shutdown_are_named,
);

fn cancelled_jobs_are_named(make: Make) {
    let (pool, rendezvous) = (make(QueueLimit::unbounded()), Rendezvous::new());
    let _waiters = surface::occupy(&*pool, 1, &rendezvous);
    for (view, name) in views(&*pool) {
        for future in [view.submit(Do::Echo(1)), view.submit(Do::Echo(2)), view.submit_after(FAR, Do::Echo(3))] {
            let mapped = future.map_ok(|number| number + 1);
            assert!(mapped.cancel());
            let error = mapped.result().unwrap_err();
            assert!(error.is_cancelled());
            names(&error, name);
        }
    }
}

fn jobs_of_a_shutdown_are_named(make: Make) {
    for policy in [ShutdownPolicy::cancel_pending(), ShutdownPolicy::kill()] {
        let (pool, rendezvous) = (make(QueueLimit::unbounded()), Rendezvous::new());
        let waiters = surface::occupy(&*pool, 1, &rendezvous);
        let submit = |(view, name): (Box<dyn Surface>, _)| (view.submit(Do::Echo(1)), view.submit(Do::Echo(2)), name);
        let futures = views(&*pool).map(submit);
        std::thread::scope(|scope| {
            scope.spawn(|| pool.shutdown_with(policy));
            for (first, second, name) in futures {
                for future in [first, second] {
                    names(&future.result().unwrap_err(), name);
                }
            }
            drop(waiters);
        });
    }
}

fn jobs_for_a_full_queue_are_named(make: Make) {
    for (when_full, reason) in [(WhenFull::Reject, Rejection::Full), (WhenFull::DropNewest, Rejection::Dropped)] {
        let (pool, rendezvous) = (make(QueueLimit::bounded(1, when_full)), Rendezvous::new());
        let _waiters = surface::occupy(&*pool, 1, &rendezvous);
        let _waits = pool.submit(Do::Echo(0));
        for (view, name) in views(&*pool) {
            is_rejected(view.submit(Do::Echo(1)).result(), reason, name);
            is_rejected(view.try_submit(Do::Echo(1)), Rejection::Full, name);
            is_rejected(view.submit_timeout(Do::Echo(1), Duration::ZERO), Rejection::Full, name);
        }
    }
}

fn displaced_jobs_are_named(make: Make) {
    let (pool, rendezvous) = (make(QueueLimit::bounded(1, WhenFull::DropOldest)), Rendezvous::new());
    let _waiters = surface::occupy(&*pool, 1, &rendezvous);
    for (view, name) in views(&*pool) {
        let oldest = view.submit(Do::Echo(1));
        drop(pool.submit(Do::Echo(2)));
        is_rejected(oldest.result(), Rejection::Dropped, name);
    }
}

fn jobs_after_a_shutdown_are_named(make: Make) {
    let pool = make(QueueLimit::unbounded());
    let views = views(&*pool);
    pool.shutdown(true);
    for (view, name) in views {
        is_rejected(view.submit(Do::Echo(1)).result(), Rejection::Shutdown, name);
        is_rejected(view.submit_after(FAR, Do::Echo(1)).result(), Rejection::Shutdown, name);
        is_rejected(view.try_submit(Do::Echo(1)), Rejection::Shutdown, name);
        is_rejected(smol::block_on(view.submit_async(Do::Echo(1))), Rejection::Shutdown, name);
        let refused = view.broadcast(Do::Echo(1)).remove(0).result().unwrap_err();
        assert_eq!(refused.rejection(), Some(Rejection::Shutdown));
        assert!(refused.job().is_some(), "{refused}");
    }
}

fn double(number: u32) -> u32 {
    2 * number
}

#[test]
fn items_of_a_thread_map_have_its_functions_name() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        pool.shutdown(true);
        for chunk in [1, 4] {
            let map = pool.map(0..4, double).chunk_size(chunk);
            assert_eq!(map.map(|outcome| names(&outcome.unwrap_err(), type_name_of_val(&double))).count(), 4);
            let map = pool.with(JobOptions::new().name("doubles")).map(0..4, double).chunk_size(chunk);
            assert_eq!(map.map(|outcome| names(&outcome.unwrap_err(), "doubles")).count(), 4);
        }
    });
}

#[test]
fn scoped_jobs_have_their_closures_name() {
    within_patience(|| {
        let (pool, number) = (ThreadPool::new(1), 7);
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let _busy = pool.submit(move || held.recv().is_err());
        let named = pool.with(JobOptions::new().name("scoped"));
        for (handle, given) in [(pool.handle(), None), (named, Some("scoped"))] {
            handle.scope(|scope| {
                let job = || number;
                let future = scope.submit(job);
                assert!(future.cancel());
                names(&future.result().unwrap_err(), given.unwrap_or(type_name_of_val(&job)));
            });
        }
        drop(hold);
    });
}

#[cfg(feature = "process")]
mod processes {
    use executor::{ProcessPool, call};

    use super::*;
    use crate::support::eventually;

    #[test]
    fn aborted_jobs_are_named() {
        within_patience(|| {
            let pool = ProcessPool::new(1).unwrap();
            let named = pool.with(JobOptions::new().name("asleep"));
            for (view, name) in [(pool.handle(), type_name_of_val(&std::thread::park)), (named, "asleep")] {
                let future = view.submit(call(std::thread::park, ()));
                eventually("it runs", || future.is_running());
                assert!(future.abort());
                names(&future.result().unwrap_err(), name);
            }
        });
    }

    fn hang(_: u32) {
        std::thread::park();
    }

    #[test]
    fn killed_items_have_the_maps_place() {
        within_patience(|| {
            let (pool, place) = (ProcessPool::new(1).unwrap(), format!("map at {}:", file!()));
            let mut map = pool.map(0..4, hang).chunk_size(2);
            std::thread::scope(|scope| {
                let killed = scope.spawn(|| map.next().unwrap().unwrap_err());
                eventually("it runs", || pool.stats().running == 1);
                let _ = pool.shutdown_with(ShutdownPolicy::kill());
                let error = killed.join().unwrap();
                assert!(error.is_cancelled() && error.job().unwrap().starts_with(&place), "{error}");
            });
            for error in pool.map(0..4, double).map(Result::unwrap_err) {
                assert!(error.job().unwrap().starts_with(&place), "{error}");
            }
        });
    }
}

//! A job's questions about itself, and a worker's about its pool, on threads that are made workers by hand.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use executor_core::cell::{Control, Run};
use executor_core::current::{self, Host, Job, Worker};
use executor_core::{Future, JobOptions, Label, promise};

use crate::support::{Pool, within_patience};

fn worker(name: &str, host: Option<Arc<dyn Host>>) -> Worker {
    Worker { name: Some(name.into()), state: Some(Rc::new(name.to_owned())), host }
}

fn state() -> Option<String> {
    current::state::<String>().map(|state| (*state).clone())
}

/// A job that is not run: what is known of it is what the test says.
fn job_of(control: Arc<dyn Control>, attempt: u32, deadline: Option<Instant>) -> Job {
    Job { attempt, deadline, ..Job::of(control) }
}

fn label(name: &str, tag: &str) -> Option<Arc<Label>> {
    JobOptions::new().name(name).tag(tag).values().label.clone()
}

#[test]
fn outside_of_a_job_there_is_nothing_to_tell() {
    within_patience(|| {
        current::describe(label("nobody", "nothing"), Some(Instant::now()));
        assert_eq!((current::id(), current::attempt(), current::deadline()), (None, None, None));
        assert_eq!((current::name(), current::tag()), (None, None));
        assert!(current::control().is_none() && !current::stop_requested());
        assert_eq!((current::worker_name(), state(), current::queue_id()), (None, None, None));
    });
}

#[test]
fn a_job_that_is_run_knows_itself() {
    within_patience(|| {
        let (job, future) = Future::of_job(|| {
            let control = current::control().map(|control| control.id());
            (current::id(), control, current::attempt(), current::deadline(), current::name())
        });
        let id = Some(future.id());
        assert!(job.run());
        assert_eq!(future.result().unwrap(), (id, id, Some(1), None, None));
        assert_eq!(current::id(), None, "it is over");
    });
}

#[test]
fn jobs_nest_and_the_outer_one_comes_back() {
    within_patience(|| {
        let (_outer, outer) = promise::<()>();
        let (_inner, inner) = promise::<()>();
        let at = Instant::now();
        let scope = current::enter(job_of(outer.control(), 3, Some(at)));
        current::describe(label("outer", "request 7"), None);
        let look = || (current::id().unwrap(), current::attempt().unwrap(), current::deadline(), current::name());
        let outside = (outer.id(), 3, Some(at), Some("outer".into()));
        assert_eq!(look(), outside);
        assert_eq!(current::tag().as_deref(), Some("request 7"));
        let nested = current::enter(job_of(inner.control(), 2, None));
        assert_eq!(look(), (inner.id(), 2, None, None));
        current::describe(None, Some(at));
        assert_eq!(current::deadline(), Some(at));
        drop(nested);
        assert_eq!(look(), outside);
        drop(scope);
        assert_eq!(current::id(), None);
    });
}

#[test]
fn a_job_is_asked_to_stop_by_its_owner_or_by_its_pool() {
    for (is_aborted, is_stopping) in [(false, false), (false, true), (true, false), (true, true)] {
        within_patience(move || {
            let (promise, future) = promise::<()>();
            promise.start();
            assert!(!is_aborted || future.abort());
            current::set_worker(Some(worker("it", Some(Pool::new(is_stopping)))));
            let _scope = current::enter(Job::of(future.control()));
            assert_eq!(current::stop_requested(), is_aborted || is_stopping);
        });
    }
}

#[test]
fn a_worker_has_a_name_a_state_and_a_pool() {
    within_patience(|| {
        let pool = Pool::new(false);
        current::set_worker(Some(worker("first", Some(pool.clone()))));
        assert_eq!(current::worker_name().as_deref(), Some("first"));
        assert_eq!(current::queue_id(), Some(pool.queue.id()));
        assert_eq!(state().as_deref(), Some("first"));
        assert!(current::state::<u32>().is_none(), "the initializer made no such thing");
        current::set_state(Some(Rc::new("another".to_owned())));
        assert_eq!(state().as_deref(), Some("another"));

        let before = current::replace_worker(Some(worker("second", None)));
        assert_eq!((current::worker_name().as_deref(), current::queue_id()), (Some("second"), None));
        assert!(current::replace_worker(before).is_some());
        assert_eq!(current::queue_id(), Some(pool.queue.id()));

        current::leave_host();
        assert_eq!((current::worker_name().as_deref(), current::queue_id()), (Some("first"), None));
        assert_eq!(state().as_deref(), Some("another"));
        drop(current::block());
        assert_eq!(pool.blocks.get(), 0, "it counts no more");
        current::set_worker(None);
        assert_eq!((current::worker_name(), state()), (None, None));
    });
}

#[test]
fn a_pool_is_told_when_its_worker_blocks_and_when_it_goes_on() {
    within_patience(|| {
        let pool = Pool::new(false);
        current::set_worker(Some(worker("it", Some(pool.clone()))));
        let blocked = current::block();
        assert_eq!((pool.blocks.get(), pool.unblocks.get()), (1, 0));
        drop(blocked);
        assert_eq!((pool.blocks.get(), pool.unblocks.get()), (1, 1));
    });
}

#[test]
fn block_guards_nest() {
    within_patience(|| {
        let (pool, other) = (Pool::new(false), Pool::new(false));
        let told = |pool: &Pool| (pool.blocks.get(), pool.unblocks.get());
        drop(current::block());
        current::set_worker(Some(worker("it", Some(pool.clone()))));
        let (first, second) = (current::block(), current::block());
        let before = current::replace_worker(Some(worker("within", Some(other.clone()))));
        let third = current::block();
        drop(first);
        drop(second);
        assert_eq!((told(&pool), told(&other)), ((1, 0), (0, 0)), "the thread blocks once");
        drop(third);
        assert_eq!((told(&pool), told(&other)), ((1, 1), (0, 0)), "the pool that was told is told of the end");
        current::set_worker(before);
        drop(current::block());
        assert_eq!(told(&pool), (2, 2));
    });
}

#[test]
fn a_guard_left_behind_counts_no_more() {
    within_patience(|| {
        let pool = Pool::new(false);
        let told = || (pool.blocks.get(), pool.unblocks.get());
        current::set_worker(Some(worker("it", Some(pool.clone()))));
        current::end_blocks();
        assert_eq!(told(), (0, 0), "there is none");
        std::mem::forget(current::block());
        let left_behind = current::block();
        current::end_blocks();
        assert_eq!(told(), (1, 1));
        let counts = current::block();
        assert_eq!(told(), (2, 1));
        drop(left_behind);
        assert_eq!(told(), (2, 1), "another one is held");
        drop(counts);
        assert_eq!(told(), (2, 2));
    });
}

/// How deep it came: each level runs the next.
fn deepest(level: usize) -> usize {
    assert!(level < 1000, "somewhere it must end");
    current::nested(|| deepest(level + 1)).unwrap_or(level)
}

#[test]
fn jobs_that_wait_for_each_other_on_one_thread_are_so_deep_and_no_deeper() {
    within_patience(|| {
        let depth = deepest(0);
        assert!((100..=200).contains(&depth), "{depth}");
        assert_eq!(deepest(0), depth, "it came up again");
        let unwound = catch_unwind(AssertUnwindSafe(|| current::nested(|| current::nested(|| panic!("at level 2")))));
        assert!(unwound.is_err());
        assert_eq!(deepest(0), depth, "also by a panic");
    });
}

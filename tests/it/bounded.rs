//! A bounded queue holds its bound, and does with the next job what it was told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use executor::{Future, JobError, QueueLimit, Rejection, Status, ThreadHandle, ThreadPool, WhenFull};

use crate::support::bounds::{bounded, occupy, on_pools};
use crate::support::boxed;
use crate::support::event_log::EventLog;
use crate::support::eventually;
use crate::support::jobs::Do;
use crate::support::rendezvous::Rendezvous;
use crate::support::surface::{self, Make, on_every_surface};

/// Without `CallerRuns`: a process pool cannot run a job on its caller.
const ALL: [WhenFull; 4] = [WhenFull::Block, WhenFull::Reject, WhenFull::DropOldest, WhenFull::DropNewest];

fn rejection<T: std::fmt::Debug>(outcome: Result<T, JobError>) -> Rejection {
    match outcome {
        Err(JobError::Rejected(refused)) => refused.reason(),
        other => panic!("{other:?}"),
    }
}

on_every_surface!(
    the_bound_counts_those_that_wait_alone,
    a_cancelled_job_frees_its_place_at_once,
    reject_refuses,
    drop_oldest_ends_the_one_that_waited_longest,
    drop_newest_ends_the_new_one,
    maps_follow_the_same_rules,
    execute_follows_the_same_rules,
    many_who_submit_and_cancel_never_pass_the_bound,
    a_callback_does_not_wait_for_a_place,
    a_delayed_job_comes_into_a_full_queue,
);

fn the_bound_counts_those_that_wait_alone(make: Make) {
    // `DropOldest` rejects no submit.
    for when_full in ALL.into_iter().filter(|&when_full| when_full != WhenFull::DropOldest) {
        let (pool, rendezvous) = (make(QueueLimit::bounded(3, when_full)), Rendezvous::new());
        let waiters = surface::occupy(&*pool, pool.workers(), &rendezvous);
        let delayed = pool.submit_after(Duration::from_secs(3600), Do::Echo(0));
        let waiting: Vec<_> = (0..3).map(|n| pool.try_submit(Do::Echo(n)).unwrap()).collect();
        let refused = pool.try_submit(Do::Echo(1)).unwrap_err();
        assert_eq!((refused.reason(), refused.into_job()), (Rejection::Full, Do::Echo(1)), "{when_full:?}");
        // Its time has come, so it is queued all the same.
        let due = pool.submit_after(Duration::ZERO, Do::Echo(9));
        assert!(delayed.cancel());
        drop(waiters);
        assert_eq!(due.result().unwrap(), 9);
        assert!(waiting.into_iter().map(|future| future.result().unwrap()).eq(0..3));
    }
}

fn a_cancelled_job_frees_its_place_at_once(make: Make) {
    for bound in [1, 3] {
        let (pool, rendezvous) = (make(QueueLimit::bounded(bound, WhenFull::Reject)), Rendezvous::new());
        let _waiters = surface::occupy(&*pool, pool.workers(), &rendezvous);
        let mut waiting: Vec<_> = (0..bound).map(|_| pool.try_submit(Do::Echo(1)).unwrap()).collect();
        for turn in 0..3000 {
            assert_eq!(pool.try_submit(Do::Echo(1)).unwrap_err().reason(), Rejection::Full, "turn {turn}");
            assert!(waiting.swap_remove(turn % bound).cancel());
            waiting.push(pool.try_submit(Do::Echo(1)).unwrap());
        }
        assert!(waiting.iter().all(Future::cancel));
    }
}

fn reject_refuses(make: Make) {
    let (pool, rendezvous) = (make(QueueLimit::bounded(1, WhenFull::Reject)), Rendezvous::new());
    let waiters = surface::occupy(&*pool, pool.workers(), &rendezvous);
    let waits = pool.submit(Do::Echo(7));
    assert_eq!(rejection(pool.submit(Do::Echo(0)).result()), Rejection::Full);
    assert_eq!(rejection(pool.handle().submit(Do::Echo(0)).result()), Rejection::Full);
    assert_eq!(pool.handle().try_submit(Do::Echo(0)).unwrap_err().reason(), Rejection::Full);
    drop(waiters);
    assert_eq!(waits.result().unwrap(), 7);
}

fn drop_oldest_ends_the_one_that_waited_longest(make: Make) {
    let (pool, rendezvous) = (make(QueueLimit::bounded(3, WhenFull::DropOldest)), Rendezvous::new());
    let waiters = surface::occupy(&*pool, pool.workers(), &rendezvous);
    let mut futures: Vec<_> = (0..3).map(|n| pool.submit(Do::Echo(n))).collect();
    let (told, tells) = mpsc::channel();
    futures.remove(0).on_done(move |outcome| told.send(rejection(outcome)).unwrap());
    assert!(futures.remove(0).cancel());
    // The place of the cancelled one is free.
    futures.push(pool.submit(Do::Echo(3)));
    assert!(tells.try_recv().is_err());
    futures.push(pool.try_submit(Do::Echo(4)).unwrap());
    assert_eq!(tells.try_recv().unwrap(), Rejection::Dropped, "its future is done by now");
    assert!(futures.iter().all(|future| future.status() == Status::Queued), "no other is dropped");
    drop(waiters);
    assert!(futures.into_iter().map(|future| future.result().unwrap()).eq(2..5));
}

fn drop_newest_ends_the_new_one(make: Make) {
    let (pool, rendezvous) = (make(QueueLimit::bounded(1, WhenFull::DropNewest)), Rendezvous::new());
    let waiters = surface::occupy(&*pool, pool.workers(), &rendezvous);
    let waits = pool.submit(Do::Echo(7));
    assert_eq!(rejection(pool.submit(Do::Echo(0)).result()), Rejection::Dropped);
    assert_eq!(pool.try_submit(Do::Echo(0)).unwrap_err().reason(), Rejection::Full);
    drop(waiters);
    assert_eq!(waits.result().unwrap(), 7);
}

fn maps_follow_the_same_rules(make: Make) {
    for when_full in ALL {
        let pool = make(QueueLimit::bounded(1, when_full));
        let outcomes: Vec<_> = pool.double(0..200, 16).collect();
        assert_eq!(outcomes.len(), 200);
        let may_be = match when_full {
            WhenFull::Reject => Some(Rejection::Full),
            WhenFull::DropOldest | WhenFull::DropNewest => Some(Rejection::Dropped),
            _ => None,
        };
        for (n, outcome) in (0..).zip(outcomes) {
            match outcome {
                Ok(value) => assert_eq!(value, 2 * n),
                refused => assert_eq!(Some(rejection(refused)), may_be, "{when_full:?}"),
            }
        }
    }
}

fn execute_follows_the_same_rules(make: Make) {
    for when_full in ALL {
        let (pool, rendezvous, log) = (make(QueueLimit::bounded(1, when_full)), Rendezvous::new(), EventLog::new());
        // With workers that are not busy, those that may block get through.
        let busy = if when_full == WhenFull::Block { 0 } else { pool.workers() };
        let waiters = surface::occupy(&*pool, busy, &rendezvous);
        for n in 0..50 {
            pool.handle().execute(Do::Write(log.writer(), n));
        }
        drop(waiters);
        pool.shutdown(true);
        let expected = match when_full {
            WhenFull::Block => (0..50).collect(),
            WhenFull::DropOldest => vec![49],
            _ => vec![0],
        };
        assert_eq!(log.sorted(), expected, "{when_full:?}");
    }
}

fn many_who_submit_and_cancel_never_pass_the_bound(make: Make) {
    let (pool, rendezvous) = (make(QueueLimit::bounded(3, WhenFull::Reject)), Rendezvous::new());
    let _waiters = surface::occupy(&*pool, pool.workers(), &rendezvous);
    let waiting = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let Ok(future) = pool.try_submit(Do::Echo(1)) else { continue };
                    assert!(waiting.fetch_add(1, Ordering::SeqCst) < 3);
                    waiting.fetch_sub(1, Ordering::SeqCst);
                    assert!(future.cancel());
                }
            });
        }
    });
    // Every place is free again, and there are no more than there were.
    let places: Vec<_> = std::iter::from_fn(|| pool.try_submit(Do::Echo(1)).ok()).collect();
    assert_eq!(places.len(), 3);
    assert!(places.iter().all(Future::cancel));
}

/// It runs where the job ended, which may be on the one thread that could make room.
fn a_callback_does_not_wait_for_a_place(make: Make) {
    let (pool, rendezvous) = (make(QueueLimit::bounded(1, WhenFull::Block)), Rendezvous::new());
    let mut waiters = surface::occupy(&*pool, pool.workers() - 1, &rendezvous);
    let first = pool.submit(Do::Arrive(rendezvous.arrival(), 1));
    let waiter = rendezvous.accept();
    let waits = pool.submit(Do::Echo(7));
    let (told, tells) = mpsc::channel();
    let handle = pool.handle();
    first.on_done(move |_| {
        let futures: Vec<_> = (0..5).map(|n| handle.submit(Do::Echo(n))).collect();
        told.send(futures).unwrap();
    });
    drop(waiter);
    let futures = tells.recv().unwrap();
    assert!(futures.into_iter().map(|future| future.result().unwrap()).eq(0..5));
    assert_eq!(waits.result().unwrap(), 7);
    waiters.clear();
}

fn a_delayed_job_comes_into_a_full_queue(make: Make) {
    let (pool, rendezvous) = (make(QueueLimit::bounded(2, WhenFull::Reject)), Rendezvous::new());
    let waiters = surface::occupy(&*pool, pool.workers(), &rendezvous);
    let due: Vec<_> = (0..5).map(|n| pool.submit_after(Duration::ZERO, Do::Echo(n))).collect();
    eventually("they are due, and fill the queue", || pool.try_submit(Do::Echo(9)).is_err());
    drop(waiters);
    assert!(executor::join_all(due).iter().all(Result::is_ok));
    eventually("there is room again", || pool.try_submit(Do::Echo(9)).is_ok());
}

on_pools!(
    each_policy_holds_inside_of_jobs,
    caller_runs_on_the_thread_that_submits,
    block_runs_a_workers_job_in_place,
    jobs_that_submit_jobs_come_to_an_end,
);

/// Calls `inside` in a job, while every other thread is busy and one job waits in a queue of one place.
fn inside_a_full_pool<T: Send + 'static>(
    threads: usize,
    when_full: WhenFull,
    inside: impl FnOnce(ThreadHandle) -> T + Send + 'static,
) -> (T, Future<u32>) {
    let pool = bounded(threads, 1, when_full);
    let busy = occupy(&pool, threads - 1);
    let (go, gone) = mpsc::channel();
    let (started, starts) = mpsc::channel();
    let handle = pool.handle();
    let inner = pool.submit(boxed(move || {
        started.send(()).unwrap();
        gone.recv().unwrap();
        inside(handle)
    }));
    starts.recv().unwrap();
    let waits = pool.try_submit(boxed(|| 7)).unwrap();
    go.send(()).unwrap();
    let value = inner.result().unwrap();
    drop(busy);
    (value, waits)
}

fn each_policy_holds_inside_of_jobs(threads: usize) {
    let (outcome, waits) = inside_a_full_pool(threads, WhenFull::Reject, |handle| handle.submit(boxed(|| 1)).result());
    assert_eq!((rejection(outcome), waits.result().unwrap()), (Rejection::Full, 7));
    let (outcome, waits) =
        inside_a_full_pool(threads, WhenFull::DropNewest, |handle| handle.submit(boxed(|| 1)).result());
    assert_eq!((rejection(outcome), waits.result().unwrap()), (Rejection::Dropped, 7));
    let (value, dropped) =
        inside_a_full_pool(threads, WhenFull::DropOldest, |handle| handle.submit(boxed(|| 1)).result());
    assert_eq!((value.unwrap(), rejection(dropped.result())), (1, Rejection::Dropped));
}

fn caller_runs_on_the_thread_that_submits(threads: usize) {
    fn submit_one(handle: &ThreadHandle) {
        let future = handle.submit(boxed(|| thread::current().id()));
        assert_eq!(future.status(), Status::Done);
        assert_eq!(future.result().unwrap(), thread::current().id());
        let panicked = handle.submit(boxed(|| panic!("in place"))).result();
        assert!(matches!(panicked, Err(JobError::Panicked(_))), "{panicked:?}");
        assert_eq!(handle.try_submit(boxed(|| ())).unwrap_err().reason(), Rejection::Full);
    }
    let pool = bounded(threads, 1, WhenFull::CallerRuns);
    let busy = occupy(&pool, threads);
    let waits = pool.submit(boxed(|| 7));
    submit_one(&pool.handle());
    assert!(pool.map(0..50, |n| n).all(|outcome| outcome.is_ok()), "a map runs its items here, too");
    drop(busy);
    assert_eq!(waits.result().unwrap(), 7);
    pool.shutdown(true);
    assert_eq!(rejection(pool.submit(boxed(|| 0)).result()), Rejection::Shutdown);

    let ((), waits) = inside_a_full_pool(threads, WhenFull::CallerRuns, |handle| submit_one(&handle));
    assert_eq!(waits.result().unwrap(), 7);
}

fn block_runs_a_workers_job_in_place(threads: usize) {
    let ((), waits) = inside_a_full_pool(threads, WhenFull::Block, |handle| {
        let here = thread::current().id();
        assert_eq!(handle.submit(boxed(|| thread::current().id())).result().unwrap(), here);
        let limit = Duration::from_secs(3600);
        let future = handle.submit_timeout(boxed(|| thread::current().id()), limit).unwrap();
        assert_eq!(future.result().unwrap(), here);
        assert_eq!(handle.try_submit(boxed(|| ())).unwrap_err().reason(), Rejection::Full);
    });
    assert_eq!(waits.result().unwrap(), 7);
}

/// A chain of 1,000 jobs, and trees of jobs: each waits for those that it submits.
fn jobs_that_submit_jobs_come_to_an_end(threads: usize) {
    fn chain(handle: ThreadHandle, left: usize) -> usize {
        if left == 0 { 0 } else { 1 + handle.clone().submit(boxed(move || chain(handle, left - 1))).result().unwrap() }
    }
    fn tree(handle: ThreadHandle, height: usize) -> usize {
        if height == 0 {
            return 1;
        }
        let subtrees: Vec<_> = (0..4)
            .map(|_| {
                let inner = handle.clone();
                handle.submit(boxed(move || tree(inner, height - 1)))
            })
            .collect();
        executor::join_all(subtrees).into_iter().map(Result::unwrap).sum()
    }
    /// As `chain`, but no job waits for the next: each is submitted by the one before.
    fn dig(handle: ThreadHandle, left: usize, done: mpsc::Sender<()>) {
        // The queue is full of these.
        handle.execute(boxed(|| ()));
        if left == 0 {
            done.send(()).unwrap();
        } else {
            handle.clone().execute(boxed(move || dig(handle, left - 1, done)));
        }
    }
    for when_full in [WhenFull::Block, WhenFull::CallerRuns] {
        let pool = bounded(threads, 1, when_full);
        let trees = [(); 3].map(|()| {
            let handle = pool.handle();
            pool.submit(boxed(move || tree(handle, 4)))
        });
        assert_eq!(chain(pool.handle(), 1000), 1000);
        for tree in trees {
            assert_eq!(tree.result().unwrap(), 256);
        }
        let (done, end) = mpsc::channel();
        dig(pool.handle(), 10_000, done);
        end.recv().unwrap();
    }
}

#[test]
fn a_queue_is_unbounded_unless_it_is_told_otherwise() {
    let settings = [None, Some(QueueLimit::unbounded()), Some(QueueLimit::default())];
    for queue in settings {
        let builder = ThreadPool::builder().threads(1);
        let pool = queue.map_or(builder.clone(), |queue| builder.queue(queue)).build().unwrap();
        let _busy = occupy(&pool, 1);
        assert!((0..100_000).all(|_| pool.try_submit(boxed(|| ())).is_ok()));
    }
}

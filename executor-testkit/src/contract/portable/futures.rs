//! Waiting for one future or several, on every executor.

use std::time::Duration;

use executor_core::{Future, JobError, JobSet, Until, as_completed, join_all, try_join_all, wait, wait_timeout};

use crate::contract::subject::{Make, Subject};
use crate::contract::tools::block_on;
use crate::contract::tools::jobs::Do;
use crate::contract::tools::rendezvous::Rendezvous;

const AT_ONCE: Duration = Duration::ZERO;

pub fn a_result_comes_in_each_of_the_ways_to_ask(make: &Make) {
    let pool = make();
    assert_eq!(pool.submit(Do::Echo(1)).result().unwrap(), 1);
    assert_eq!(pool.submit(Do::Echo(2)).result_timeout(Duration::MAX).unwrap().unwrap(), 2);
    assert_eq!(block_on(pool.submit(Do::Echo(3))).unwrap(), 3);
    assert_eq!(block_on(pool.submit(Do::Echo(4)).abort_on_drop()).unwrap(), 4);
    let future = pool.submit(Do::Echo(5));
    future.wait();
    assert!(future.wait_timeout(AT_ONCE));
    assert_eq!(future.try_result().unwrap().unwrap(), 5);
}

pub fn a_future_that_has_not_ended_comes_back(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let future = pool.submit(Do::Arrive(rendezvous.arrival(), 6));
    let waiter = rendezvous.accept();
    let id = future.id();
    let future = future.try_result().unwrap_err();
    let future = future.result_timeout(Duration::from_millis(1)).unwrap_err();
    assert!(!future.wait_timeout(AT_ONCE));
    assert_eq!(future.id(), id);
    drop(waiter);
    assert_eq!(future.result().unwrap(), 6);
}

pub fn a_callback_hears_of_the_outcome_before_and_after_the_end(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let (calls, called) = std::sync::mpsc::channel();
    let early = pool.submit(Do::Arrive(rendezvous.arrival(), 1));
    let waiter = rendezvous.accept();
    let call = calls.clone();
    early.on_done(move |outcome| call.send(outcome.unwrap()).unwrap());
    drop(waiter);
    assert_eq!(called.recv(), Ok(1));
    let late = pool.submit(Do::Echo(2));
    late.wait();
    late.on_done(move |outcome| calls.send(outcome.unwrap()).unwrap());
    assert_eq!(called.into_iter().collect::<Vec<_>>(), [2]);
}

pub fn a_result_can_be_changed_where_the_job_ends(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    assert_eq!(pool.submit(Do::Echo(20)).map_ok(|n| n.to_string()).result().unwrap(), "20");
    let failed = pool.submit(Do::Panic("no luck".into())).map_ok(|n| n + 1).result();
    assert!(matches!(failed, Err(JobError::Panicked(_))), "{failed:?}");
    let flat = pool.submit(Do::Echo(300)).map_ok(u8::try_from).flatten().result().unwrap_err();
    assert_eq!(flat.to_string(), "out of range integral type conversion attempted");
    let waiters = pool.block(&rendezvous);
    let mapped = pool.submit(Do::Echo(1)).map_ok(|n| n + 1);
    assert!(mapped.cancel(), "to cancel the new future is to cancel the job");
    assert!(mapped.is_cancelled());
    assert!(matches!(mapped.result(), Err(JobError::Cancelled(_))));
    drop(waiters);
}

/// A job that waits at the rendezvous, and one of another kind that has ended.
fn one_pending_and(pool: &Subject, rendezvous: &Rendezvous, ended: Do) -> [Future<u64>; 2] {
    let ended = pool.submit(ended);
    ended.wait();
    [pool.submit(Do::Arrive(rendezvous.arrival(), 1)), ended]
}

pub fn wait_until_the_first_is_done(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let waited = wait(one_pending_and(&pool, &rendezvous, Do::Echo(2)), Until::FirstDone);
    assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
    assert_eq!(join_all(waited.done)[0].as_ref().unwrap(), &2);
    drop(rendezvous);
    assert_eq!(join_all(waited.pending)[0].as_ref().unwrap(), &1);
}

pub fn wait_until_the_first_is_ok_or_an_error(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let waited = wait(one_pending_and(&pool, &rendezvous, Do::Panic("a".into())), Until::FirstError);
    assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
    drop(rendezvous.accept());
    let futures = waited.pending.into_iter().chain(waited.done);
    let waited = wait(futures, Until::FirstOk);
    assert_eq!((waited.done.len(), waited.pending.len()), (2, 0));
    let outcomes: Vec<_> = join_all(waited.done).into_iter().map(Result::ok).collect();
    assert_eq!(outcomes, [Some(1), None], "they keep their order");
    // Where none is what it waits for, it waits for all.
    let futures = (0..5).map(|n| pool.submit(Do::Echo(n)));
    assert_eq!(wait(futures, Until::FirstError).done.len(), 5);
}

pub fn wait_until_all_are_done(make: &Make) {
    let pool = make();
    let futures = (0..50).map(|n| pool.submit(if n % 7 == 0 { Do::Panic("a".into()) } else { Do::Echo(n) }));
    let waited = wait(futures, Until::AllDone);
    assert_eq!((waited.done.len(), waited.pending.len()), (50, 0));
    for (n, outcome) in (0..).zip(join_all(waited.done)) {
        assert_eq!(outcome.ok(), (n % 7 != 0).then_some(n));
    }
}

pub fn a_wait_with_a_limit_gives_all_futures_back(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let futures = one_pending_and(&pool, &rendezvous, Do::Echo(2));
    let waited = wait_timeout(futures, Until::AllDone, Duration::from_millis(1));
    assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
    drop(rendezvous);
    let rest = wait_timeout(waited.pending, Until::AllDone, Duration::MAX);
    assert_eq!((rest.done.len(), rest.pending.len()), (1, 0));
}

pub fn as_completed_gives_the_first_to_end_first(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let futures: Vec<_> =
        (0..pool.workers() as u64).map(|n| pool.submit(Do::Arrive(rendezvous.arrival(), n))).collect();
    let mut waiters = rendezvous.accept_all(pool.workers());
    waiters.sort_by_key(|waiter| std::cmp::Reverse(waiter.number()));
    let mut ended = as_completed(futures);
    assert_eq!(ended.len(), pool.workers());
    for waiter in waiters {
        let number = waiter.number();
        drop(waiter);
        let (index, outcome) = ended.next().unwrap();
        assert_eq!((index as u64, outcome.unwrap()), (number, number));
    }
    assert!(ended.next().is_none());
}

pub fn join_all_keeps_the_order(make: &Make) {
    let pool = make();
    let outcomes = join_all((0..100).map(|n| pool.submit(Do::Echo(n))));
    assert!(outcomes.into_iter().map(Result::unwrap).eq(0..100));
    let none = join_all(Vec::<Future<u64>>::new());
    assert!(none.is_empty());
}

pub fn try_join_all_stops_at_the_first_error_and_cancels_the_rest(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    assert!(try_join_all((0..20).map(|n| pool.submit(Do::Echo(n)))).unwrap().into_iter().eq(0..20));
    let waiters = pool.block(&rendezvous);
    let rest: Vec<_> = (0..5).map(|n| pool.submit(Do::Echo(n))).collect();
    let cancellers: Vec<_> = rest.iter().map(Future::canceller).collect();
    let error = try_join_all([Future::failed(JobError::cancelled())].into_iter().chain(rest)).unwrap_err();
    assert!(error.is_cancelled());
    // A second cancel is as true as the first; it would be true here without it too, so look at the jobs' end.
    drop(waiters);
    pool.shutdown(true);
    assert!(cancellers.iter().all(executor_core::Canceller::cancel), "they were cancelled before they could start");
}

pub fn a_set_grows_while_it_is_drained(make: &Make) {
    let pool = make();
    let mut set = JobSet::new();
    assert_eq!(set.insert(pool.submit(Do::Echo(6))), 0);
    let mut keys = Vec::new();
    while let Some((key, outcome)) = set.next() {
        keys.push(key);
        for child in outcome.unwrap().checked_sub(1).into_iter().flat_map(|n| [n, n]) {
            set.insert(pool.submit(Do::Echo(child)));
        }
    }
    assert!(set.is_empty() && set.next().is_none());
    keys.sort_unstable();
    assert!(keys.into_iter().eq(0..(1 << 7) - 1), "a tree of depth 6, each node once");
}

pub fn a_set_cancels_what_has_not_started(make: &Make) {
    let (pool, rendezvous) = (make(), Rendezvous::new());
    let waiters = pool.block(&rendezvous);
    let mut set = JobSet::new();
    for n in 0..10 {
        set.insert(pool.submit(Do::Echo(n)));
    }
    assert!(set.next_timeout(AT_ONCE).is_none());
    set.cancel_all();
    drop(waiters);
    let mut cancelled = 0;
    while let Some((_, outcome)) = set.next() {
        assert!(matches!(outcome, Err(JobError::Cancelled(_))));
        cancelled += 1;
    }
    assert_eq!(cancelled, 10);
}

//! Hooks on a pool's threads, and the handler for panics of jobs without a future. None of them can harm the pool.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, OnceLock, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use executor::{
    BuildError, ClosureExecutor, JobError, QueueLimit, ThreadHandle, ThreadPool, ThreadPoolBuilder, WhenFull, current,
};

use crate::support::bounds::{occupy, on_pools};
use crate::support::boxed;
use crate::support::within_patience;

on_pools!(
    each_thread_calls_each_hook_once,
    hooks_of_many_threads_run_at_the_same_time,
    panics_in_hooks_harm_nothing,
    the_panic_handler_hears_of_jobs_that_nobody_waits_for,
);

type Calls = Arc<Mutex<Vec<ThreadId>>>;

/// A pool whose hooks write down on which thread they are called.
fn listening(builder: ThreadPoolBuilder) -> (ThreadPoolBuilder, Calls, Calls) {
    let (starts, stops) = (Calls::default(), Calls::default());
    let note = |calls: &Calls| {
        let calls = calls.clone();
        move || calls.lock().unwrap().push(thread::current().id())
    };
    (builder.on_thread_start(note(&starts)).on_thread_stop(note(&stops)), starts, stops)
}

fn set_of(calls: &Calls) -> HashSet<ThreadId> {
    let calls = calls.lock().unwrap();
    let set: HashSet<_> = calls.iter().copied().collect();
    assert_eq!(set.len(), calls.len(), "a thread called it twice");
    set
}

fn each_thread_calls_each_hook_once(threads: usize) {
    let (builder, starts, stops) = listening(ThreadPool::builder().threads(threads));
    let pool = builder.build().unwrap();
    assert_eq!(set_of(&starts).len(), 0, "no thread starts before there is a job");
    // While all are blocked, spares come.
    let all_here = Arc::new(Barrier::new(2 * threads));
    let futures: Vec<_> = (0..2 * threads)
        .map(|_| {
            let (all_here, starts) = (all_here.clone(), starts.clone());
            pool.submit(boxed(move || {
                let me = thread::current().id();
                assert!(starts.lock().unwrap().contains(&me), "the hook comes before the job");
                let _blocked = current::block();
                all_here.wait();
                me
            }))
        })
        .collect();
    let workers: HashSet<_> = executor::join_all(futures).into_iter().map(Result::unwrap).collect();
    assert_eq!(workers.len(), 2 * threads);
    pool.shutdown(true);
    assert!(set_of(&starts).is_superset(&workers));
    assert_eq!(set_of(&stops), set_of(&starts));
}

fn hooks_of_many_threads_run_at_the_same_time(threads: usize) {
    let all_here = Arc::new(Barrier::new(threads));
    let start = all_here.clone();
    let hook = move || {
        start.wait();
    };
    let pool = ThreadPool::builder().threads(threads).on_thread_start(hook).build().unwrap();
    assert!(executor::join_all((0..threads).map(|_| pool.submit(boxed(|| ())))).iter().all(Result::is_ok));
}

fn panics_in_hooks_harm_nothing(threads: usize) {
    let (calls, count) = (Arc::new(AtomicUsize::new(0)), |calls: &Arc<AtomicUsize>| {
        let calls = calls.clone();
        move || {
            calls.fetch_add(1, Ordering::SeqCst);
            panic!("a hook");
        }
    });
    let pool = ThreadPool::builder()
        .threads(threads)
        .on_thread_start(count(&calls))
        .on_thread_stop(count(&calls))
        .initializer(|| 7_u32)
        .build()
        .unwrap();
    for _ in 0..100 {
        let here =
            pool.submit(boxed(|| (current::state::<u32>().map(|state| *state), current::worker_name().is_some())));
        assert_eq!(here.result().unwrap(), (Some(7), true));
    }
    pool.shutdown(true);
    let calls = calls.load(Ordering::SeqCst);
    assert!(calls > 0 && calls.is_multiple_of(2) && calls <= 2 * threads, "{calls}");
}

fn the_panic_handler_hears_of_jobs_that_nobody_waits_for(threads: usize) {
    let (panics, panicked) = mpsc::channel();
    let handler = move |panic: &executor::Panicked| {
        panics.send((panic.message().to_owned(), panic.place().is_some(), current::worker_name().is_some())).unwrap();
        panic!("the handler");
    };
    let queue = QueueLimit::bounded(1, WhenFull::CallerRuns);
    let pool = ThreadPool::builder().threads(threads).queue(queue).panic_handler(handler).build().unwrap();
    let told = |message: &str, on_worker| (message.to_owned(), true, on_worker);
    pool.execute(boxed(|| panic!("from the pool")));
    assert_eq!(panicked.recv().unwrap(), told("from the pool", true));
    pool.handle().execute(boxed(|| panic!("from its handle")));
    assert_eq!(panicked.recv().unwrap(), told("from its handle", true));

    let busy = occupy(&pool, threads);
    let waits = pool.submit(boxed(|| 7));
    pool.execute(boxed(|| panic!("in place")));
    assert_eq!(panicked.try_recv().unwrap(), told("in place", false));
    drop(busy);
    assert_eq!(waits.result().unwrap(), 7);

    // Somebody waits for these, or could have.
    assert!(matches!(pool.submit(boxed(|| panic!("awaited"))).result(), Err(JobError::Panicked(_))));
    drop(pool.submit(boxed(|| panic!("detached"))));
    drop(ClosureExecutor::map(&pool, 0..3, |n| panic!("{n}")).collect::<Vec<_>>());
    pool.execute(boxed(|| ()));
    pool.shutdown(true);
    pool.execute(boxed(|| ())); // is rejected
    drop(pool);
    assert!(panicked.recv().is_err(), "nothing else was told, and the handler goes with the pool");
}

#[test]
fn hooks_and_initializer_are_nested_in_each_other() {
    within_patience(|| {
        let (steps, taken) = mpsc::channel();
        let tell = |step: &'static str| {
            let steps = steps.clone();
            move || steps.send((step, current::state::<u32>().map(|state| *state), current::worker_name())).unwrap()
        };
        let (start, make, stop) = (tell("start"), tell("make"), tell("stop"));
        let pool = ThreadPool::builder()
            .threads(1)
            .name("nested")
            .on_thread_start(start)
            .initializer(move || {
                make();
                7_u32
            })
            .on_thread_stop(stop)
            .build()
            .unwrap();
        pool.submit(tell("job")).result().unwrap();
        pool.shutdown(true);
        let name = Some(Arc::from("nested-0"));
        let steps: Vec<_> = taken.try_iter().collect();
        let expected = [("start", None), ("make", None), ("job", Some(7)), ("stop", Some(7))];
        assert_eq!(steps, expected.map(|(step, state)| (step, state, name.clone())));
    });
}

#[test]
fn hooks_may_use_their_pool() {
    /// A pool of one thread whose hooks submit to it: the one for the start always, the one for the stop once.
    fn pool(queue: QueueLimit, keep_alive: Duration) -> (ThreadPool, mpsc::Receiver<Option<u32>>) {
        let handle = Arc::new(OnceLock::<ThreadHandle>::new());
        let (results, result) = mpsc::channel();
        let (on_start, on_stop) = (handle.clone(), handle.clone());
        let (from_start, from_stop, stops) = (results.clone(), results, AtomicUsize::new(0));
        let pool = ThreadPool::builder()
            .threads(1)
            .queue(queue)
            .keep_alive(keep_alive)
            .on_thread_start(move || {
                let future = on_start.wait().submit(boxed(|| 1));
                from_start.send(future.result().ok()).unwrap();
            })
            .on_thread_stop(move || {
                if stops.fetch_add(1, Ordering::SeqCst) == 0 {
                    let future = on_stop.wait().submit(boxed(|| 2));
                    assert!(future.wait_timeout(Duration::MAX));
                    from_stop.send(future.result().ok()).unwrap();
                    on_stop.wait().shutdown(true);
                }
            })
            .build()
            .unwrap();
        handle.set(pool.handle()).unwrap();
        assert_eq!(pool.submit(boxed(|| 0)).result().unwrap(), 0);
        (pool, result)
    }
    within_patience(|| {
        for queue in [QueueLimit::unbounded(), QueueLimit::bounded(1, WhenFull::Block)] {
            // A thread that stops for it is idle: another one runs its job.
            let (_pool, result) = pool(queue, Duration::from_millis(5));
            assert_eq!([(); 3].map(|()| result.recv().unwrap()), [Some(1), Some(1), Some(2)]);
            // One that stops for the pool is shut down.
            let (pool, result) = pool(queue, Duration::MAX);
            pool.shutdown(true);
            assert_eq!(result.try_iter().collect::<Vec<_>>(), [Some(1), None]);
        }
    });
}

#[test]
fn no_more_threads_stay_than_there_are() {
    let refusal = |builder: ThreadPoolBuilder| -> BuildError { builder.build().unwrap_err() };
    let error = refusal(ThreadPool::builder().threads(2).min_threads(3));
    assert_eq!(
        error.to_string(),
        "cannot build the pool: `min_threads` is 3, but must be at most `threads`, which is 2"
    );
    assert_eq!(error.name(), "min_threads");
    // In whatever order they are set.
    assert!(ThreadPool::builder().min_threads(3).threads(3).build().is_ok());
    let error = refusal(ThreadPool::builder().queue(QueueLimit::bounded(0, WhenFull::Reject)));
    assert_eq!(error.to_string(), "cannot build the pool: `queue` is 0, but must be at least 1");
    assert_eq!(error.name(), "queue");
}

#[cfg(target_os = "linux")]
mod keep_alive {
    use super::*;
    use crate::support::eventually;
    use crate::support::latch::run_together;
    use crate::support::system::{settle, tasks_named};

    const SHORT: Duration = Duration::from_millis(5);

    fn threads_that_stay(name: &'static str, min: usize) {
        within_patience(move || {
            let builder = ThreadPool::builder().threads(8).min_threads(min).keep_alive(SHORT).name(name);
            let (builder, starts, stops) = listening(builder);
            let pool = builder.build().unwrap();
            for round in 1..=5 {
                run_together(&pool, 8);
                eventually("the others have ended", || tasks_named(name).len() == min);
                let left = || set_of(&starts).len() - set_of(&stops).len();
                assert_eq!(left(), min, "round {round}");
                let stay = tasks_named(name);
                settle(&stay);
                assert_eq!(tasks_named(name), stay);
            }
            // Those that stay sleep: once they know that they do, they do not look at the clock.
            let stay = tasks_named(name);
            let counts = || {
                let end = Instant::now() + 20 * SHORT;
                while Instant::now() < end {
                    std::hint::spin_loop();
                }
                settle(&stay)
            };
            assert_eq!(counts(), counts());
            pool.shutdown(true);
            assert_eq!(set_of(&starts), set_of(&stops));
        });
    }

    #[test]
    fn no_thread_stays_unless_it_is_asked_for() {
        threads_that_stay("leave-", 0);
    }

    #[test]
    fn as_many_threads_stay_as_are_asked_for() {
        threads_that_stay("stay3-", 3);
        threads_that_stay("stay8-", 8);
    }

    #[test]
    fn threads_stay_as_long_as_they_are_told_to() {
        within_patience(|| {
            let stays = ThreadPool::builder().threads(1).keep_alive(Duration::MAX).name("long").build().unwrap();
            let leaves = ThreadPool::builder().threads(1).keep_alive(Duration::ZERO).name("short").build().unwrap();
            stays.submit(boxed(|| ())).result().unwrap();
            for _ in 0..20 {
                leaves.submit(boxed(|| ())).result().unwrap();
                eventually("the thread has ended", || tasks_named("short-").is_empty());
            }
            assert_eq!(tasks_named("long-").len(), 1);
        });
    }
}

//! Hangs of threads: each is named by a hint of the report.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use executor::{Event, JobOptions, Priority, QueueLimit, ThreadPool, WhenFull, current, promise};
use executor_testkit::ManualExecutor;

use super::{bystanders, expect_hint, named, pool, seeded};
use crate::support::boxed;
use crate::support::eventually;
use crate::support::latch::Latch;

#[test]
fn job_that_waits_for_a_lock_is_named() {
    seeded(|random| {
        let pool = pool(1);
        let _bystanders = bystanders(&pool, random);
        let lock = Arc::new(Mutex::new(()));
        let held = lock.lock().expect("it is new");
        let there = lock.clone();
        named(&pool, "locks").execute(boxed(move || {
            let _blocked = current::block();
            drop(there.lock());
        }));
        expect_hint(&pool, &["`locks`", "blocked in its own code"]);
        drop(held);
    });
}

#[test]
fn event_that_is_not_set_is_named() {
    seeded(|random| {
        let pool = pool(1);
        let _bystanders = bystanders(&pool, random);
        let event = Arc::new(Event::new());
        let there = event.clone();
        named(&pool, "waits for news").execute(boxed(move || there.wait()));
        expect_hint(&pool, &["`waits for news`", "an `Event` that is not set"]);
        event.set();
    });
}

#[test]
fn forgotten_promise_is_named() {
    seeded(|random| {
        let pool = pool(1);
        let _bystanders = bystanders(&pool, random);
        let (promise, future) = promise::<u32>();
        let waiter = named(&pool, "customer").submit(boxed(move || future.result()));
        expect_hint(&pool, &["`customer`", "the promise", &promise.id().to_string(), "not completed"]);
        assert!(promise.complete(7));
        assert_eq!(waiter.result().expect("it returns").expect("it was completed"), 7);
    });
}

#[test]
fn full_queue_with_waiting_submitters_is_named() {
    seeded(|random| {
        let queue = QueueLimit::bounded(2, WhenFull::Block);
        let pool = ThreadPool::builder().threads(1).queue(queue).measure(true).build().expect("a small pool");
        let (guard, latch) = Latch::closed();
        named(&pool, "stuck").execute(boxed(move || latch.wait()));
        let submitters = 1 + random.below(3);
        thread::scope(|scope| {
            for _ in 0..2 + submitters {
                scope.spawn(|| pool.execute(boxed(|| ())));
            }
            let full = format!("{submitters} submitters wait for room");
            eventually("all submitters have come", || pool.dump().queue.blocked_submitters == submitters);
            let dump = expect_hint(&pool, &["the queue is full (2 jobs)", &full]);
            assert_eq!(dump.other_threads.len(), submitters, "{dump}");
            expect_hint(&pool, &["every worker is busy (1 of 1)", "`stuck`"]);
            drop(guard);
        });
    });
}

#[test]
fn job_that_keeps_the_only_thread_is_named() {
    seeded(|random| {
        let pool = ThreadPool::builder().threads(1).measure(true).build().expect("a small pool");
        let (guard, latch) = Latch::closed();
        named(&pool, "greedy").execute(boxed(move || latch.wait()));
        let waiting = 1 + random.below(40);
        (0..waiting).for_each(|_| pool.execute(boxed(|| ())));
        let behind = format!("{waiting} jobs wait behind them");
        let dump = expect_hint(&pool, &["every worker is busy (1 of 1)", &behind, "`greedy`", "threads.rs:"]);
        assert!(dump.queue.oldest.iter().all(|job| job.queued_at.is_some() && job.description.is_some()), "{dump}");
        drop(guard);
    });
}

#[test]
fn low_job_behind_a_long_one_is_named() {
    seeded(|random| {
        let pool = ThreadPool::builder().threads(1).measure(true).build().expect("a small pool");
        let (guard, latch) = Latch::closed();
        named(&pool, "long").execute(boxed(move || latch.wait()));
        pool.with(JobOptions::new().name("humble").priority(Priority::Low)).execute(boxed(|| ()));
        (0..random.below(10)).for_each(|_| pool.execute(boxed(|| ())));
        let dump = expect_hint(&pool, &["every worker is busy", "`long`"]);
        assert_eq!(dump.queue.lanes[2], 1, "{dump}");
        let text = dump.to_string();
        assert!(text.lines().any(|line| line.contains("low: ") && line.contains("`humble`")), "{text}");
        drop(guard);
    });
}

#[test]
fn slow_initializer_of_a_thread_is_named() {
    seeded(|random| {
        let (guard, latch) = Latch::closed();
        let builder = ThreadPool::builder().threads(1 + random.below(3)).measure(true);
        let pool = builder.initializer(move || latch.wait()).build().expect("a small pool");
        pool.execute(boxed(|| ()));
        expect_hint(&pool, &["executor-0", "has been in the initializer"]);
        drop(guard);
    });
}

#[test]
fn slow_start_hook_of_a_thread_is_named() {
    seeded(|random| {
        let (guard, latch) = Latch::closed();
        let builder = ThreadPool::builder().threads(1 + random.below(3)).measure(true);
        let pool = builder.on_thread_start(move || latch.wait()).build().expect("a small pool");
        pool.execute(boxed(|| ()));
        expect_hint(&pool, &["executor-0", "in the function for its start"]);
        drop(guard);
    });
}

#[test]
fn delayed_job_far_away_is_named() {
    seeded(|random| {
        let pool = ThreadPool::builder().threads(1).measure(true).build().expect("a small pool");
        let hours = 1 + random.below(5);
        let delay = Duration::from_secs(3600 * hours as u64);
        let later: Vec<_> = (0..2).map(|more| pool.submit_after(delay * (1 + more), boxed(|| ()))).collect();
        expect_hint(&pool, &["only delayed jobs are left (2)", "the next is due in"]);
        let due = pool.dump().queue.next_due.expect("there is one");
        assert!(due > std::time::Instant::now() + delay / 2);
        assert!(later.iter().all(executor::Future::cancel));
    });
}

#[test]
fn scope_that_waits_is_named() {
    seeded(|random| {
        let pool = pool(2);
        let _bystanders = bystanders(&pool, random);
        let (guard, latch) = Latch::closed();
        let (handle, (started, starts)) = (pool.handle(), mpsc::channel());
        named(&pool, "divides").execute(boxed(move || {
            handle.scope(|scope| {
                drop(scope.submit(boxed(|| {
                    started.send(()).expect("the test waits");
                    latch.wait();
                })));
                starts.recv().expect("it starts");
            });
        }));
        expect_hint(&pool, &["`divides`", "for the jobs of its scope"]);
        drop(guard);
    });
}

#[test]
fn callback_that_blocks_is_named() {
    seeded(|random| {
        let pool = pool(1);
        let _bystanders = bystanders(&pool, random);
        let (guard, latch) = Latch::closed();
        let (go_on, waits) = mpsc::channel::<()>();
        let future = pool.submit(boxed(move || waits.recv().is_err()));
        let id = future.id().to_string();
        future.on_done(move |_| latch.wait());
        drop(go_on);
        expect_hint(&pool, &["the thread `executor-", "has run the callback of", &id]);
        drop(guard);
    });
}

#[test]
fn executor_that_no_thread_drives_is_named() {
    seeded(|random| {
        let manual = ManualExecutor::new();
        let waiting = 1 + random.below(5);
        let jobs: Vec<_> = (0..waiting).map(|_| manual.submit(boxed(|| ()))).collect();
        let undriven = format!("{waiting} jobs wait, and no thread drives this executor");
        expect_hint(&*manual, &[&undriven]);
        jobs.iter().for_each(executor::Future::wait);
    });
}

#[cfg(feature = "rayon")]
#[test]
fn jobs_that_keep_all_threads_of_rayon_are_named() {
    use executor::RayonPool;

    seeded(|random| {
        let pool = RayonPool::builder().threads(2).measure(true).build().expect("a small pool");
        let event = Arc::new(Event::new());
        for name in ["first", "second"] {
            let there = event.clone();
            named(&pool, name).execute(boxed(move || there.wait()));
        }
        let waiting = 1 + random.below(9);
        (0..waiting).for_each(|_| pool.execute(boxed(|| ())));
        let behind = format!("{waiting} jobs wait behind them");
        expect_hint(&pool, &["every worker is busy (2 of 2)", &behind]);
        let dump = expect_hint(&pool, &["`second`", "an `Event` that is not set"]);
        assert!(dump.to_string().starts_with("RayonPool `rayon`"), "{dump}");
        event.set();
    });
}

/// A pool that is not measured names what waits, by number, and says how to learn more.
#[test]
fn pool_that_is_not_measured_says_so() {
    let pool = ThreadPool::new(1);
    let event = Arc::new(Event::new());
    let there = event.clone();
    let job = pool.submit(boxed(move || there.wait()));
    let dump = expect_hint(&pool, &[&job.id().to_string(), "an `Event` that is not set"]);
    let text = dump.to_string();
    assert!(text.contains("set EXECUTOR_MEASURE=1") && dump.running().count() == 0, "{text}");
    event.set();
    job.wait();
}

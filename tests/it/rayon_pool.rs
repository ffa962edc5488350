//! Behaviour of the pool over rayon alone: its jobs compute in parallel on the pool's own threads, which are gone after
//! the shutdown, unless they are the user's.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use executor::{ClosureExecutor, JobError, RayonHandle, RayonPool, Shutdown, current};
use rayon::prelude::*;

use crate::support::boxed;
use crate::support::latch::{Latch, block};
use crate::support::{eventually, within_patience};

fn pool(threads: usize) -> RayonPool {
    RayonPool::new(threads).unwrap()
}

fn threads_of(threads: usize) -> Arc<rayon::ThreadPool> {
    Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap())
}

#[test]
fn a_job_computes_on_the_threads_of_its_own_pool() {
    within_patience(|| {
        let pool = pool(3);
        let (count, places) = pool
            .submit(boxed(|| {
                let place = |_| {
                    let thread = thread::current();
                    (thread.id(), thread.name().expect("a thread of the pool has a name").to_owned())
                };
                let places: HashSet<(ThreadId, String)> = (0..10_000).into_par_iter().map(place).collect();
                (rayon::current_num_threads(), places)
            }))
            .result()
            .unwrap();
        assert_eq!((count, pool.workers()), (3, 3));
        let mine: HashSet<ThreadId> = places.iter().map(|(id, _)| *id).collect();
        assert!((1..=3).contains(&mine.len()), "{places:?}");
        let names: HashSet<&str> = places.iter().map(|(_, name)| &**name).collect();
        assert!(names.is_subset(&HashSet::from(["rayon-0", "rayon-1", "rayon-2"])), "{names:?}");
    });
}

#[test]
fn many_jobs_compute_in_parallel_at_once() {
    within_patience(|| {
        let pool = pool(2);
        let sums = pool.map(0..200_u64, |n| (0..=n).into_par_iter().sum::<u64>());
        assert!(sums.map(Result::unwrap).eq((0..200).map(|n| n * (n + 1) / 2)));
    });
}

#[test]
fn a_panic_in_a_parallel_part_costs_its_job_only() {
    within_patience(|| {
        let pool = pool(2);
        let error =
            pool.submit(boxed(|| (0..100).into_par_iter().for_each(|n| assert_ne!(n, 50)))).result().unwrap_err();
        assert!(matches!(error, JobError::Panicked(_)), "{error:?}");
        assert_eq!(pool.submit(boxed(|| 1)).result().unwrap(), 1);
    });
}

/// Panics wherever it is dropped, and so does what it panics with.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        std::panic::panic_any("a drop that panics");
    }
}

#[test]
fn panics_in_callbacks_and_drops_harm_no_other_job() {
    within_patience(|| {
        for threads in [1, 2] {
            for pool in [pool(threads), RayonPool::over(threads_of(threads))] {
                pool.submit(boxed(|| ())).on_done(|_| panic!("in a callback"));
                drop(pool.submit(boxed(|| Bomb))); // its result is dropped by the worker, or here
                drop(pool.submit(boxed(|| panic!("in a job"))));
                let hold = block(&pool);
                let bomb = Bomb;
                assert!(pool.submit(boxed(move || drop(bomb))).cancel());
                drop(hold);
                assert!((0..50).all(|n| pool.submit(boxed(move || n)).result().unwrap() == n));
                pool.shutdown(true);
            }
        }
    });
}

#[test]
fn a_job_that_submits_its_successor_lets_others_in() {
    fn go_on(handle: &RayonHandle, stop: &Arc<AtomicBool>) {
        if !stop.load(Ordering::SeqCst) {
            let (next, stop) = (handle.clone(), stop.clone());
            handle.execute(boxed(move || go_on(&next, &stop)));
        }
    }
    within_patience(|| {
        let (pool, stop) = (pool(1), Arc::new(AtomicBool::new(false)));
        go_on(&pool.handle(), &stop);
        for n in 0..100 {
            assert_eq!(pool.submit(boxed(move || n)).result().unwrap(), n, "it has its turn");
        }
        stop.store(true, Ordering::SeqCst);
    });
}

#[test]
fn jobs_submitted_inside_a_job_start_in_submit_order() {
    within_patience(|| {
        let (pool, order) = (pool(1), Arc::new(Mutex::new(Vec::new())));
        let handle = pool.handle();
        let (mine, outer) = (order.clone(), order.clone());
        let submits = pool.submit(boxed(move || {
            for n in 0..500 {
                let order = mine.clone();
                handle.execute(boxed(move || order.lock().unwrap().push(n)));
            }
        }));
        submits.result().unwrap();
        pool.shutdown(true);
        assert!(outer.lock().unwrap().iter().copied().eq(0..500));
    });
}

#[test]
fn a_pool_may_be_dropped_in_its_own_job() {
    within_patience(|| {
        for pool in [pool(1), pool(2), RayonPool::over(threads_of(1))] {
            let pool = Arc::new(pool);
            let (mine, owner) = (pool.clone(), pool.clone());
            let (go, gone) = mpsc::channel::<()>();
            let future = mine.submit(boxed(move || {
                gone.recv().unwrap_or_default(); // until the job has the last reference
                // With a job that is not due: the drop must not wait for that either.
                let later = owner.submit_after(Duration::from_secs(3600), boxed(|| ()));
                drop(owner);
                later
            }));
            let last = mine.submit(boxed(|| 8));
            drop((pool, mine, go));
            assert!(future.result().unwrap().cancel());
            assert_eq!(last.result().unwrap(), 8);
        }
    });
}

#[test]
fn shutdown_in_a_parallel_part_of_a_job_does_not_wait() {
    within_patience(|| {
        for pool in [pool(1), pool(2), RayonPool::over(threads_of(2))] {
            let handle = pool.handle();
            let future = pool.submit(boxed(move || (0..100).into_par_iter().for_each(|_| handle.shutdown(true))));
            assert!(future.result().is_ok());
            pool.shutdown(true);
        }
    });
}

#[test]
fn spawned_tasks_may_end_the_pool() {
    within_patience(|| {
        let pool = pool(2);
        let handle = pool.handle();
        let (hold, latch) = Latch::closed();
        let (ended, end) = mpsc::channel();
        let spawns = pool.submit(boxed(move || {
            rayon::spawn(move || {
                latch.wait();
                handle.shutdown(true); // would join its own thread
                ended.send(()).unwrap();
            });
        }));
        assert!(spawns.result().is_ok());
        pool.shutdown(false); // no job is left, so rayon's pool is let go
        drop(hold);
        end.recv().unwrap();
        pool.shutdown(true);
    });
}

#[test]
fn a_job_of_one_pool_may_shut_another_down_and_wait() {
    within_patience(|| {
        let (pool, other) = (pool(1), pool(1));
        let slow = other.submit(thread::yield_now);
        let is_done = pool.submit(boxed(move || {
            other.shutdown(true);
            slow.is_done()
        }));
        assert!(is_done.result().unwrap(), "a shutdown from a foreign job waits");
    });
}

#[test]
fn a_pool_of_the_users_outlives_the_one_over_it() {
    within_patience(|| {
        let shared = threads_of(2);
        let pool = RayonPool::over(shared.clone());
        assert_eq!(pool.workers(), 2);
        let (inside, name) =
            pool.submit(boxed(|| (rayon::current_num_threads(), current::worker_name()))).result().unwrap();
        assert_eq!((inside, name.as_deref().map(|name| &name[..6])), (2, Some("rayon-")));
        let futures: Vec<_> = (0..100).map(|n| pool.submit(boxed(move || n))).collect();
        pool.shutdown(true);
        assert!(futures.iter().all(executor::Future::is_done));
        assert!(pool.submit(boxed(|| ())).result().is_err());
        assert_eq!(shared.install(current::worker_name), None, "its threads are workers in our jobs only");
        eventually("the pool is let go", || Arc::strong_count(&shared) == 1);
        drop(pool);
        assert_eq!(shared.install(rayon::current_num_threads), 2);
    });
}

#[test]
fn a_shutdown_waits_for_its_own_jobs_only() {
    within_patience(|| {
        let shared = threads_of(2);
        let (first, second) = (RayonPool::over(shared.clone()), RayonPool::over(shared));
        let (hold, latch) = Latch::closed();
        let blocked = second.submit(boxed(move || latch.wait()));
        let mine = first.submit(boxed(|| 1));
        first.shutdown(true);
        assert!(mine.is_done() && !blocked.is_done());
        drop(hold);
        assert!(blocked.result().is_ok());
    });
}

#[test]
fn a_pool_of_the_users_keeps_the_names_of_its_threads() {
    within_patience(|| {
        let named =
            rayon::ThreadPoolBuilder::new().num_threads(1).thread_name(|n| format!("mine-{n}")).build().unwrap();
        let name = RayonPool::over(named).submit(current::worker_name).result().unwrap();
        assert_eq!(name.as_deref(), Some("mine-0"));
    });
}

#[test]
fn a_handle_does_not_keep_the_pool_alive() {
    within_patience(|| {
        let pool = pool(1);
        let handle = pool.handle();
        let kept = Arc::new(AtomicUsize::new(0));
        let captured = kept.clone();
        drop(pool.submit(boxed(move || captured.fetch_add(1, Ordering::SeqCst))));
        drop(pool);
        assert_eq!(Arc::strong_count(&kept), 1, "the job is gone, and has run");
        assert_eq!(kept.load(Ordering::SeqCst), 1);
        let refused = handle.try_submit(boxed(|| 3)).unwrap_err();
        assert_eq!(refused.into_job()(), 3);
        assert!(handle.submit_after(Duration::ZERO, boxed(|| ())).result().is_err());
        handle.shutdown(true);
        assert_eq!(handle.handle().workers(), 1);
    });
}

#[test]
fn threads_are_one_to_what_rayon_can_have() {
    let most = rayon::max_num_threads().min(65_536);
    for threads in [0, most + 1, 65_537, usize::MAX] {
        let error = RayonPool::new(threads).expect_err("such a pool cannot be");
        let text = format!("cannot build the pool: `threads` is {threads}, but must be from 1 to {most}");
        assert_eq!((error.to_string(), error.name()), (text, "threads"));
    }
}

#[test]
fn the_default_size_is_rayons() {
    let expected = rayon::ThreadPoolBuilder::new().build().unwrap().current_num_threads();
    assert_eq!(RayonPool::default().workers(), expected);
    assert_eq!(RayonPool::default_size().unwrap().workers(), expected);
}

/// Generic code takes it as any executor of closures.
#[test]
fn it_is_an_executor_of_closures() {
    fn sum_of_squares<E: ClosureExecutor>(pool: &E) -> u64 {
        pool.map(1..=10_u64, |n| n * n).map(Result::unwrap).sum()
    }
    fn end(pool: &impl Shutdown) {
        pool.shutdown(true);
    }
    within_patience(|| {
        let pool = pool(2);
        assert_eq!(sum_of_squares(&pool), 385);
        assert_eq!(sum_of_squares(&pool.handle()), 385);
        end(&pool);
    });
}

#[cfg(target_os = "linux")]
mod on_linux {
    use std::sync::Barrier;

    use super::*;
    use crate::support::alone;
    use crate::support::system::tasks_named;

    /// How many threads of rayon pools there are, timers included.
    fn count() -> usize {
        tasks_named("rayon-").len()
    }

    fn busy(threads: usize) -> RayonPool {
        let (pool, all_here) = (pool(threads), Arc::new(Barrier::new(threads)));
        let wait = || {
            let all_here = all_here.clone();
            move || all_here.wait().is_leader()
        };
        assert!(executor::join_all((0..threads).map(|_| pool.submit(wait()))).iter().all(Result::is_ok));
        drop(pool.submit_after(Duration::ZERO, boxed(|| ()))); // and the timer's
        // A thread gets its name when it runs.
        eventually("all threads are there", || count() == threads + 1);
        pool
    }

    #[test]
    fn no_thread_is_left_after_a_shutdown_or_a_drop() {
        alone(no_thread_is_left_after_a_shutdown_or_a_drop, || {
            let shut = busy(4);
            shut.shutdown(true);
            // The kernel may list a joined thread a moment longer.
            eventually("the threads are gone after the shutdown", || count() == 0);
            drop(busy(4));
            eventually("the threads are gone after the drop", || count() == 0);
            let later = busy(4);
            later.shutdown(false);
            eventually("the threads go after a shutdown without wait", || count() == 0);
        });
    }

    #[test]
    fn shutdown_waits_for_thread_local_drops() {
        /// Slow to go: a shutdown that did not join would return before.
        struct Left(Arc<AtomicUsize>);
        impl Drop for Left {
            fn drop(&mut self) {
                (0..1000).for_each(|_| thread::yield_now());
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        thread_local! {
            static LEFT: std::cell::RefCell<Option<Left>> = const { std::cell::RefCell::new(None) };
        }
        within_patience(|| {
            for _ in 0..50 {
                let (pool, dropped) = (pool(2), Arc::new(AtomicUsize::new(0)));
                let left = Left(dropped.clone());
                pool.submit(boxed(move || LEFT.set(Some(left)))).result().unwrap();
                pool.shutdown(true);
                assert_eq!(dropped.load(Ordering::SeqCst), 1, "a thread is left");
            }
        });
    }
}

//! Several pools over the same threads of rayon's.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use executor::{Future, RayonHandle, RayonPool, ShutdownPolicy, ThreadPool, current};

use crate::support::boxed;
use crate::support::within_patience;

/// Two pools over one thread.
fn two() -> (RayonPool, RayonPool) {
    let threads = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
    (RayonPool::over(threads.clone()), RayonPool::over(threads))
}

/// A job that waits for another one of its pool.
fn nested(pool: &RayonHandle) -> u32 {
    pool.submit(boxed(|| 7)).result().unwrap()
}

#[test]
fn jobs_inside_another_pools_job_wait_for_their_own() {
    within_patience(|| {
        let (first, second) = two();
        let there = second.handle();
        let (tell, told) = mpsc::channel();
        first.execute(boxed(move || {
            let inner = there.clone();
            let future = there.submit(boxed(move || nested(&inner)));
            // As a parallel part does that waits for others.
            while !future.is_done() {
                rayon::yield_now();
            }
            tell.send(future.result().unwrap()).unwrap();
        }));
        assert_eq!(told.recv(), Ok(7));
    });
}

#[test]
fn a_job_waits_for_one_of_another_pool_over_its_threads() {
    within_patience(|| {
        let (first, second) = two();
        let (here, there) = (first.handle(), second.handle());
        let outcome = first.submit(boxed(move || {
            there.submit(boxed(move || here.submit(boxed(|| 7)).result().unwrap())).result().unwrap()
        }));
        assert_eq!(outcome.result().unwrap(), 7);
        assert_eq!((first.stats().completed, second.stats().completed), (2, 1));
    });
}

/// A job of the first pool waits for one of the second, which runs in place until it is told to go on, and says whether it was asked to stop.
fn held_in_place(first: &RayonPool, second: &RayonPool) -> (Future<bool>, mpsc::Sender<()>) {
    let there = second.handle();
    let (go_on, held) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let outcome = first.submit(boxed(move || {
        let inner = there.submit(boxed(move || {
            tell.send(()).unwrap();
            held.recv().unwrap();
            current::stop_requested()
        }));
        inner.result().unwrap()
    }));
    told.recv().unwrap();
    (outcome, go_on)
}

#[test]
fn shutdown_waits_for_jobs_in_place() {
    within_patience(|| {
        let (first, second) = two();
        let (outcome, go_on) = held_in_place(&first, &second);
        assert_eq!((first.stats().running, second.stats().running), (1, 1));
        let closed = second.closed();
        second.shutdown(false);
        assert!(!second.wait_idle_timeout(Duration::ZERO) && !closed.is_done());
        go_on.send(()).unwrap();
        closed.result().unwrap();
        assert!(!outcome.result().unwrap());
        assert_eq!((second.stats().completed, second.stats().running), (1, 0));
    });
}

#[test]
fn kill_reaches_jobs_in_place() {
    within_patience(|| {
        let (first, second) = two();
        let (outcome, go_on) = held_in_place(&first, &second);
        let report = second.shutdown_with(ShutdownPolicy::kill().within(Duration::ZERO));
        assert_eq!(report.still_running, 1);
        go_on.send(()).unwrap();
        assert!(outcome.result().unwrap(), "the job was not asked to stop");
        assert!(first.submit(boxed(|| ())).result().is_ok());
    });
}

/// The thread of a `ThreadPool` is made one of rayon's: it is a worker of both.
#[test]
fn a_rayon_job_on_another_pools_worker_waits_for_jobs_of_both() {
    within_patience(|| {
        let pool = ThreadPool::builder().threads(1).name("outer").build().unwrap();
        let handle = pool.handle();
        let outcome = pool.submit(boxed(move || {
            let threads = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().unwrap();
            let rayon = RayonPool::over(threads);
            let inner = rayon.handle();
            let future = rayon.submit(boxed(move || {
                // In place: the pool starts no other thread for it.
                let outside = handle.submit(current::worker_name).result().unwrap();
                (nested(&inner), outside, current::worker_name())
            }));
            while !future.is_done() {
                rayon::yield_now();
            }
            let name = current::worker_name();
            (future.result().unwrap(), name)
        }));
        let name = Some("outer-0".into());
        assert_eq!(outcome.result().unwrap(), ((7, name.clone(), name.clone()), name));
    });
}

#[test]
fn parallel_parts_ask_the_context_of_their_job() {
    within_patience(|| {
        let pool = RayonPool::new(2).unwrap();
        let (canceller, given) = mpsc::channel::<executor::Canceller>();
        let job = pool.submit(boxed(move || {
            let context = current::context();
            let look = || (context.stop_requested(), context.run(|| (current::id(), current::stop_requested())));
            let before = rayon::broadcast(|_| look());
            assert!(given.recv().unwrap().abort());
            (current::id(), before, rayon::broadcast(|_| look()))
        }));
        canceller.send(job.canceller()).unwrap();
        let (id, before, after) = job.result().unwrap();
        assert_eq!((before, after), (vec![(false, (id, false)); 2], vec![(true, (id, true)); 2]));
    });
}

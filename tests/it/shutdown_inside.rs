//! Inside of what runs on a pool's thread, a shutdown never waits; inside of another pool's, it does.

use std::sync::{Arc, mpsc};

use executor::ThreadPool;

use crate::support::boxed;
use crate::support::within_patience;

#[test]
fn a_pool_may_be_dropped_in_its_own_job() {
    within_patience(|| {
        let pool = Arc::new(ThreadPool::new(2));
        let (mine, owner) = (pool.clone(), pool.clone());
        let (go, gone) = mpsc::channel::<()>();
        let future = mine.submit(boxed(move || {
            gone.recv().unwrap_or_default(); // until the job has the last reference
            drop(owner);
            7
        }));
        let last = mine.submit(boxed(|| 8));
        drop((pool, mine, go));
        assert_eq!(future.result().unwrap(), 7);
        assert_eq!(last.result().unwrap(), 8);
    });
}

#[test]
fn a_job_of_one_pool_may_shut_another_down_and_wait() {
    within_patience(|| {
        let (pool, other) = (ThreadPool::new(1), ThreadPool::new(1));
        let slow = other.submit(std::thread::yield_now);
        let is_done = pool.submit(boxed(move || {
            other.shutdown(true);
            slow.is_done()
        }));
        assert!(is_done.result().unwrap(), "a shutdown from a foreign job waits");
    });
}

#[test]
fn a_state_may_shut_its_pool_down_when_it_is_dropped() {
    struct Closer(executor::ThreadHandle);
    impl Drop for Closer {
        fn drop(&mut self) {
            self.0.shutdown(true);
        }
    }
    within_patience(|| {
        let (handles, given) = mpsc::channel::<executor::ThreadHandle>();
        let given = std::sync::Mutex::new(given);
        let make = move || Closer(given.lock().unwrap().recv().unwrap());
        let pool = ThreadPool::builder().threads(1).initializer(make).build().unwrap();
        handles.send(pool.handle()).unwrap();
        assert!(pool.submit(boxed(|| ())).result().is_ok());
        pool.shutdown(true);
    });
}

//! Runners that are lent to threads that wait.

use shuttle::thread;

use super::super::lending::tests::{Adder, submit};
use super::*;

/// Two threads submit and wait, one of them not for each job, while another one closes the scheduler or waits until it is idle.
#[test]
fn every_job_is_run_once_by_worker_or_waiter() {
    for workers in [1, 2] {
        check(move || {
            let scheduler = Owned::new(patient(workers), |_| Adder::default());
            let handle = scheduler.handle();
            let other = thread::spawn(move || {
                let first = submit(&handle, 10);
                assert_eq!(submit(&handle, 20).result().unwrap(), 21);
                assert_eq!(first.result().unwrap(), 11);
            });
            for number in 0..3 {
                assert_eq!(submit(&scheduler, number).result().unwrap(), number + 1);
            }
            let detached = submit(&scheduler, 30);
            assert!(scheduler.wait_idle(None));
            assert!(detached.is_done());
            other.join().unwrap();
            scheduler.shutdown(true);
        });
    }
}

/// A shutdown comes while the runner is lent, or the job is held.
#[test]
fn shutdown_waits_for_lent_runners() {
    check(|| {
        let (config, alive) = counted(patient(1));
        let scheduler = Owned::new(config, |_| Adder::default());
        let handle = scheduler.handle();
        assert_eq!(submit(&handle, 1).result().unwrap(), 2);
        let future = submit(&handle, 2);
        let closer = thread::spawn(move || handle.shutdown(true));
        assert_eq!(future.result().unwrap(), 3);
        closer.join().unwrap();
        assert_eq!(alive.get(), 0);
    });
}

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use executor_core::{ClosureExecutor, Executor, Future, JobError, Rejection, Shutdown};

use super::{Chaos, ChaosBuilder, Trouble};
use crate::ManualExecutor;

const JOBS: u64 = 400;

fn all_trouble(seed: u64) -> ChaosBuilder {
    let some = Chaos::builder().seed(seed).delay(0.1, Duration::from_secs(1)).reorder(0.1).cancel(0.1).reject(0.1);
    some.time_out(0.1).break_down(0.1).crash(0.1).panic(0.1)
}

/// How each job ended, and whether it ran.
fn run(chaos: &Chaos<ManualExecutor>) -> Vec<(Result<u64, JobError>, bool)> {
    let ran = Arc::new((0..JOBS).map(|_| AtomicUsize::new(0)).collect::<Vec<_>>());
    let futures: Vec<Future<u64>> = (0..JOBS)
        .map(|n| {
            let ran = ran.clone();
            ClosureExecutor::submit(chaos, move || {
                ran[usize::try_from(n).unwrap()].fetch_add(1, Ordering::SeqCst);
                n
            })
        })
        .collect();
    chaos.shutdown(true);
    let ended = |(n, future): (usize, Future<u64>)| {
        let runs = ran[n].load(Ordering::SeqCst);
        assert!(runs <= 1, "job {n} ran {runs} times");
        (future.try_result().expect("a shutdown leaves no job without an outcome"), runs == 1)
    };
    futures.into_iter().enumerate().map(ended).collect()
}

#[test]
fn each_job_ends_as_the_log_says() {
    for seed in 0..20 {
        let chaos = all_trouble(seed).around(ManualExecutor::seeded(seed));
        let outcomes = run(&chaos);
        let log: BTreeMap<_, _> = chaos.log().into_iter().map(|deed| (deed.job, deed.trouble)).collect();
        for (n, (outcome, ran)) in (0..).zip(outcomes) {
            let trouble = log.get(&n).copied();
            let is_so = match trouble {
                None | Some(Trouble::Delayed(_) | Trouble::Reordered) => matches!(outcome, Ok(m) if m == n) && ran,
                Some(Trouble::Cancelled) => matches!(outcome, Err(JobError::Cancelled(_))) && !ran,
                Some(Trouble::Rejected) => {
                    matches!(&outcome, Err(error) if error.rejection() == Some(Rejection::Full)) && !ran
                }
                Some(Trouble::TimedOut { ran: did }) => matches!(outcome, Err(JobError::TimedOut(_))) && ran == did,
                Some(Trouble::Broken) => matches!(outcome, Err(JobError::Broken(_))) && !ran,
                Some(Trouble::Crashed { ran: did }) => matches!(outcome, Err(JobError::Crashed(_))) && ran == did,
                Some(Trouble::Panicked) => matches!(outcome, Err(JobError::Panicked(_))) && !ran,
            };
            assert!(is_so, "seed {seed}, job {n}: {trouble:?}, {outcome:?}, ran: {ran}");
        }
        assert_eq!(chaos.submitted(), JOBS);
        assert!((200..380).contains(&log.len()), "eight of ten jobs have trouble: {}", log.len());
    }
}

#[test]
fn a_seed_makes_the_same_trouble_again() {
    let log = |seed| {
        let chaos = all_trouble(seed).around(ManualExecutor::seeded(1));
        drop(run(&chaos));
        chaos.log()
    };
    assert_eq!(log(3), log(3));
    assert_ne!(log(3), log(4));
}

#[test]
fn without_a_share_there_is_no_trouble() {
    let chaos = Chaos::builder().seed(3).around(ManualExecutor::new());
    assert!(run(&chaos).into_iter().all(|(outcome, ran)| outcome.is_ok() && ran));
    assert!(chaos.log().is_empty());
}

#[test]
fn a_job_that_is_to_fail_can_be_cancelled_before() {
    let chaos = Chaos::builder().crash(1.0).around(ManualExecutor::new());
    let captured = Arc::new(());
    let held = captured.clone();
    let future = ClosureExecutor::submit(&chaos, move || drop(held));
    assert!(future.cancel() && future.is_cancelled());
    assert_eq!(Arc::strong_count(&captured), 1, "what it captured is gone");
    chaos.get_ref().run_until_idle();
    assert!(chaos.log().is_empty());
}

#[test]
fn a_refused_job_comes_back_and_after_a_shutdown_there_is_one_reason() {
    let chaos = Chaos::builder().reject(1.0).around(ManualExecutor::new());
    let rejected = chaos.try_submit(|| 7).unwrap_err();
    assert_eq!((rejected.reason(), rejected.into_job()()), (Rejection::Full, 7));
    chaos.shutdown(true);
    assert_eq!(chaos.try_submit(|| 7).unwrap_err().reason(), Rejection::Shutdown);
    for builder in [Chaos::builder().crash(1.0), Chaos::builder().delay(1.0, Duration::from_secs(1))] {
        let chaos = builder.around(ManualExecutor::new());
        chaos.get_ref().shutdown(true);
        let rejected = chaos.try_submit(|| 8).unwrap_err();
        assert_eq!((rejected.reason(), rejected.into_job()()), (Rejection::Shutdown, 8));
    }
}

#[test]
fn jobs_of_one_worker_start_in_order() {
    let chaos = Chaos::builder().seed(5).delay(0.3, Duration::from_secs(9)).reorder(0.3).around(ManualExecutor::new());
    let order = Arc::new(parking_lot::Mutex::new(Vec::new()));
    for n in 0..100 {
        let order = order.clone();
        drop(ClosureExecutor::submit(&chaos, move || order.lock().push(n)));
    }
    chaos.shutdown(true);
    assert!(order.lock().iter().copied().eq(0..100));
    assert!(chaos.log().is_empty(), "none was late");
}

#[test]
#[should_panic(expected = "shares of the jobs are from 0 to 1, and no more than 1 together")]
fn shares_are_no_more_than_all() {
    drop(Chaos::builder().cancel(0.7).reject(0.7).around(ManualExecutor::new()));
}

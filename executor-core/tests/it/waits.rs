//! `wait`, for each [`Until`]: it returns when the jobs are as far, and not before.

use std::thread;
use std::time::Duration;

use executor_core::{Future, JobError, Until, Waited, wait, wait_timeout};
use proptest::prelude::*;

use crate::sets::{Promised, ends};
use crate::support::{Fate, is_outcome, within_patience};

fn untils() -> impl Strategy<Value = Until> {
    prop_oneof![Just(Until::FirstDone), Just(Until::FirstOk), Just(Until::FirstError), Just(Until::AllDone)]
}

/// How many of the jobs, in the order of their ends, must have ended.
fn needed(until: Until, ends: &[(usize, Fate)]) -> usize {
    let first = |is_it: fn(Fate) -> bool| ends.iter().position(|(_, fate)| is_it(*fate)).map(|at| at + 1);
    let first = match until {
        Until::FirstDone => first(|_| true),
        Until::FirstOk => first(|fate| fate == Fate::Ok),
        Until::FirstError => first(|fate| fate != Fate::Ok),
        Until::AllDone => None,
    };
    first.unwrap_or(ends.len())
}

fn ids(futures: &[Future<usize>]) -> Vec<u64> {
    futures.iter().map(|future| future.id().get()).collect()
}

/// Checks that the futures came back in their order, by whether they are among `ended`, with their outcomes.
fn check(waited: Waited<usize>, ids_before: &[u64], ended: &[(usize, Fate)]) -> Result<(), TestCaseError> {
    let fate_of = |n: usize| ended.iter().find(|(index, _)| *index == n).map(|(_, fate)| *fate);
    let (mut done, mut pending) = (Vec::new(), Vec::new());
    for (n, id) in ids_before.iter().enumerate() {
        if fate_of(n).is_some() { done.push(*id) } else { pending.push(*id) }
    }
    prop_assert_eq!(ids(&waited.done), done);
    prop_assert_eq!(ids(&waited.pending), pending);
    prop_assert!(waited.pending.iter().all(|future| !future.is_done()));
    for future in waited.done {
        let n = ids_before.iter().position(|id| *id == future.id().get()).unwrap();
        let outcome: Result<usize, JobError> = future.try_result().unwrap();
        prop_assert!(is_outcome(&outcome, n, fate_of(n).unwrap()), "{}: {:?}", n, outcome);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// No more jobs end than are needed, so a wait for one more would hang.
    #[test]
    fn a_wait_returns_with_the_end_that_it_waits_for(ends in ends(8), until in untils(), early in 0..9_usize) {
        let ended = ends[..needed(until, &ends)].to_vec();
        let given = ended.clone();
        let n = ends.len();
        let (waited, ids_before, _promised) = within_patience(move || {
            let (mut promised, futures) = Promised::new(n);
            let ids_before = ids(&futures);
            let (before, later) = given.split_at(early.min(given.len()));
            promised.end(before);
            let later = later.to_vec();
            let ender = thread::spawn(move || {
                promised.end(&later);
                promised
            });
            (wait(futures, until), ids_before, ender.join().unwrap())
        });
        check(waited, &ids_before, &ended)?;
    }

    #[test]
    fn a_wait_whose_time_is_over_gives_what_has_ended(ends in ends(8), until in untils(), early in 0..9_usize) {
        let ended = &ends[..early.min(ends.len())];
        let (mut promised, futures) = Promised::new(ends.len());
        let ids_before = ids(&futures);
        promised.end(ended);
        check(wait_timeout(futures, until, Duration::ZERO), &ids_before, ended)?;
    }
}

//! How late a time limit is kept.

use std::time::{Duration, Instant};

use executor_core::{JobError, JobOptions, call};

use super::jobs::nap;
use super::{Contender, Ours, warm};
use crate::rounds::Entrant;

/// From the submit of a job that would run for long to its error, beyond the limit. In milliseconds.
fn late(limit: Duration, wait: impl FnOnce()) -> f64 {
    let started = Instant::now();
    wait();
    let elapsed = started.elapsed();
    let late = elapsed.checked_sub(limit).expect("the time is up");
    late.as_secs_f64() * 1e3
}

/// Python's pools have no such thing. procspawn's caller stops waiting, and may then kill.
pub(super) fn entrants(milliseconds: u64) -> Vec<Entrant<'static>> {
    let limit = Duration::from_millis(milliseconds);
    let pool = warm::<Ours>(1);
    let ours = move || {
        pool.with(|pool| {
            // The one before was killed: a worker is there, and has nothing to do.
            pool.warm(1);
            let view = pool.0.with(JobOptions::new().timeout(limit));
            late(limit, || {
                let outcome = view.submit(call(nap, ((),))).result();
                assert!(matches!(outcome, Err(JobError::TimedOut(_))), "{outcome:?} is no timeout");
            })
        })
    };
    let procspawn = move || {
        let mut handle = procspawn::spawn((), nap);
        late(limit, || {
            let outcome = handle.join_timeout(limit);
            assert!(outcome.is_err_and(|error| error.is_timeout()), "this is no timeout");
            handle.kill().expect("it can be killed");
        })
    };
    vec![Entrant::new(Ours::NAME, ours), Entrant::new("procspawn join_timeout", procspawn)]
}

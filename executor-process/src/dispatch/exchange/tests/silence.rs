//! Workers that neither answer nor end: stopped, or with words on the page that are not so.

use std::thread;
use std::time::Duration;

use executor_core::{Future, JobError};

use super::stage::{Part, Stage};
use super::{do_it, silent};
use crate::protocol::message::Reply;
use crate::protocol::status_page::Claim;

const LIMIT: Duration = Duration::from_millis(20);

fn outcome(future: Future<u64>) -> Result<u64, JobError> {
    future.result_timeout(Duration::from_secs(60)).expect("the parent waits for a silent worker")
}

fn assert_replaced(stage: &Stage) {
    assert_eq!(outcome(stage.submit(6)).unwrap(), 6, "another worker");
    stage.assert_first_is_killed();
}

/// The claims that a worker may have written for its job.
const WORDS: [Option<Claim>; 6] =
    [None, Some(Claim::Started), Some(Claim::Done), Some(Claim::Revoked), Some(Claim::Aborted), Some(Claim::TimedOut)];

fn forge(part: &Part, slot: usize, job: u64, word: Option<Claim>) {
    if let Some(claim) = word {
        part.page.scribble(&[(3 * slot, job << 3 | claim as u64)]);
    }
}

#[test]
fn time_limit_kills_whatever_the_word() {
    for word in WORDS {
        let stage = silent(move |part, slot, job| forge(part, slot, job, word));
        let outcome = outcome(stage.submit_for(LIMIT, 5));
        assert!(matches!(outcome, Err(JobError::TimedOut(_))), "{word:?}: {outcome:?}");
        assert_replaced(&stage);
    }
    let stage = silent(|part, slot, _| part.page.scribble(&[(3 * slot, u64::MAX)]));
    assert!(matches!(outcome(stage.submit_for(LIMIT, 5)), Err(JobError::TimedOut(_))));
    assert_replaced(&stage);
}

#[test]
fn abort_ends_job_whatever_the_word() {
    for word in WORDS {
        let stage = silent(move |part, slot, job| forge(part, slot, job, word));
        let future = stage.submit(5);
        assert!(stage.first_has_a_job());
        future.abort();
        let outcome = outcome(future);
        assert!(matches!(&outcome, Err(JobError::Cancelled(_) | JobError::Broken(_))), "{word:?}: {outcome:?}");
        assert_replaced(&stage);
    }
}

#[test]
fn cancelled_job_frees_a_silent_worker() {
    let stage = silent(|_, _, _| {});
    let future = stage.submit(5);
    assert!(stage.first_has_a_job() && future.cancel());
    assert!(future.result().unwrap_err().is_cancelled());
    assert_replaced(&stage);
}

#[test]
fn answer_on_the_page_survives_its_time_limit() {
    let stage = silent(|part, slot, job| {
        assert!(part.page.start(slot, job));
        let answer = super::answer(5).short().expect("it has no descriptors");
        part.page.write_answer(slot, 0, &answer).expect("there is room");
        assert!(part.page.change(slot, job, Claim::Started, Claim::Done));
    });
    // Long enough for the worker to have answered by then.
    assert_eq!(outcome(stage.submit_for(25 * LIMIT, 5)).unwrap(), 5);
    assert_replaced(&stage);
}

#[test]
fn answer_without_an_end_costs_the_worker() {
    for limit in [None, Some(LIMIT)] {
        let stage = silent(|part, slot, job| {
            do_it(part, slot, job);
            part.say(super::reply(slot, job, 5));
        });
        let future = limit.map_or_else(|| stage.submit(5), |limit| stage.submit_for(limit, 5));
        let outcome = outcome(future);
        assert!(matches!(outcome, Ok(5)) || limit.is_some(), "{outcome:?}");
        assert_replaced(&stage);
    }
}

#[test]
fn chatter_without_an_end_costs_the_worker() {
    let stage = silent(|part, slot, job| {
        do_it(part, slot, job);
        part.say(super::reply(slot, job, 5));
        while part.say(Reply::Progress) {
            thread::yield_now();
        }
    });
    assert_eq!(outcome(stage.submit(5)).unwrap(), 5);
    assert_replaced(&stage);
}

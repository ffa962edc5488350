//! Workers that lie about the ends of jobs: those that have a time limit, and those that have none.

use std::thread;
use std::time::Duration;

use executor_core::{Future, JobError};

use super::stage::{Part, Played, Stage};
use super::{do_it, reply};
use crate::protocol::message::Reply;
use crate::protocol::status_page::Claim;

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

/// One whose first worker plays like this, and is killed for it or dies of it.
fn stage(play: impl Fn(&Part, usize, u64) + Send + Sync + 'static) -> Stage {
    Stage::new(move |part, jobs| {
        if !part.is_first {
            return Played::Honestly;
        }
        let (slot, job) = jobs[0];
        play(part, slot, job);
        Played::Waits
    })
}

fn outcome(future: Future<u64>) -> Result<u64, JobError> {
    future.result_timeout(Duration::from_secs(60)).expect("the job is left to its time")
}

#[test]
fn an_answer_after_its_time_is_not_heard() {
    let stage = stage(|part, slot, job| {
        assert!(part.page.start(slot, job));
        while part.page.look(slot, job) != Some(Claim::TimedOut) {
            thread::yield_now();
        }
        part.say(reply(slot, job, 5));
        part.say(Reply::Done);
    });
    let future = stage.submit_for(Duration::from_millis(20), 5);
    assert!(matches!(outcome(future), Err(JobError::TimedOut(_))));
    assert_eq!(stage.submit(6).result().unwrap(), 6);
    stage.assert_first_is_killed();
}

#[test]
fn an_end_that_nobody_asked_for_is_told_at_once() {
    let claims = [(Claim::Sent, Claim::Revoked), (Claim::Started, Claim::TimedOut), (Claim::Started, Claim::Aborted)];
    for (from, to) in claims {
        for dies in [false, true] {
            for limit in [None, Some(LONG)] {
                let stage = stage(move |part, slot, job| {
                    if from == Claim::Started {
                        assert!(part.page.start(slot, job));
                    }
                    assert!(part.page.change(slot, job, from, to));
                    if dies {
                        part.die();
                    } else {
                        part.say(Reply::Done);
                    }
                });
                let future = limit.map_or_else(|| stage.submit(5), |limit| stage.submit_for(limit, 5));
                let said = match outcome(future) {
                    Err(JobError::Broken(broken)) => broken.to_string(),
                    other => panic!("{to:?}, {dies}, {limit:?}: {other:?}"),
                };
                assert!(said.contains(" that was not"), "{to:?}, {dies}, {limit:?}: {said}");
                assert_eq!(stage.submit(6).result().unwrap(), 6);
            }
        }
    }
}

/// The page has the answer, and then the messages do, which count for nothing.
#[test]
fn an_answer_on_the_page_and_others_in_messages_are_one() {
    let stage = Stage::new(|part, jobs| {
        let (slot, job) = jobs[0];
        assert!(part.page.start(slot, job));
        let answer = super::answer(5).short().expect("it has no descriptors");
        part.page.write_answer(slot, 0, &answer).expect("there is room");
        assert!(part.page.change(slot, job, Claim::Started, Claim::Done));
        for _ in 0..3 {
            part.say(Reply::Progress);
        }
        part.say(reply(slot, job, 6));
        part.say(reply(slot, job, 7));
        Played::Waits
    });
    assert_eq!(outcome(stage.submit(5)).unwrap(), 5);
    stage.assert_first_is_killed();
}

#[test]
fn a_done_that_is_too_many_costs_the_next_job_of_that_worker_alone() {
    let stage = stage(|part, slot, job| {
        do_it(part, slot, job);
        part.say(reply(slot, job, 5));
        part.say(Reply::Done);
        part.say(Reply::Done);
    });
    assert_eq!(outcome(stage.submit(5)).unwrap(), 5);
    let next = outcome(stage.submit(6));
    assert!(matches!(&next, Ok(6) | Err(JobError::Broken(_))), "{next:?}");
    assert_eq!(outcome(stage.submit(7)).unwrap(), 7);
    stage.assert_first_is_killed();
}

/// A worker that is killed lives on for a moment, and may start a job that is being taken back from it.
#[test]
fn job_started_while_taken_back_ends() {
    for spins in (0..400).map(|round| round * 25) {
        let stage = stage(move |part, slot, job| {
            part.say(Reply::Done);
            (0..spins).for_each(|_| std::hint::spin_loop());
            part.page.start(slot, job);
        });
        let outcome = outcome(stage.submit(5));
        assert!(matches!(&outcome, Ok(5) | Err(JobError::Broken(_))), "{outcome:?}");
        stage.assert_first_is_killed();
    }
}

//! Workers that break the protocol: each costs the jobs that it was sent, and no others.

mod cancels;
mod floods;
mod notices;
#[cfg(feature = "log")]
mod records;
mod silence;
mod stage;
mod times;

use std::time::Duration;

use executor_core::{Future, JobError};
use proptest::prelude::*;

use self::stage::{Part, Played, Stage};
use crate::dispatch::settings::TRIES;
use crate::ipc::codec::Step;
use crate::ipc::payload::{Announced, Body, Data};
use crate::protocol::answer::Answer;
use crate::protocol::message::Reply;
use crate::protocol::status_page::Claim;

fn answer(number: u64) -> Answer<Body> {
    let bytes = postcard::to_stdvec(&number).unwrap();
    Answer::Done(Body { data: Data::Inline(bytes.into()), packet: None })
}

fn reply(slot: usize, job: u64, number: u64) -> Reply {
    Reply::Answer { slot, job, answer: answer(number) }
}

/// The job's word goes to `Done`, as an honest worker's does.
fn do_it(part: &Part, slot: usize, job: u64) {
    assert!(part.page.start(slot, job) && part.page.change(slot, job, Claim::Started, Claim::Done));
}

/// One whose first worker is silent from where `play` has left it.
fn silent(play: impl Fn(&Part, usize, u64) + Send + Sync + 'static) -> Stage {
    Stage::new(move |part, jobs| {
        if part.is_first {
            let (slot, job) = jobs[0];
            play(part, slot, job);
            Played::Waits
        } else {
            Played::Honestly
        }
    })
}

/// The error of the one job of a worker that plays like this; the worker is killed, and the next one does its jobs.
fn ends_as(play: impl Fn(&Part, usize, u64) + Send + Sync + 'static) -> String {
    let stage = silent(play);
    let outcome = stage.submit(5).result_timeout(Duration::from_secs(30)).expect("the parent hangs");
    assert_eq!(stage.submit(6).result().unwrap(), 6, "another worker");
    stage.assert_first_is_killed();
    match outcome {
        Err(JobError::Broken(broken)) => broken.to_string(),
        other => panic!("not broken: {other:?}"),
    }
}

const UNREAD: &str = "broke the protocol and was killed: ";

#[test]
fn a_done_that_is_too_early_is_an_end_of_the_worker() {
    let text = ends_as(|part, slot, job| {
        part.page.start(slot, job);
        part.say(Reply::Done);
    });
    assert!(
        text.contains(UNREAD) && text.contains("it reported the batch as done while jobs were unfinished"),
        "{text}"
    );
}

#[test]
fn a_done_without_an_answer_is_no_answer() {
    let text = ends_as(|part, slot, job| {
        do_it(part, slot, job);
        part.say(Reply::Done);
    });
    assert!(text.contains("it reported the batch as done while jobs were unfinished"), "{text}");
}

#[test]
fn an_answer_of_a_job_that_runs_is_none() {
    let text = ends_as(|part, slot, job| {
        assert!(part.page.start(slot, job));
        part.say(reply(slot, job, 5));
        part.say(Reply::Done);
    });
    assert!(text.contains("it reported the batch as done while jobs were unfinished"), "{text}");
}

#[test]
fn an_answer_of_a_job_that_has_not_started_is_none() {
    let stage = Stage::new(|part, jobs| {
        let (slot, job) = jobs[0];
        if !part.is_first {
            return Played::Honestly;
        }
        part.say(reply(slot, job, 7));
        part.say(Reply::Done);
        Played::Waits
    });
    assert_eq!(stage.submit(5).result().unwrap(), 5, "the next worker's");
    stage.assert_first_is_killed();
}

#[test]
fn a_job_that_no_worker_begins_is_given_up() {
    let stage = Stage::new(|part, _| {
        part.die();
        Played::Waits
    });
    let outcome = stage.submit(5).result_timeout(Duration::from_secs(30)).expect("it is tried for ever");
    let text = outcome.unwrap_err().to_string();
    assert!(text.contains("in 4 attempts: it was killed by SIGKILL before it started the job"), "{text}");
}

/// A chunk keeps its count of workers that had no room for it, and goes on with its next item.
#[test]
fn crash_of_another_job_is_no_failed_start() {
    // On a busy machine, the jobs may be taken back before the first of them starts.
    assert!((0..100).any(|_| first_of_the_jobs_has_crashed()));
}

/// False if the jobs were taken back from the worker that would die of the first.
fn first_of_the_jobs_has_crashed() -> bool {
    let (submitted, all_submitted) = std::sync::mpsc::channel::<()>();
    let all_submitted = std::sync::Mutex::new(all_submitted);
    let stage = Stage::new(move |part, jobs| {
        if let &[(slot, job), _, ..] = jobs
            && part.is_first
            && part.page.start(slot, job)
        {
            part.die();
            return Played::Waits;
        }
        // The first job holds the worker until the others wait behind it. The channel is closed by then.
        all_submitted.lock().unwrap().recv().unwrap_err();
        Played::Honestly
    });
    let first = stage.submit(0);
    assert!(stage.first_has_a_job());
    let behind: Vec<_> = (1..4).map(|number| stage.submit_after_failures(TRIES, number)).collect();
    drop(submitted);
    assert_eq!(first.result().unwrap(), 0);
    let mut outcomes = behind.into_iter().map(Future::result);
    let outcome = outcomes.next().expect("three were submitted");
    assert_eq!(outcomes.collect::<Result<Vec<_>, _>>().unwrap(), [2, 3]);
    match outcome {
        Ok(number) => {
            assert_eq!(number, 1);
            false
        }
        Err(error) => {
            assert!(matches!(error, JobError::Crashed(_)), "{error}");
            true
        }
    }
}

#[test]
fn failure_of_the_serving_thread_ends_all_jobs() {
    // On a busy machine, the jobs may be taken back before the first of them starts.
    assert!((0..100).any(|_| serving_thread_has_failed()));
}

/// False if the jobs were taken back from the worker whose answer would make the thread fail.
fn serving_thread_has_failed() -> bool {
    let (submitted, all_submitted) = std::sync::mpsc::channel::<()>();
    let all_submitted = std::sync::Mutex::new(all_submitted);
    let stage = Stage::new(move |part, jobs| {
        if let &[(slot, job), _, _, ..] = jobs
            && part.is_first
            && part.page.start(slot, job)
        {
            assert!(part.page.change(slot, job, Claim::Started, Claim::Done));
            let answer = Answer::Codec { step: Step::DecodeResult, cause: String::new() };
            part.say(Reply::Answer { slot, job, answer });
            return Played::Waits;
        }
        all_submitted.lock().unwrap().recv().unwrap_err();
        Played::Honestly
    });
    let first = stage.submit(0);
    assert!(stage.first_has_a_job());
    let behind: Vec<_> = (1..4).map(|number| stage.submit_with_faulty_type(number)).collect();
    drop(submitted);
    assert_eq!(first.result().unwrap(), 0);
    let outcomes: Vec<_> = behind
        .into_iter()
        .map(|future| future.result_timeout(Duration::from_secs(30)).expect("the job is lost"))
        .collect();
    // Each was in hand when the thread failed, or was taken back and run.
    for (outcome, number) in outcomes.iter().zip(1..) {
        match outcome {
            Ok(n) => assert_eq!(*n, number),
            Err(error) => assert!(error.to_string().contains("please report it"), "{error}"),
        }
    }
    outcomes[0].is_err()
}

#[test]
fn a_wrong_job_number_and_a_wrong_slot_are_no_answer() {
    for (more_slot, more_job) in [(0, 1), (1, 0), (63, 0), (usize::MAX / 2, 7)] {
        let text = ends_as(move |part, slot, job| {
            do_it(part, slot, job);
            part.say(reply(slot + more_slot, job + more_job, 5));
        });
        assert!(text.contains(UNREAD) && text.contains("it answered another request"), "{text}");
    }
}

#[test]
fn an_answer_of_another_stage_is_none() {
    for ready in [true, false] {
        let text = ends_as(move |part, slot, job| {
            part.page.start(slot, job);
            part.say(if ready { Reply::Ready } else { Reply::NotReady("no".into()) });
        });
        assert!(text.contains("it answered another request"), "{text}");
    }
}

#[test]
fn garbage_and_half_a_reply_are_no_answer() {
    let plays: [fn(&Part); 3] =
        [|part| part.say_raw(vec![0xff_u8; 100]), |part| part.say_raw(2_u8), |part| part.say_raw((2_u8, 0_u8, 1_u8))];
    for play in plays {
        let text = ends_as(move |part, slot, job| {
            part.page.start(slot, job);
            play(part);
        });
        assert!(text.contains(UNREAD), "{text}");
    }
}

#[test]
fn descriptors_that_are_named_and_not_sent_are_no_answer() {
    let text = ends_as(|part, slot, job| {
        do_it(part, slot, job);
        let body = Body { data: Data::Inline(vec![5].into()), packet: Some(Announced { number: 3, handles: 2 }) };
        part.say(Reply::Answer { slot, job, answer: Answer::Done(body) });
    });
    assert!(text.contains("packet 3 of file descriptors"), "{text}");
}

#[test]
fn outcomes_of_items_are_no_answer_of_a_job() {
    let stage = Stage::new(|part, jobs| {
        let (slot, job) = jobs[0];
        do_it(part, slot, job);
        part.say(Reply::Answer { slot, job, answer: Answer::Items });
        part.say(Reply::Done);
        Played::Waits
    });
    let error = stage.submit(5).result().unwrap_err().to_string();
    assert!(error.contains("answered a single job like a chunk"), "{error}");
}

#[test]
fn a_second_answer_costs_the_worker_and_no_job() {
    let stage = Stage::new(|part, jobs| {
        let (slot, job) = jobs[0];
        do_it(part, slot, job);
        part.say(reply(slot, job, 5));
        part.say(reply(slot, job, 6));
        Played::Waits
    });
    assert_eq!(stage.submit(5).result().unwrap(), 5, "the first one counts");
    stage.assert_first_is_killed();
}

#[test]
fn a_flood_is_no_more_than_its_first_wrong_word() {
    let stage = Stage::new(|part, jobs| {
        if !part.is_first {
            return Played::Honestly;
        }
        let (slot, job) = jobs[0];
        do_it(part, slot, job);
        // More than a socket holds, and few enough for a busy machine to read them within the answer limit.
        for _ in 0..2_000 {
            if !part.say(Reply::Progress) {
                break;
            }
        }
        part.say(reply(slot, job, 5));
        part.say(Reply::Done);
        Played::Waits
    });
    match stage.submit(5).result() {
        Ok(number) => assert_eq!(number, 5),
        // On a busy machine, the flood may take longer than an answer may.
        Err(error) => assert!(error.to_string().contains("it sent no answer within 1 s"), "{error}"),
    }
}

#[test]
fn one_that_never_reads_nor_says_anything_is_ended_by_its_time() {
    let stage = Stage::new(|part, _| if part.is_first { Played::Waits } else { Played::Honestly });
    let futures: Vec<_> = (0..2000).map(|n| stage.submit(n)).collect();
    assert!(stage.first_has_a_job(), "submitting did not wait for it");
    stage.kill_first();
    for (number, future) in (0..).zip(futures) {
        assert_eq!(future.result().unwrap(), number, "it had not begun any of them");
    }
}

#[test]
fn an_answer_after_an_abort_is_not_heard() {
    let (told, tell) = std::sync::mpsc::channel::<()>();
    let tell = std::sync::Mutex::new(tell);
    let stage = Stage::new(move |part, jobs| {
        if !part.is_first {
            return Played::Honestly;
        }
        let (slot, job) = jobs[0];
        part.page.start(slot, job);
        tell.lock().unwrap().recv().unwrap();
        part.say(reply(slot, job, 5));
        part.say(Reply::Done);
        Played::Waits
    });
    let future = stage.submit(5);
    while !future.is_running() || !future.abort() {
        std::thread::yield_now();
    }
    told.send(()).unwrap();
    assert!(matches!(future.result(), Err(JobError::Cancelled(_))));
}

#[test]
fn a_codec_error_is_the_jobs_own() {
    let stage = Stage::new(|part, jobs| {
        let (slot, job) = jobs[0];
        do_it(part, slot, job);
        let answer = Answer::Codec { step: Step::DecodeResult, cause: "\u{0}".repeat(1000) };
        part.say(Reply::Answer { slot, job, answer });
        part.say(Reply::Done);
        Played::Waits
    });
    assert!(matches!(stage.submit(5).result(), Err(JobError::Codec(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Each job has an outcome, and the next worker is as good as any.
    #[test]
    fn whatever_is_on_the_page_is_survived(
        words in prop::collection::vec((0_usize..520, any::<u64>()), 0..40),
        claim in any::<u64>(),
        place in any::<u64>(),
    ) {
        let stage = Stage::new(move |part, jobs| {
            if !part.is_first {
                return Played::Honestly;
            }
            let (slot, job) = jobs[0];
            part.page.scribble(&words);
            part.page.scribble(&[(slot * 3, job << 3 | (claim & 7)), (slot * 3 + 1, place)]);
            part.say(Reply::Done);
            Played::Waits
        });
        let outcome = stage.submit(5).result_timeout(Duration::from_secs(30));
        prop_assert!(outcome.is_ok(), "the parent hangs");
        prop_assert_eq!(stage.submit(6).result().unwrap(), 6);
    }
}

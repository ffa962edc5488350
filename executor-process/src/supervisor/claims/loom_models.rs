//! The words of the page, in every order of the accesses of a worker and its parent. Each reads values as old as the orderings allow.

use std::sync::Arc;

use executor_core::JobId;
use executor_core::cell::{Abort, Dispatch};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::{model, thread};

use super::{Claims, Ended, Kill};
use crate::protocol::status_page::{Claim, Page};

/// Counts the kills.
#[derive(Default)]
struct Kills(AtomicUsize);

impl Kill for Kills {
    fn kill(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The claims of a worker that was sent one job.
fn claims() -> (Arc<Claims>, JobId, Arc<Kills>) {
    let kills = Arc::<Kills>::default();
    let (claims, job) = (Claims::new(Page::modelled(), kills.clone()), JobId::from_number(7));
    claims.send(0, job);
    (claims, job, kills)
}

/// Plays the worker. Returns whether it started the job, and whether it ended it.
fn work(page: &Page, job: JobId) -> (bool, bool) {
    let starts = page.start(0, job.get());
    (starts, starts && page.change(0, job.get(), Claim::Started, Claim::Done))
}

#[test]
fn a_job_is_done_revoked_aborted_or_timed_out() {
    model(|| {
        let (claims, job, kills) = claims();
        let (worker, timer) = (claims.clone(), claims.clone());
        let worker = thread::spawn(move || work(&worker.page, job));
        let timer = thread::spawn(move || timer.time_out(job));
        // As `abort` of a job does it.
        let revoked = claims.revoke(job);
        let aborted = !revoked && claims.abort(job);
        let (starts, ends) = worker.join().unwrap();
        let timed_out = timer.join().unwrap();
        let is_timed_out = matches!(timed_out, Ended::Sent | Ended::Started);
        let outcomes = [ends, revoked, aborted, is_timed_out];
        assert_eq!(outcomes.into_iter().filter(|it| *it).count(), 1, "{outcomes:?}");
        assert_eq!(starts, !revoked && timed_out != Ended::Sent, "{outcomes:?}");
        assert_eq!(kills.0.load(Ordering::Relaxed), usize::from(aborted), "it kills for that job alone");
        assert!(!matches!(claims.page.look(0, job.get()), Some(Claim::Sent | Claim::Started)));
    });
}

#[test]
fn next_job_is_not_mistaken_for_revoked() {
    model(|| {
        let (claims, job, _) = claims();
        let (worker, next) = (claims.clone(), JobId::from_number(8));
        // A message with the first, and then one with the other.
        let worker = thread::spawn(move || [work(&worker.page, job), work(&worker.page, next)]);
        let revoked = claims.revoke(job);
        if revoked {
            claims.send(0, next);
        }
        let [(first, _), (second, _)] = worker.join().unwrap();
        assert!(first != revoked && (revoked || !second));
    });
}

#[test]
fn the_answer_is_there_when_the_job_is_done() {
    const ANSWER: [u8; 12] = *b"twelve bytes";
    model(|| {
        let (claims, job, _) = claims();
        let worker = claims.clone();
        let worker = thread::spawn(move || {
            let page = &worker.page;
            assert!(page.start(0, job.get()));
            page.time(0).store(99, Ordering::Relaxed);
            assert_eq!(page.write_answer(0, 1, &ANSWER), Some(3));
            assert!(page.change(0, job.get(), Claim::Started, Claim::Done));
        });
        let page = &claims.page;
        if page.look(0, job.get()) == Some(Claim::Done) {
            assert_eq!(page.answer(0).as_deref(), Some(&ANSWER[..]));
            assert_eq!(page.time(0).load(Ordering::Relaxed), 99);
        }
        worker.join().unwrap();
    });
}

#[test]
fn an_answer_that_grows_is_whole_whenever_it_is_read_and_no_earlier_jobs() {
    model(|| {
        let (claims, earlier, _) = claims();
        assert_eq!(work(&claims.page, earlier), (true, true));
        assert!(claims.page.growing(0, 0).push(b"of the earlier job"));
        let job = JobId::from_number(8);
        claims.send(0, job);
        let worker = claims.clone();
        let worker = thread::spawn(move || {
            assert!(worker.page.start(0, job.get()));
            let mut growing = worker.page.growing(0, 0);
            assert!(growing.push(b"three") && growing.push(b" parts"));
        });
        if claims.has_started(job) {
            let answer = claims.page.answer(0);
            let whole: [Option<&[u8]>; 3] = [None, Some(b"three"), Some(b"three parts")];
            assert!(whole.contains(&answer.as_deref()), "{answer:?}");
        }
        worker.join().unwrap();
    });
}

//! Requests and ends on the page, and workers that lie there.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use executor_core::{Future, JobError};

use super::ends_as;
use super::stage::{Played, Stage};
use crate::protocol::message::Reply;
use crate::protocol::status_page::Page;

/// A pool whose first worker says that it looks for the next request on its page, and never does. It has done one job.
fn stage() -> (Stage, Arc<Page>) {
    let (tell, pages): (_, Receiver<Arc<Page>>) = channel();
    let stage = Stage::new(move |part, _| {
        if part.is_first {
            part.page.request().watch();
            tell.send(Arc::clone(&part.page)).expect("it is waited for");
        }
        Played::Honestly
    });
    assert_eq!(stage.submit(1).result().unwrap(), 1);
    (stage, pages.recv().unwrap())
}

/// Returns when the request is on the page.
fn post(page: &Page, submit: impl FnOnce() -> Future<u64>) -> Future<u64> {
    let future = submit();
    while page.request().has_room(0) {
        thread::yield_now();
    }
    future
}

#[test]
fn posted_job_of_a_dead_worker_is_run_by_the_next() {
    let (stage, page) = stage();
    let future = post(&page, || stage.submit(2));
    stage.kill_first();
    assert_eq!(future.result().unwrap(), 2);
}

#[test]
fn posted_job_is_ended_by_its_time() {
    let (stage, page) = stage();
    let future = post(&page, || stage.submit_for(Duration::from_millis(20), 2));
    assert!(matches!(future.result(), Err(JobError::TimedOut(_))));
    stage.assert_first_is_killed();
    assert_eq!(stage.submit(3).result().unwrap(), 3);
}

#[test]
fn cancel_of_a_posted_job_ends_a_deaf_worker() {
    let (stage, page) = stage();
    let future = post(&page, || stage.submit(2));
    assert!(future.cancel());
    assert!(stage.first_is_gone_within(Duration::from_secs(30)));
    assert_eq!(stage.submit(3).result().unwrap(), 3);
}

#[test]
fn posted_end_that_is_too_early_is_an_end_of_the_worker() {
    let text = ends_as(|part, slot, job| {
        assert!(part.page.start(slot, job));
        if !part.page.end().post(&[]) {
            // The parent has fallen asleep.
            part.say(Reply::Done);
        }
    });
    assert!(text.contains("it reported the batch as done while jobs were unfinished"), "{text}");
}

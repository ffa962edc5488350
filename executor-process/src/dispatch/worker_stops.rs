//! Tests that a worker stops if its running job was aborted, and skips jobs that were revoked.

use std::time::Duration;

use executor_core::{Exit, PortableJob, call};

use crate::dispatch::job::EncodedJob;
use crate::dispatch::job_type::JobType;
use crate::ipc::channel::Receiver;
use crate::ipc::channel::Sender;
use crate::ipc::channel::channel;
use crate::ipc::codec::Codec;
use crate::protocol::message::{JobMessage, Reply, Request};
use crate::protocol::status_page::Claim;
use crate::supervisor::reply_receiver::Received;
use crate::supervisor::start::{Worker, WorkerSettings};

/// Says that it has begun, and waits until it may end.
fn wait(begun: Sender<()>, may_end: Receiver<()>) {
    begun.send(()).unwrap();
    may_end.recv().unwrap();
}

fn short() {}

fn sent<J: PortableJob>(worker: &Worker, slot: usize, job: J) -> JobMessage {
    let number = slot as u64 + 7;
    worker.claims.page.send(slot, number);
    let encoded = EncodedJob::new(
        JobType::of::<J>(),
        Codec::Postcard.encode(&job.wire(&crate::worker::remake::Remaker)).expect("it can be encoded"),
    );
    encoded.pack(&worker.payloads, slot, number).ok().expect("it is in this program")
}

/// A worker that was sent five jobs, of the numbers 7 to 11, and runs the first until it is told to go on.
fn in_the_first_of_five() -> (Worker, Sender<()>) {
    let worker = Worker::start(&WorkerSettings::plain(), "worker", |_| true).expect("this program can start workers");
    let ((begun, has_begun), (go_on, may_end)) = (channel().unwrap(), channel().unwrap());
    let first = sent(&worker, 0, call(wait, (begun, may_end)));
    let others = (1..5).map(|slot| sent(&worker, slot, call(short, ())));
    let message = [first].into_iter().chain(others).collect();
    worker.begin(Request::Run(message));
    has_begun.recv_timeout(Duration::from_secs(60)).expect("it begins");
    (worker, go_on)
}

/// The first job's word goes where a parent may move it, which then would kill the worker; here it does not, so that only the worker can
/// keep from going on.
#[test]
fn a_worker_whose_job_was_aborted_comes_to_no_other() {
    for claim in [Claim::Aborted, Claim::TimedOut] {
        let (worker, go_on) = in_the_first_of_five();
        let page = &worker.claims.page;
        assert!(page.change(0, 7, Claim::Started, claim));
        go_on.send(()).unwrap();
        let heard = worker.receive(Some(Duration::from_secs(60)));
        assert!(matches!(heard, Received::Closed), "it goes on");
        assert_eq!(worker.process.wait(), Some(Exit::Code(0)), "it ends by itself");
        assert_eq!(page.look(0, 7), Some(claim));
        for slot in 1..5 {
            assert_eq!(page.look(slot, slot as u64 + 7), Some(Claim::Sent), "it has not been begun");
        }
    }
}

#[test]
fn a_worker_skips_what_was_revoked() {
    let (worker, go_on) = in_the_first_of_five();
    let page = &worker.claims.page;
    assert!(page.change(2, 9, Claim::Sent, Claim::Revoked) && page.change(4, 11, Claim::Sent, Claim::Revoked));
    go_on.send(()).unwrap();
    let done = |slot, job| page.look(slot, job) == Some(Claim::Done);
    while !matches!(worker.receive(None), Received::Reply(Reply::Done)) {}
    assert!(done(0, 7) && done(1, 8) && done(3, 10));
    assert_eq!([page.look(2, 9), page.look(4, 11)], [Some(Claim::Revoked); 2]);
}

//! Workers that send more than anybody asked for: it stays with the kernel, which has bounds, or is the end of the worker.

use std::io::{PipeWriter, Read, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use executor_core::JobError;
use ipc_channel::ipc;

use super::stage::{Part, Played, Stage};
use super::{do_it, reply};
use crate::ipc::socket::{self, Wait};
use crate::protocol::message::{Reply, Request};
use crate::protocol::status_page::Page;
use crate::supervisor::child::{Child, Pids};
use crate::supervisor::claims::Kill;
use crate::supervisor::lifeline::Lifeline;
use crate::supervisor::reply_receiver::{Received, ReplyReceiver};
use crate::supervisor::start::Worker;
use crate::transport::ParentEnd;

/// Sends packets with a copy of `descriptor` until there is no room for more, or `most` are sent.
fn send_packets(part: &Part, most: usize, bytes: &[u8], descriptor: &PipeWriter) -> usize {
    let send = || socket::send(&part.socket, bytes, &[], &[descriptor.as_fd()], Wait::No);
    (0..most).take_while(|_| send().is_ok()).count()
}

/// The number and the slot of a packet, in bytes.
fn head(number: u64, slot: u8) -> Vec<u8> {
    [&number.to_le_bytes()[..], &[slot]].concat()
}

#[test]
fn packets_that_nobody_asked_for_cost_nothing_and_are_closed_in_the_end() {
    let (mut closed, descriptor) = pipe().unwrap();
    let stage = Stage::new(move |part, jobs| {
        let (slot, job) = jobs[0];
        for number in 0..50 {
            // Some as if they were memory to be kept.
            let slot = if number % 2 == 0 { u8::MAX } else { 2 };
            assert_eq!(send_packets(part, 1, &head(number, slot), &descriptor), 1);
        }
        do_it(part, slot, job);
        part.say(reply(slot, job, 5));
        part.say(Reply::Done);
        Played::Waits
    });
    assert_eq!(stage.submit(5).result().unwrap(), 5);
    drop(stage);
    let mut rest = Vec::new();
    closed.read_to_end(&mut rest).expect("nobody holds the other end");
}

#[test]
fn packets_without_end_or_form_are_the_end_of_the_worker() {
    let heads: [Vec<u8>; 4] = [head(u64::MAX, 0), head(1, u8::MAX), vec![7; 8], vec![7; 1000]];
    for head in heads {
        let (mut closed, descriptor) = pipe().unwrap();
        let stage = Stage::new(move |part, jobs| {
            if !part.is_first {
                return Played::Honestly;
            }
            let (slot, job) = jobs[0];
            let sent = send_packets(part, 100_000, &head, &descriptor);
            assert!(sent < 100_000, "the kernel has bounds");
            do_it(part, slot, job);
            let data = crate::ipc::payload::Data::Inline(vec![5].into());
            let packet = Some(crate::ipc::payload::Announced { number: 3, handles: 2 });
            let answer = crate::protocol::answer::Answer::Done(crate::ipc::payload::Body { data, packet });
            part.say(Reply::Answer { slot, job, answer });
            Played::Waits
        });
        let said = match stage.submit(5).result() {
            Err(JobError::Broken(broken)) => broken.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(said.contains("descriptors"), "{said}");
        assert_eq!(stage.submit(6).result().unwrap(), 6);
        stage.assert_first_is_killed();
        drop(stage);
        closed.read_to_end(&mut Vec::new()).expect("nobody holds the other end");
    }
}

/// No reply has descriptors, and ipc-channel has nowhere to put them: it ends the program over two that are not taken, or forgets them.
#[test]
fn a_reply_with_descriptors_is_the_end_of_the_worker() {
    for is_answer in [false, true] {
        let stage = Stage::new(move |part, jobs| {
            if !part.is_first {
                return Played::Honestly;
            }
            let (slot, job) = jobs[0];
            do_it(part, slot, job);
            let [one, other] = [(); 2].map(|()| ipc::channel::<()>().unwrap().0);
            if is_answer {
                // Its first part is as good as any.
                part.say_raw((4_u8, one, other));
            } else {
                part.say_raw((one, other));
            }
            Played::Waits
        });
        let said = match stage.submit(5).result() {
            Err(JobError::Broken(broken)) => broken.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(said.contains("a message with descriptors"), "{said}");
        assert_eq!(stage.submit(6).result().unwrap(), 6);
        stage.assert_first_is_killed();
    }
}

/// As a job can write that knows its worker's descriptors.
#[test]
fn a_packet_of_no_known_form_is_the_end_of_the_worker() {
    let sizes = |packet: u64, message: u64| [packet.to_ne_bytes(), message.to_ne_bytes()].concat();
    let packets =
        [vec![1], vec![1; 15], vec![1; 100], sizes(16, 1 << 40), sizes(100, 0), sizes(16, u64::MAX), sizes(0, 0)];
    for packet in packets {
        let stage = Stage::new(move |part, jobs| {
            if !part.is_first {
                return Played::Honestly;
            }
            let (slot, job) = jobs[0];
            part.page.start(slot, job);
            part.forge(&packet);
            Played::Waits
        });
        let said = match stage.submit(5).result() {
            Err(JobError::Broken(broken)) => broken.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(said.contains("it sent an incomplete message"), "{said}");
        assert_eq!(stage.submit(6).result().unwrap(), 6);
        stage.assert_first_is_killed();
    }
}

/// While the parent does not read, the worker's messages fill its socket, and then it waits. The next job finds that nonsense, and the one
/// after it another worker.
#[test]
fn a_flood_while_nobody_listens_is_the_end_of_the_worker() {
    let stage = Stage::new(|part, jobs| {
        if !part.is_first {
            return Played::Honestly;
        }
        let (slot, job) = jobs[0];
        do_it(part, slot, job);
        part.say(reply(slot, job, 5));
        part.say(Reply::Done);
        while part.say(Reply::NotReady("no".repeat(5000))) {}
        Played::Waits
    });
    assert_eq!(stage.submit(5).result().unwrap(), 5);
    assert!(matches!(stage.submit(6).result(), Ok(6) | Err(JobError::Broken(_))));
    stage.assert_first_is_killed();
    assert_eq!(stage.submit(7).result().unwrap(), 7);
}

fn sleeper(pids: &Arc<Pids>) -> Arc<Child> {
    let mut command = Command::new("sleep");
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.arg("1000").stdin(Stdio::null());
    Child::spawn(&mut command, Duration::ZERO, pids).expect("a system has `sleep`").0
}

/// There is no room in the socket to tell of a death, and its owner does not read.
#[test]
fn full_socket_delays_no_death() {
    let pids = Arc::<Pids>::default();
    let (process, another) = (sleeper(&pids), sleeper(&pids));
    let (requests, _reads_nothing) = ipc::channel::<Request>().unwrap();
    let (replies, _, receiver) = ReplyReceiver::pair();
    let (_, lifeline) = Lifeline::new().unwrap();
    process.connected(receiver.of_end(), lifeline, 0);
    let (ours, _theirs): (OwnedFd, OwnedFd) = socket::pair().unwrap();
    let payloads = ParentEnd::new(ours);
    let worker =
        Worker::played(Arc::clone(&process), (requests, receiver), Page::new().unwrap().0, payloads, Arc::default());
    worker.begin(Request::Run(Vec::new()));
    let (blocks, blocked) = channel();
    let flood = thread::spawn(move || {
        // Each may be the one that waits until the receiver is closed.
        while replies.send(Reply::NotReady("no".repeat(5000))).is_ok() {
            blocks.send(()).unwrap();
        }
    });
    let mut sent = 0;
    while blocked.recv_timeout(Duration::from_millis(200)).is_ok() {
        sent += 1;
    }
    process.kill();
    process.wait();
    another.kill();
    let limit = Instant::now() + Duration::from_secs(60);
    assert!(another.wait_until(Some(limit)), "its death is told while the owner of the other is busy");
    // The owner reads what was there, and then the end.
    let mut read = 0;
    while let Received::Reply(Reply::NotReady(_)) = worker.receive(None) {
        read += 1;
    }
    assert!(read >= sent, "{read} of {sent}");
    drop(worker);
    flood.join().unwrap();
}

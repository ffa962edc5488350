//! Two ends that talk both ways: wherever they are, and until one is gone.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use executor::{Blob, Codec, Duplex, JobError, Process, RecvError, call, duplex, duplex_with};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::blobs::{descriptors, own_pid, shared};
use super::{pool, worker_of};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::system::{settle, tasks_of};
use crate::support::{alone, eventually, within_patience};

/// Answers each number with its text, until the other end is gone.
fn serve(end: Duplex<String, u32>) -> usize {
    let answer = |number: Result<u32, RecvError>| end.send(number.expect("it comes").to_string()).is_ok();
    end.iter().map(answer).take_while(|&is_heard| is_heard).count()
}

/// Asks the one who serves, and adds up the answers' lengths.
fn ask(end: Duplex<u32, String>, questions: u32) -> usize {
    let ask = |n| {
        end.send(n).expect("somebody serves");
        end.recv().expect("it answers").len()
    };
    (0..questions).map(ask).sum()
}

#[test]
fn two_processes_talk_through_it() {
    within_patience(|| {
        let (one, other) = duplex().unwrap();
        let server = Process::spawn(call!(serve(one))).unwrap();
        let client = Process::spawn(call!(ask(other, 1000))).unwrap();
        assert_eq!(client.join().unwrap(), 10 + 90 * 2 + 900 * 3);
        assert_eq!(server.join().unwrap(), 1000);
    });
}

#[test]
fn ends_go_through_ends_and_come_back() {
    #[derive(Serialize, Deserialize)]
    enum Message {
        End(Duplex<u32, String>),
        Done(usize),
    }
    /// Uses an end that comes, and gives it back.
    fn borrow(end: Duplex<Message, Message>) {
        while let Ok(Message::End(lent)) = end.recv() {
            lent.send(12).expect("somebody serves");
            let text = lent.recv().expect("it answers");
            end.send(Message::Done(text.len())).expect("somebody listens");
            end.send(Message::End(lent)).expect("somebody listens");
        }
    }
    within_patience(|| {
        let (one, other) = duplex().unwrap();
        let server = Process::spawn(call!(serve(one))).unwrap();
        let (here, there) = duplex().unwrap();
        let borrower = Process::spawn(call!(borrow(there))).unwrap();
        let mut end = other;
        for _ in 0..50 {
            here.send(Message::End(end)).unwrap();
            assert!(matches!(here.recv().unwrap(), Message::Done(2)));
            let Message::End(back) = here.recv().unwrap() else { panic!("not the end") };
            end = back;
        }
        drop((here, end));
        borrower.join().unwrap();
        assert_eq!(server.join().unwrap(), 50);
    });
}

#[test]
fn it_is_in_a_result_too() {
    fn make() -> Duplex<u8, u8> {
        let (given, kept) = duplex().expect("there are descriptors");
        kept.send(7).expect("there is room");
        given
    }
    within_patience(|| {
        let end = pool(1).submit(call!(make())).result().unwrap();
        assert_eq!(end.recv().unwrap(), 7);
        assert!(matches!(end.recv(), Err(RecvError::Disconnected)), "the other was the job's");
    });
}

/// If a process dies with messages unread, the kernel reports an error to the other end before that end has read all.
#[test]
fn messages_outlive_their_sender() {
    fn answer_some(end: Duplex<u32, u32>, arrival: Arrival) {
        (0..10).for_each(|n| end.send(n).expect("somebody listens"));
        arrival.arrive(0);
        std::process::abort();
    }
    within_patience(|| {
        for leaves_something_unread in [false, true] {
            let rendezvous = Rendezvous::new();
            let (here, there) = duplex().unwrap();
            if leaves_something_unread {
                here.send(1).unwrap();
            }
            let process = Process::spawn(call!(answer_some(there, rendezvous.arrival()))).unwrap();
            drop(rendezvous.accept());
            assert!(matches!(process.join(), Err(JobError::Crashed(_))));
            assert_eq!((0..10).map(|_| here.recv().unwrap()).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
            assert!(matches!(here.recv(), Err(RecvError::Disconnected)));
            assert!(matches!(here.try_recv(), Err(RecvError::Disconnected)), "as often as it is asked");
        }
    });
}

#[test]
fn a_death_wakes_who_waits_for_a_message_and_who_waits_for_room() {
    fn hold(end: Duplex<u64, u64>, arrival: Arrival) {
        arrival.arrive(0);
        drop(end);
    }
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let (here, there) = duplex().unwrap();
        let process = Process::spawn(call!(hold(there, rendezvous.arrival()))).unwrap();
        let waiter = rendezvous.accept();
        while here.try_send(0).is_ok() {}
        thread::scope(|scope| {
            let receiving = scope.spawn(|| here.recv());
            let polling = scope.spawn(|| here.poll(Duration::MAX));
            let sending = scope.spawn(|| here.send(1));
            process.kill();
            assert!(matches!(receiving.join().unwrap(), Err(RecvError::Disconnected)));
            assert!(polling.join().unwrap());
            let error = sending.join().unwrap().unwrap_err();
            assert!(error.is_disconnected());
            assert_eq!(error.into_inner(), 1);
        });
        drop((process, waiter));
    });
}

#[test]
fn a_poll_tells_whether_a_receive_would_wait() {
    fn send_when_told(end: Duplex<u8, u8>, arrival: Arrival) {
        arrival.arrive(0);
        end.send(1).expect("somebody listens");
        arrival.arrive(1);
    }
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let (here, there) = duplex().unwrap();
        let process = Process::spawn(call!(send_when_told(there, rendezvous.arrival()))).unwrap();
        let waiter = rendezvous.accept();
        assert!(!here.poll(Duration::ZERO));
        assert!(!here.poll(Duration::from_millis(2)));
        drop(waiter);
        assert!(here.poll(Duration::MAX), "it waits for the message");
        assert!(here.poll(Duration::ZERO) && here.poll(Duration::ZERO), "and leaves it there");
        assert_eq!(here.try_recv().unwrap(), 1);
        let waiter = rendezvous.accept();
        assert!(!here.poll(Duration::ZERO), "it was the only one, and the other end is there");
        drop(waiter);
        assert!(here.poll(Duration::MAX), "the end is something to be received, too");
        assert!(matches!(here.try_recv(), Err(RecvError::Disconnected)));
        process.join().unwrap();
    });
}

/// No way to wait polls in a loop.
#[test]
fn every_wait_sleeps() {
    fn wait(end: Duplex<u8, u8>, way: u8, arrival: Arrival) {
        arrival.arrive(0);
        match way {
            0 => drop(end.recv()),
            1 => drop(end.recv_timeout(Duration::from_secs(3600))),
            2 => drop(end.poll(Duration::from_secs(3600))),
            _ => while end.send(0).is_ok() {},
        }
    }
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let waiting: Vec<_> = (0..4)
            .map(|way| {
                let (here, there) = duplex().unwrap();
                let process = Process::spawn(call!(wait(there, way, rendezvous.arrival()))).unwrap();
                drop(rendezvous.accept());
                (here, process)
            })
            .collect();
        let tasks: Vec<_> = waiting.iter().flat_map(|(_, process)| tasks_of(process.pid())).collect();
        let switches = settle(&tasks);
        // Some time goes by.
        (0..20).for_each(|_| drop(Process::spawn(call!(own_pid()))));
        assert_eq!(settle(&tasks), switches, "one of them woke up");
        for (here, process) in waiting {
            drop(here);
            process.join().unwrap();
        }
    });
}

#[test]
fn it_waits_for_a_time_or_not_at_all() {
    let (here, there) = duplex::<u64, u64>().unwrap();
    assert!(matches!(here.try_recv(), Err(RecvError::Empty)));
    assert!(matches!(here.recv_timeout(Duration::from_millis(1)), Err(RecvError::Empty)));
    while here.try_send(0).is_ok() {}
    let error = here.send_timeout(1, Duration::from_millis(1)).unwrap_err();
    assert!(error.is_full(), "{error}");
    // The way back has room of its own.
    there.send(2).unwrap();
    assert_eq!(here.recv_timeout(Duration::MAX).unwrap(), 2);
    assert!(format!("{here:?}").starts_with("Duplex"));
}

#[test]
fn large_messages_and_blobs_go_both_ways_at_once() {
    fn echo(end: Duplex<(Vec<u8>, Blob), (Vec<u8>, Blob)>) {
        for message in &end {
            end.send(message.expect("it comes")).expect("somebody listens");
        }
    }
    within_patience(|| {
        let (here, there) = duplex_with(Codec::MessagePack).unwrap();
        let process = Process::spawn(call!(echo(there))).unwrap();
        let message = |n: u8| (vec![n; 30_000 * usize::from(n)], Blob::from(vec![n; 100_000]));
        // Up to more than a megabyte, and more at once than a socket takes.
        let sizes = [0, 1, 2, 3, 4, 5, 6, 40, 3, 2];
        thread::scope(|scope| {
            scope.spawn(|| sizes.iter().for_each(|&n| here.send(message(n)).unwrap()));
            for n in sizes {
                assert!(here.recv().unwrap() == message(n), "message {n} came back whole");
            }
        });
        drop(here);
        process.join().unwrap();
    });
}

#[test]
fn hundreds_in_jobs_leave_nothing_behind() {
    fn dies(_: Duplex<u8, u8>) {
        std::process::abort()
    }
    alone(hundreds_in_jobs_leave_nothing_behind, || {
        let pool = pool(1);
        let worker = worker_of(&pool);
        let before = (descriptors(own_pid()), descriptors(worker));
        for n in 0..200 {
            let (here, there) = duplex().unwrap();
            let served = pool.submit(call!(serve(there)));
            let cancelled = pool.submit(call!(serve(duplex().unwrap().0)));
            assert!(cancelled.cancel());
            here.send(n).unwrap();
            assert_eq!(here.recv().unwrap(), n.to_string());
            drop(here);
            assert_eq!(served.result().unwrap(), 1);
        }
        assert_eq!(worker_of(&pool), worker);
        eventually("nothing is left", || (descriptors(own_pid()), descriptors(worker)) == before);
        for _ in 0..10 {
            let (here, there) = duplex().unwrap();
            assert!(matches!(pool.submit(call!(dies(there))).result(), Err(JobError::Crashed(_))));
            assert!(matches!(here.recv(), Err(RecvError::Disconnected)));
        }
        worker_of(&pool);
        eventually("nothing is left here", || descriptors(own_pid()) == before.0 && shared(own_pid()) == (0, 0));
    });
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// From this side, a message of this many bytes.
    Send(bool, usize),
    Receive(bool),
    Poll(bool),
    Drop(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = any::<bool>();
    let step = prop_oneof![
        8 => (side, prop_oneof![0..10_usize, Just(65_535), Just(70_000)]).prop_map(|(side, len)| Step::Send(side, len)),
        8 => any::<bool>().prop_map(Step::Receive),
        4 => any::<bool>().prop_map(Step::Poll),
        1 => any::<bool>().prop_map(Step::Drop),
    ];
    proptest::collection::vec(step, 0..60)
}

/// Two queues, and for each side whether it is there. Alone, since a process that another test just starts has a copy of each end until
/// it runs its program.
#[test]
fn it_does_as_two_queues_do() {
    alone(it_does_as_two_queues_do, || {
        proptest!(|(steps in steps())| does_as_two_queues_do(steps)?);
    });
}

fn does_as_two_queues_do(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (one, other) = duplex::<String, String>().unwrap();
    let mut ends = [Some(one), Some(other)];
    let mut on_their_way = [VecDeque::new(), VecDeque::new()];
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Send(side, len) => {
                let (me, to) = (usize::from(side), usize::from(!side));
                let Some(end) = &ends[me] else { continue };
                let message = char::from(u8::try_from(number).unwrap()).to_string().repeat(len);
                match end.try_send(message.clone()) {
                    Ok(()) => {
                        prop_assert!(ends[to].is_some());
                        on_their_way[to].push_back(message);
                    }
                    Err(error) if error.is_full() => prop_assert!(!on_their_way[to].is_empty()),
                    Err(error) => {
                        prop_assert!(error.is_disconnected() && ends[to].is_none(), "{error}");
                        prop_assert_eq!(error.into_inner(), message);
                    }
                }
            }
            Step::Receive(side) => {
                let me = usize::from(side);
                let Some(end) = &ends[me] else { continue };
                match (end.try_recv(), on_their_way[me].pop_front()) {
                    (Ok(message), expected) => prop_assert_eq!(Some(message), expected),
                    (Err(RecvError::Empty), None) => prop_assert!(ends[1 - me].is_some()),
                    (Err(RecvError::Disconnected), None) => prop_assert!(ends[1 - me].is_none()),
                    (received, expected) => prop_assert!(false, "{received:?} and not {expected:?}"),
                }
            }
            Step::Poll(side) => {
                let me = usize::from(side);
                let Some(end) = &ends[me] else { continue };
                let is_ready = !on_their_way[me].is_empty() || ends[1 - me].is_none();
                prop_assert_eq!(end.poll(Duration::ZERO), is_ready);
            }
            Step::Drop(side) => ends[usize::from(side)] = None,
        }
    }
    Ok(())
}

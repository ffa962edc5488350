//! Ends of channels go to jobs and come back, carry what they should, and tell when the other end is gone.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use executor::{Blob, Codec, JobError, ProcessPool, Receiver, RecvError, Sender, call, channel, channel_with};
use serde::{Deserialize, Serialize};

use super::blobs::{descriptors, own_pid, shared};
use super::{pool, worker_of};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{alone, eventually, within_patience};

fn count(from: u32, to: u32, numbers: Sender<u32>) {
    for n in from..to {
        numbers.send(n).expect("somebody listens");
    }
}

fn total(numbers: Receiver<u32>) -> u32 {
    numbers.iter().map(|n| n.expect("numbers are sent")).sum()
}

#[test]
fn a_sender_in_a_job_ends_with_it() {
    within_patience(|| {
        let pool = pool(2);
        let (sender, receiver) = channel().unwrap();
        let jobs = [(0, 2000), (2000, 5000)].map(|(from, to)| pool.submit(call!(count(from, to, sender.clone()))));
        drop(sender);
        let numbers: BTreeSet<u32> = receiver.iter().map(Result::unwrap).collect();
        assert_eq!(numbers.len(), 5000);
        for job in jobs {
            job.result().unwrap();
        }
    });
}

#[test]
fn a_receiver_in_a_job_hears_what_is_sent_here() {
    within_patience(|| {
        let pool = pool(1);
        let (sender, receiver) = channel().unwrap();
        sender.send(1).unwrap();
        let job = pool.submit(call!(total(receiver)));
        for n in 2..=3000 {
            sender.send(n).unwrap();
        }
        drop(sender);
        assert_eq!(job.result().unwrap(), (1..=3000).sum::<u32>());
    });
}

#[test]
fn several_ends_in_one_job_and_in_its_result() {
    #[derive(Serialize, Deserialize)]
    struct Ends {
        questions: Receiver<String>,
        answers: Vec<Sender<usize>>,
        picture: Blob,
    }
    fn serve(ends: Ends) -> (Sender<u8>, Receiver<u8>, Blob) {
        for question in &ends.questions {
            let question = question.expect("text is sent");
            ends.answers.iter().for_each(|answers| answers.send(question.len()).expect("somebody listens"));
        }
        let (sender, receiver) = channel().expect("there are descriptors");
        sender.send(7).expect("there is room");
        (sender, receiver, ends.picture)
    }
    within_patience(|| {
        for codec in [Codec::Postcard, Codec::MessagePack] {
            let pool = ProcessPool::builder().processes(1).codec(codec).build().unwrap();
            let (ask, questions) = channel().unwrap();
            let (answers, heard): (Vec<_>, Vec<_>) = (0..3).map(|_| channel().unwrap()).unzip();
            let job = pool.submit(call!(serve(Ends { questions, answers, picture: Blob::from(b"picture") })));
            ask.send("four".to_owned()).unwrap();
            for receiver in &heard {
                assert_eq!(receiver.recv().unwrap(), 4);
            }
            drop(ask);
            for receiver in &heard {
                assert!(matches!(receiver.recv(), Err(RecvError::Disconnected)));
            }
            let (sender, receiver, picture) = job.result().unwrap();
            sender.send(8).unwrap();
            assert_eq!((receiver.recv().unwrap(), receiver.recv().unwrap(), &*picture), (7, 8, &b"picture"[..]));
        }
    });
}

#[test]
fn messages_of_all_sizes_and_kinds_go_through() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Message {
        Text(String),
        Blob(Blob),
        Nothing,
    }
    fn echo(from: Receiver<Message>, to: Sender<Message>) {
        from.iter().for_each(|message| to.send(message.expect("it comes")).expect("somebody listens"));
    }
    within_patience(|| {
        let pool = pool(1);
        let (to, from_here) = channel().unwrap();
        let (to_here, from) = channel().unwrap();
        let job = pool.submit(call!(echo(from_here, to_here)));
        let messages = || {
            let texts = [0, 1, 65_500, 65_533, 65_536, 70_000, 3 << 20].map(|len| Message::Text("m".repeat(len)));
            texts.into_iter().chain([Message::Nothing, Message::Blob(Blob::from(vec![1; 100_000]))])
        };
        for message in messages() {
            to.send(message).unwrap();
            drop(from.recv().unwrap());
        }
        thread::scope(|scope| {
            scope.spawn(|| messages().for_each(|message| to.send(message).unwrap()));
            for message in messages() {
                assert!(from.recv().unwrap() == message);
            }
        });
        drop(to);
        job.result().unwrap();
    });
}

#[test]
fn a_channel_can_carry_channels() {
    within_patience(|| {
        let pool = pool(1);
        let (requests, served) = channel::<(u32, Sender<u32>)>().unwrap();
        let job = pool.submit(call!(
            |served: Receiver<(u32, Sender<u32>)>| {
                for request in &served {
                    let (n, reply) = request.expect("it comes");
                    reply.send(2 * n).expect("somebody waits");
                }
            },
            (served,),
        ));
        for n in 0..300 {
            let (reply, answer) = channel().unwrap();
            requests.send((n, reply)).unwrap();
            assert_eq!(answer.recv().unwrap(), 2 * n);
            assert!(matches!(answer.recv(), Err(RecvError::Disconnected)));
        }
        drop(requests);
        job.result().unwrap();
    });
}

#[test]
fn send_without_receivers_returns_the_value() {
    within_patience(|| {
        let pool = pool(1);
        let (sender, receiver) = channel::<String>().unwrap();
        let job = pool.submit(call!(|_: Receiver<String>| (), (receiver,)));
        job.result().unwrap();
        // The job dropped it.
        eventually("nobody can receive", || sender.send(String::new()).is_err());
        let error = sender.send("back".to_owned()).unwrap_err();
        assert!(error.is_disconnected());
        assert_eq!(
            error.to_string(),
            "a message `alloc::string::String` was not sent: all receivers of its channel are gone"
        );
        assert_eq!(error.into_inner(), "back");
    });
}

#[test]
fn a_full_channel_blocks_until_somebody_reads_or_is_gone() {
    within_patience(|| {
        let (sender, receiver) = channel::<u64>().unwrap();
        let fits = (0..u64::MAX).take_while(|n| sender.try_send(*n).is_ok()).count() as u64;
        assert!(fits > 50, "{fits}");
        let error = sender.send_timeout(0, Duration::from_millis(2)).unwrap_err();
        assert!(error.is_full() && !error.is_disconnected(), "{error}");
        thread::scope(|scope| {
            scope.spawn(|| sender.send(fits).unwrap());
            assert!((0..=fits).all(|n| receiver.recv().unwrap() == n));
        });
        while sender.try_send(0).is_ok() {}
        thread::scope(|scope| {
            let blocked = scope.spawn(|| sender.send(0).unwrap_err());
            drop(receiver);
            assert!(blocked.join().unwrap().is_disconnected());
        });
    });
}

#[test]
fn a_receiver_can_wait_for_a_time_or_not_at_all() {
    within_patience(|| {
        let (sender, receiver) = channel::<u8>().unwrap();
        assert!(matches!(receiver.try_recv(), Err(RecvError::Empty)));
        assert!(matches!(receiver.recv_timeout(Duration::from_millis(1)), Err(RecvError::Empty)));
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        assert_eq!(receiver.recv_timeout(Duration::MAX).unwrap(), 1);
        drop(sender);
        assert_eq!(receiver.try_recv().unwrap(), 2, "what was sent is received after the sender is gone");
        // Not at once: a process that is just being started has a copy until it runs its program.
        eventually("it ends", || matches!(receiver.try_recv(), Err(RecvError::Disconnected)));
        assert!(matches!(receiver.recv_timeout(Duration::MAX), Err(RecvError::Disconnected)));
    });
}

#[test]
fn a_message_that_cannot_be_decoded_costs_itself() {
    let (sender, receiver) = channel_with::<serde_json::Value>(Codec::Postcard).unwrap();
    sender.send(serde_json::json!(1)).unwrap();
    match receiver.recv() {
        Err(RecvError::Lost(text)) => {
            assert!(text.starts_with("a message `serde_json::value::Value` could not be decoded: "), "{text}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(receiver.try_recv(), Err(RecvError::Empty)));
    let (sender, receiver) = channel_with::<serde_json::Value>(Codec::MessagePack).unwrap();
    sender.send(serde_json::json!({"a": [1]})).unwrap();
    assert_eq!(receiver.recv().unwrap(), serde_json::json!({"a": [1]}));
    let (sender, _receiver) = channel::<Vec<Blob>>().unwrap();
    let error = sender.send((0..65).map(|n| Blob::from(&[n])).collect()).unwrap_err();
    assert!(error.to_string().contains("could not be encoded: it holds more than 64 handles"), "{error}");
}

/// The end went with the worker, so no other run could have it.
#[test]
fn job_with_lost_channels_runs_once() {
    let pool = ProcessPool::builder().processes(1).retry(2).build().unwrap();
    let (sender, receiver) = channel::<u32>().unwrap();
    for outcome in [
        pool.submit(call!(|_: Sender<u32>| -> () { std::process::abort() }, (sender,))).result(),
        pool.submit(call!(|_: Receiver<u32>| -> () { std::process::abort() }, (receiver,))).result(),
    ] {
        match outcome {
            Err(JobError::Crashed(crash)) => assert_eq!(crash.signal(), Some("SIGABRT")),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_death_of_a_worker_ends_what_it_held() {
    within_patience(|| {
        let pool = pool(1);
        let (sender, receiver) = channel::<u32>().unwrap();
        let job = pool.submit(call!(
            |sender: Sender<u32>| -> () {
                sender.send(1).expect("somebody listens");
                std::process::abort()
            },
            (sender,),
        ));
        assert_eq!(receiver.recv().unwrap(), 1);
        assert!(matches!(receiver.recv(), Err(RecvError::Disconnected)));
        assert!(matches!(job.result(), Err(JobError::Crashed(_))));
    });
}

#[test]
fn a_worker_that_died_before_it_was_sent_a_channel_costs_nothing() {
    within_patience(|| {
        let pool = pool(1);
        for _ in 0..20 {
            super::deaths::kill(worker_of(&pool));
            let (sender, receiver) = channel().unwrap();
            sender.send(5).unwrap();
            drop(sender);
            match pool.submit(call!(total(receiver))).result() {
                Ok(sum) => assert_eq!(sum, 5),
                // It was there when the channel was sent, and not when the job was.
                Err(JobError::Broken(broken)) => {
                    assert!(broken.reason().contains("the channels among its arguments are lost"), "{broken}");
                }
                Err(other) => panic!("{other}"),
            }
        }
    });
}

#[test]
fn a_job_that_is_refused_keeps_its_ends() {
    let pool = pool(1);
    pool.shutdown(true);
    let (sender, receiver) = channel::<u32>().unwrap();
    let rejected = pool.try_submit(call!(|_: Receiver<u32>| (), (receiver,))).unwrap_err();
    sender.send(1).expect("the receiver is in the job, which came back");
    drop(rejected);
    eventually("nobody can receive", || sender.send(2).is_err_and(|error| error.is_disconnected()));
}

#[test]
fn hundreds_of_jobs_with_channels_leave_nothing_behind() {
    #[derive(Serialize)]
    struct Picky(Sender<u32>);
    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            drop(Sender::<u32>::deserialize(deserializer)?);
            Err(serde::de::Error::custom("never"))
        }
    }
    fn picky(_: Picky, _: Receiver<u32>) {}
    fn dies(_: Sender<u32>, _: Receiver<u32>) {
        std::process::abort()
    }
    fn panics(_: Sender<u32>, _: Receiver<u32>) {
        panic!("with both ends")
    }
    fn makes() -> (Sender<u32>, Receiver<u32>) {
        channel().expect("there are descriptors")
    }
    alone(hundreds_of_jobs_with_channels_leave_nothing_behind, || {
        let pool = pool(1);
        let worker = worker_of(&pool);
        let before = (descriptors(own_pid()), descriptors(worker));
        let pair = || channel::<u32>().unwrap();
        for _ in 0..100 {
            let (sender, receiver) = pair();
            let decoding = pool.submit(call!(picky(Picky(sender), receiver)));
            let (sender, receiver) = pair();
            let panicking = pool.submit(call!(panics(sender, receiver)));
            let (sender, receiver) = pair();
            let cancelled = pool.submit(call!(panics(sender, receiver)));
            cancelled.cancel();
            drop(pool.submit(call!(makes())));
            let made = pool.submit(call!(makes()));
            assert!(matches!(decoding.result(), Err(JobError::Codec(_))));
            assert!(matches!(panicking.result(), Err(JobError::Panicked(_))));
            assert!(made.result().is_ok());
        }
        assert_eq!(worker_of(&pool), worker);
        eventually("nothing is left", || (descriptors(own_pid()), descriptors(worker)) == before);
        for _ in 0..10 {
            let (sender, receiver) = pair();
            let queued = pair();
            let dead = pool.submit(call!(dies(sender, receiver)));
            let next = pool.submit(call!(panics(queued.0, queued.1)));
            assert!(matches!(dead.result(), Err(JobError::Crashed(_))));
            assert!(matches!(next.result(), Err(JobError::Panicked(_))));
        }
        worker_of(&pool);
        eventually("nothing is left here", || descriptors(own_pid()) == before.0 && shared(own_pid()) == (0, 0));
    });
}

#[test]
fn a_queued_job_holds_its_ends_until_it_is_cancelled() {
    within_patience(|| {
        let pool = pool(1);
        let rendezvous = Rendezvous::new();
        let slow = pool.submit(call!(|arrival: Arrival| arrival.arrive(0), (rendezvous.arrival(),)));
        let waiter = rendezvous.accept();
        let (sender, receiver) = channel::<u32>().unwrap();
        let queued = pool.submit(call!(|_: Sender<u32>| (), (sender,)));
        assert!(matches!(receiver.try_recv(), Err(RecvError::Empty)));
        assert!(queued.cancel());
        // Not at once: a process that is just being started has a copy until it runs its program.
        eventually("it ends", || matches!(receiver.try_recv(), Err(RecvError::Disconnected)));
        drop(waiter);
        slow.result().unwrap();
    });
}

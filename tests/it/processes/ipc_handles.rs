//! Handles of the crate `ipc-channel` in jobs, results and messages.

use executor::{Blob, Codec, Process, ProcessPool, RemoteError, call, channel_with};
use ipc_channel::ipc::{self, IpcBytesSender, IpcReceiver, IpcSender, IpcSharedMemory, OpaqueIpcSender};
use serde::{Deserialize, Serialize};

use super::blobs::{descriptors, own_pid};
use super::{pid, pool};
use crate::support::{alone, eventually};

fn say(to: IpcSender<u32>, what: u32) -> Result<(), RemoteError> {
    Ok(to.send(what)?)
}

/// Answers each number with its square, until there is no more.
fn square(numbers: IpcReceiver<u32>, squares: IpcSender<u32>) {
    while let Ok(number) = numbers.recv() {
        squares.send(number * number).expect("the caller waits for it");
    }
}

fn sum(memory: IpcSharedMemory) -> u32 {
    memory.iter().copied().map(u32::from).sum()
}

#[derive(Serialize, Deserialize)]
struct Made {
    number: u64,
    replies: IpcReceiver<String>,
    requests: Option<OpaqueIpcSender>,
    bytes: IpcBytesSender,
    memory: Vec<IpcSharedMemory>,
    blob: Blob,
}

/// Ends of new channels, with a message in one of them.
fn make(bytes: IpcBytesSender, text: String) -> Result<Made, RemoteError> {
    let ((to, replies), (requests, _)) = (ipc::channel()?, ipc::channel::<u8>()?);
    to.send(text)?;
    let memory = vec![IpcSharedMemory::from_bytes(b"one"), IpcSharedMemory::from_byte(2, 2)];
    Ok(Made { number: 0, replies, requests: Some(requests.to_opaque()), bytes, memory, blob: Blob::from(b"blob") })
}

#[test]
fn they_arrive_as_arguments_and_results() {
    for codec in [Codec::Postcard, Codec::MessagePack] {
        let pool = ProcessPool::builder().processes(1).codec(codec).build().expect("workers start");
        let (numbers, taken) = ipc::channel().unwrap();
        let (squared, squares) = ipc::channel().unwrap();
        let job = pool.submit(call!(square(taken, squared)));
        numbers.send(7).unwrap();
        assert_eq!(squares.recv().unwrap(), 49);
        drop(numbers);
        job.result().unwrap();
        assert!(squares.recv().is_err(), "the worker has closed its copy");
        assert_eq!(pool.submit(call!(sum(IpcSharedMemory::from_byte(3, 100)))).result().unwrap(), 300);
        let (bytes, read) = ipc::bytes_channel().unwrap();
        let made = pool.submit(call!(make(bytes, "text".to_owned()))).result().unwrap().unwrap();
        assert_eq!(made.replies.recv().unwrap(), "text");
        assert!(made.requests.is_some_and(|sender| sender.to().send(1_u8).is_err()), "its receiver is gone");
        made.bytes.send(b"bytes").unwrap();
        assert_eq!(read.recv().unwrap(), b"bytes");
        assert_eq!(
            (made.number, &made.memory[0][..], &made.memory[1][..], &*made.blob),
            (0, &b"one"[..], &[2, 2][..], &b"blob"[..])
        );
    }
}

#[test]
fn they_arrive_in_items_and_messages() {
    let pool = pool(2);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..100).map(|_| ipc::channel().unwrap()).unzip();
    let items: Vec<_> = senders.into_iter().zip(0..).collect();
    let said = pool.map(items, |(to, number): (IpcSender<u32>, u32)| say(to, number));
    said.for_each(|said| said.unwrap().unwrap());
    let heard: Vec<u32> = receivers.iter().map(|receiver| receiver.recv().unwrap()).collect();
    assert_eq!(heard, (0..100).collect::<Vec<u32>>());
    for codec in [Codec::Postcard, Codec::MessagePack] {
        let (to, from) = channel_with(codec).unwrap();
        let (sender, receiver) = ipc::channel().unwrap();
        let process = Process::spawn(call!(relay(from))).unwrap();
        to.send(sender).unwrap();
        assert_eq!(receiver.recv().unwrap(), process.pid());
        process.join().unwrap();
    }
}

/// Tells its process to each sender that comes.
fn relay(senders: executor::Receiver<IpcSender<u32>>) {
    if let Ok(sender) = senders.recv() {
        sender.send(pid()).expect("it waits");
    }
}

#[derive(Serialize, Deserialize)]
struct Odd {
    end: IpcSender<u32>,
    #[serde(serialize_with = "fail")]
    last: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks for it")]
fn fail<S: serde::Serializer>(_: &u8, _: S) -> Result<S::Ok, S::Error> {
    Err(serde::ser::Error::custom("it never can"))
}

fn take(_: Odd) {}

fn give() -> Odd {
    Odd { end: ipc::channel().expect("there is room").0, last: 0 }
}

#[test]
fn failed_jobs_lose_none() {
    alone(failed_jobs_lose_none, || {
        let pool = pool(1);
        pool.submit(call!(say(ipc::channel().unwrap().0, 1))).result().unwrap().unwrap_err();
        let worker = pool.pids()[0];
        let before = (descriptors(own_pid()), descriptors(worker));
        for _ in 0..300 {
            let error = pool.submit(call!(take(give()))).result().unwrap_err();
            assert!(error.to_string().contains("it never can"), "{error}");
            let error = pool.submit(call!(give())).result().map(drop).unwrap_err();
            assert!(error.to_string().contains("it never can"), "{error}");
            let (text, came) = ipc::channel().unwrap();
            text.send("plain".to_owned()).unwrap();
            assert_eq!(came.recv().unwrap(), "plain", "an unrelated message of this thread");
            let many = vec![ipc::channel::<u32>().unwrap().0; 65];
            let error = pool.submit(call!(std::mem::drop::<Vec<IpcSender<u32>>>(many))).result().unwrap_err();
            assert!(error.to_string().contains("more than 64 handles"), "{error}");
        }
        eventually("all are closed", || (descriptors(own_pid()), descriptors(worker)) == before);
        assert_eq!(pool.submit(call!(u32::pow(2, 3))).result().unwrap(), 8);
    });
}

/// The second variant has all that the first one begins with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Tried {
    Long { end: IpcSender<u32>, extra: u8 },
    Short { end: IpcSender<u32> },
}

fn give_tried(is_long: bool) -> Tried {
    let end = ipc::channel().expect("there is room").0;
    if is_long { Tried::Long { end, extra: 1 } } else { Tried::Short { end } }
}

fn take_tried(_: Tried) {}

#[test]
fn variants_that_are_tried_fail_their_job_alone() {
    alone(variants_that_are_tried_fail_their_job_alone, || {
        let pool = ProcessPool::builder().processes(1).codec(Codec::MessagePack).build().expect("workers start");
        pool.submit(call!(take_tried(give_tried(true)))).result().unwrap();
        assert!(matches!(pool.submit(call!(give_tried(true))).result(), Ok(Tried::Long { extra: 1, .. })));
        let worker = pool.pids()[0];
        let before = (descriptors(own_pid()), descriptors(worker));
        for _ in 0..100 {
            let errors = [
                pool.submit(call!(take_tried(give_tried(false)))).result().unwrap_err(),
                pool.submit(call!(give_tried(false))).result().unwrap_err(),
            ];
            for error in errors.map(|error| error.to_string()) {
                assert!(error.contains("it was dropped while its value was decoded"), "{error}");
            }
        }
        eventually("all are closed", || (descriptors(own_pid()), descriptors(worker)) == before);
        assert_eq!(pool.submit(call!(pid())).result().unwrap(), worker);
    });
}

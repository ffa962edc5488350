//! The decoders of bytes from other processes, each as one function of bytes: for the tests here, which run them a bounded number of
//! times, and for `cargo fuzz` (see `executor-process/fuzz`). Each returns whether it understood the bytes; that it returns is the point.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use executor_core::JobError;
use serde::{Deserialize, Serialize};

use crate::dispatch::chunk::{Chunk, Outcomes, Pace};
use crate::ipc::blob::Blob;
use crate::ipc::channel;
use crate::ipc::channel::Receiver;
use crate::ipc::codec::Codec;
use crate::ipc::os_str::OsPath;
use crate::ipc::payload::Body;
use crate::ipc::shared_memory;
use crate::ipc::socket::{self, Wait};
use crate::protocol::answer::{Answer, Answered};
use crate::protocol::ipc_packet::head;
use crate::protocol::message::{Reply, Request};
use crate::protocol::replay_file;
use crate::protocol::start_info::StartInfo;
use crate::protocol::status_page::{Page, SIZE, SLOTS};
use crate::remote::{self, RemoteJob, RemoteOutcome};
use crate::supervisor::rendezvous::hear;
use crate::supervisor::reply_receiver::{Received, ReplyReceiver};
use crate::transport::ParentEnd;

/// Returns whether it understood the bytes.
pub type Target = fn(&[u8]) -> bool;

/// All of them, by name.
pub const TARGETS: [(&str, Target); 11] = [
    ("hello", hello),
    ("start_info", start_info),
    ("request", request),
    ("reply", reply),
    ("page", page),
    ("outcomes", outcomes),
    ("packet", packet),
    ("message", message),
    ("path", path),
    ("kept", kept),
    ("remote", remote),
];

/// The first byte chooses.
fn choice(bytes: &[u8]) -> Option<(u8, &[u8])> {
    bytes.split_first().map(|(&choice, rest)| (choice, rest))
}

/// As ipc-channel sends a message of its own.
fn with_head(message: &[u8]) -> Vec<u8> {
    [&head(message.len())[..], message].concat()
}

fn sockets(n: u8) -> Vec<OwnedFd> {
    (0..n).filter_map(|_| socket::pair().ok()).map(|(one, _)| one).collect()
}

/// The greeting of a worker, and some descriptors.
pub fn hello(bytes: &[u8]) -> bool {
    let Some((choice, packet)) = choice(bytes) else { return false };
    let descriptors = sockets(choice & 3);
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    let (ours, theirs) = socket::pair().expect("there are descriptors");
    socket::send(&theirs, &[], packet, &borrowed, Wait::No).is_ok() && hear(&ours).is_ok()
}

/// The variable that makes a program a worker.
pub fn start_info(bytes: &[u8]) -> bool {
    StartInfo::parse(&OsString::from_vec(bytes.to_vec())).is_some()
}

/// A request of the parent.
pub fn request(bytes: &[u8]) -> bool {
    postcard::from_bytes::<Request>(bytes).is_ok()
}

/// A packet where replies come in, and what becomes of an answer in it.
pub fn reply(bytes: &[u8]) -> bool {
    let Some((choice, rest)) = choice(bytes) else { return false };
    let packet = if choice & 1 == 0 { with_head(rest) } else { rest.to_vec() };
    let (_sender, way, inbox) = ReplyReceiver::pair();
    let descriptors = sockets(choice >> 1 & 3);
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    if socket::send(&way, &[], &packet, &borrowed, Wait::No).is_err() {
        return false;
    }
    match inbox.receive(Some(Duration::ZERO)) {
        Received::Reply(Reply::Answer { answer, .. }) => outcome(answer, &[]),
        Received::Reply(_) => true,
        Received::Closed | Received::Invalid(_) | Received::TimedOut => false,
    }
}

/// Takes an answer as the parent does, where these packets came before it.
fn outcome(answer: Answered, packets: &[(&[u8], Vec<OwnedFd>)]) -> bool {
    let (ours, theirs) = socket::pair().expect("there are descriptors");
    for (packet, descriptors) in packets {
        let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        // An empty one cannot be told from an end.
        let _ = socket::send(&theirs, &[], packet, &borrowed, Wait::No);
    }
    let parent = Arc::new(ParentEnd::new(ours));
    match parent.unpack(answer) {
        Ok(Answer::Done(payload)) => {
            let _ = Codec::Postcard.decode_payload::<Vec<Option<Blob>>>(&payload);
            let _ = Codec::MessagePack.decode_payload::<Thing>(&payload);
            true
        }
        Ok(_) => true,
        Err(_) => false,
    }
}

/// Words anywhere on the page: claims, places of answers, answers, and the record of a crash.
pub fn page(bytes: &[u8]) -> bool {
    let Ok((page, _)) = Page::new() else { return false };
    let (words, _) = bytes.as_chunks::<10>();
    let words: Vec<_> = words
        .iter()
        .map(|&[low, high, ref word @ ..]| {
            (usize::from(u16::from_le_bytes([low, high])) % (SIZE.get() / 8), u64::from_le_bytes(*word))
        })
        .collect();
    page.scribble(&words);
    let mut is_understood = false;
    for slot in 0..SLOTS {
        is_understood |= page.look(slot, 1).is_some();
        let Some(answer) = page.answer(slot) else { continue };
        if let Ok(answer) = postcard::from_bytes::<Answered>(&answer) {
            is_understood |= outcome(answer, &[]);
        }
        let _ = outcomes(&answer);
    }
    if let Some(trace) = page.trace().read() {
        let _ = (trace.is_stack_overflow(), trace.is_wild_call());
        is_understood = true;
    }
    is_understood
}

/// A worker's outcomes of the items of a chunk.
pub fn outcomes(bytes: &[u8]) -> bool {
    let mut chunk = Chunk::new(8, vec![(3, JobError::cancelled())], Arc::new(Pace::default()));
    if !chunk.absorb(bytes.to_vec()) {
        return false;
    }
    while !chunk.is_over() {
        chunk.fail_next(JobError::cancelled());
    }
    let outcomes: Vec<_> = Outcomes::<String>::new(chunk.into_returned(Codec::Postcard, "fuzz")).collect();
    assert_eq!(outcomes.len(), 8, "one for each item");
    outcomes.iter().any(Result::is_ok)
}

/// A packet of descriptors, and the answer that names it.
pub fn packet(bytes: &[u8]) -> bool {
    let Some((choice, rest)) = choice(bytes) else { return false };
    let Some((head, body)) = rest.split_at_checked(9) else { return false };
    let Ok(body) = postcard::from_bytes::<Body>(body) else { return false };
    let mut descriptors = sockets(choice & 3);
    for _ in 0..choice >> 2 & 3 {
        let file = shared_memory::scratch().expect("there is memory");
        shared_memory::write(&file, &[7; 100], 64 * 1024).expect("there is memory");
        descriptors.push(file);
    }
    outcome(Answer::Done(body), &[(head, descriptors)])
}

/// A packet in a channel of a user's.
pub fn message(bytes: &[u8]) -> bool {
    let Some((choice, rest)) = choice(bytes) else { return false };
    let codec = if choice & 1 == 0 { Codec::Postcard } else { Codec::MessagePack };
    let (ours, theirs) = socket::pair().expect("there are descriptors");
    let receiver: Receiver<Thing> = channel::receiver_of(ours, codec);
    let mut descriptors = sockets(choice >> 1 & 3);
    descriptors.extend((0..choice >> 3 & 3).filter_map(|_| shared_memory::scratch().ok()));
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    socket::send(&theirs, &[], rest, &borrowed, Wait::No).is_ok() && receiver.try_recv().is_ok()
}

/// Something of each kind that a message may have.
#[derive(Serialize, Deserialize)]
struct Thing {
    number: i64,
    text: String,
    list: Vec<Option<u16>>,
    blob: Blob,
    ends: Option<Receiver<u8>>,
}

/// Paths, whatever their bytes are.
pub fn path(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Paths {
        #[serde(with = "crate::ipc::os_str")]
        _one: PathBuf,
        #[serde(with = "crate::ipc::os_str")]
        _all: Vec<OsString>,
    }
    [Codec::Postcard, Codec::MessagePack].into_iter().any(|codec| {
        codec.decode_value::<OsPath>(bytes, Vec::new()).is_ok() | codec.decode_value::<Paths>(bytes, Vec::new()).is_ok()
    })
}

/// A file that keeps a job.
pub fn kept(bytes: &[u8]) -> bool {
    let Some((choice, rest)) = choice(bytes) else { return false };
    // With a valid checksum, the bytes reach the decoder behind it, too.
    let sealed = if choice & 1 == 0 { replay_file::seal(rest) } else { rest.to_vec() };
    let read = replay_file::decode(&sealed);
    let build = read.as_ref().err().is_some_and(|why| why.contains("another build"));
    read.is_ok() || build
}

/// A job or an outcome of another host.
pub fn remote(bytes: &[u8]) -> bool {
    let Some((choice, rest)) = choice(bytes) else { return false };
    match choice & 3 {
        // With a valid checksum, and as of this build, the bytes reach the decoder behind it, too.
        0 => RemoteOutcome::from_bytes(&remote::sealed_outcome(rest)).is_ok(),
        1 => RemoteOutcome::from_bytes(rest).is_ok(),
        2 => RemoteJob::from_bytes(&remote::sealed_job(rest)).is_ok(),
        _ => RemoteJob::from_bytes(rest).is_ok(),
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::link::Link;
use super::slots::{KEPT, MAX_BUFFERS, START};
use super::*;
use crate::ipc::attachments::Attachment;
use crate::ipc::blob::Blob;
use crate::ipc::codec::{Codec, Step};
use crate::ipc::payload::{Announced, Body, Data, MAX_INLINE, Payload};
use crate::ipc::shared_memory;
use crate::ipc::socket;
use crate::ipc::socket::Wait;
use crate::protocol::answer::Answer;

mod numbers;
mod sealed;

fn payload(len: usize) -> Payload {
    Payload::new(vec![7; len], Vec::new())
}

fn result(worker: &WorkerEnd, text: &str) -> Answer<Body> {
    worker.pack(Answer::Done(encode_result(Codec::Postcard, &text.to_owned(), worker, || {}).unwrap()))
}

fn text(parent: &Arc<ParentEnd>, answered: Answer<Body>) -> String {
    match parent.unpack(answered) {
        Ok(Answer::Done(payload)) => Codec::Postcard.decode_payload(&payload).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn slot_of(body: &Body) -> Option<u8> {
    match body.data {
        Data::Slot { slot, .. } => Some(slot),
        Data::Inline(_) | Data::Once { .. } | Data::Sealed { .. } => None,
    }
}

#[test]
fn jobs_of_all_sizes_arrive() {
    let (parent, worker) = pair();
    for len in [0, 1, MAX_INLINE, MAX_INLINE + 1, 300_000, 5 << 20, KEPT + 1, 100_000] {
        let body = parent.pack(&payload(len)).unwrap();
        let opened = worker.open(body).unwrap();
        assert!(opened.len() == len && opened.iter().all(|byte| *byte == 7), "{len} bytes");
    }
}

#[test]
fn results_of_all_sizes_arrive() {
    let (parent, worker) = pair();
    for len in [0, 1, MAX_INLINE - 3, MAX_INLINE, 300_000, 5 << 20, KEPT + 1, 100_000] {
        let sent = "r".repeat(len);
        let answered = result(&worker, &sent);
        assert!(text(&parent, answered) == sent, "{len} bytes");
    }
}

#[test]
fn memory_is_used_again_once_it_was_read() {
    let (parent, worker) = pair();
    let mut first = None;
    for _ in 0..10 {
        let body = parent.pack(&payload(1 << 20)).unwrap();
        let slot = slot_of(&body);
        assert!(slot.is_some() && *first.get_or_insert(slot) == slot, "there is one slot");
        assert_eq!(body.packet.is_some(), body.packet.is_some_and(|packet| packet.number == 1), "sent once");
        drop(worker.open(body).unwrap());
        let answered = result(&worker, &"r".repeat(1 << 20));
        assert!(matches!(&answered, Answer::Done(body) if slot_of(body).is_some()));
        assert_eq!(text(&parent, answered).len(), 1 << 20);
    }
}

#[test]
fn memory_used_again_holds_the_last_bytes() {
    let (parent, worker) = pair();
    for (n, kibibytes) in (0..).zip([200, 200, 200, 150, 900, 900, 900, 100, 900, 5000, 5000, 5000]) {
        let bytes = vec![n; kibibytes << 10];
        let body = parent.pack(&Payload::new(bytes.clone(), Vec::new())).unwrap();
        assert!(*worker.open(body).unwrap() == *bytes, "{n}");
        let sent = n.to_string().repeat(kibibytes << 9);
        assert!(text(&parent, result(&worker, &sent)) == sent, "{n}");
        if n == 7 {
            parent.shrink();
        }
    }
}

#[test]
fn slot_being_read_is_not_reused() {
    let (parent, worker) = pair();
    let bodies: Vec<_> = (0..2 * MAX_BUFFERS)
        .map(|n| {
            let body = parent.pack(&Payload::new(vec![u8::try_from(n).unwrap(); 100_000], Vec::new())).unwrap();
            worker.open(body).unwrap()
        })
        .collect();
    for (n, body) in bodies.iter().enumerate() {
        assert!(body.iter().all(|byte| usize::from(*byte) == n), "{n}");
    }
    let answers: Vec<_> = (0..2 * MAX_BUFFERS).map(|n| result(&worker, &n.to_string().repeat(100_000))).collect();
    for (n, answered) in answers.into_iter().enumerate() {
        assert_eq!(text(&parent, answered), n.to_string().repeat(100_000));
    }
}

#[test]
fn a_slot_that_outgrew_its_bound_is_forgotten_by_both() {
    let (parent, worker) = pair();
    text(&parent, result(&worker, &"r".repeat(1 << 20)));
    let answered = result(&worker, &"r".repeat(KEPT + 1));
    assert!(matches!(&answered, Answer::Done(Body { data: Data::Once { forgets: Some(_), .. }, .. })));
    text(&parent, answered);
    let answered = result(&worker, &"r".repeat(1 << 20));
    assert!(matches!(&answered, Answer::Done(Body { data: Data::Slot { slot: 0, .. }, packet: Some(_) })));
    assert_eq!(text(&parent, answered).len(), 1 << 20);
}

#[test]
fn memory_given_back_is_filled_anew() {
    let (parent, worker) = pair();
    for _ in 0..3 {
        drop(worker.open(parent.pack(&payload(1 << 20)).unwrap()).unwrap());
        assert_eq!(text(&parent, result(&worker, &"r".repeat(1 << 20))).len(), 1 << 20);
        parent.shrink();
    }
}

#[test]
fn jobs_that_nobody_opened_do_not_disturb_the_next() {
    let (parent, worker) = pair();
    let blob = Codec::Postcard.encode(&Blob::from(b"a blob")).unwrap();
    for _ in 0..3 {
        drop(parent.pack(&blob).unwrap());
        drop(parent.pack(&payload(100_000)).unwrap());
    }
    let body = parent.pack(&blob).unwrap();
    let opened = worker.open(body).unwrap();
    let attachments = opened
        .descriptors
        .iter()
        .map(|descriptor| Attachment { descriptor: Arc::clone(descriptor), is_channel: false });
    let came = Payload::new(opened.to_vec(), attachments.collect());
    assert_eq!(*Codec::Postcard.decode_payload::<Blob>(&came).unwrap(), *b"a blob");
    assert!(worker.open(parent.pack(&payload(100_000)).unwrap()).unwrap().iter().all(|byte| *byte == 7));
}

#[test]
fn a_result_that_cannot_be_encoded_leaves_its_memory_to_the_next() {
    struct Fails;
    impl serde::Serialize for Fails {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut pair = serializer.serialize_tuple(2)?;
            serde::ser::SerializeTuple::serialize_element(&mut pair, &"x".repeat(100_000))?;
            Err(serde::ser::Error::custom("no more"))
        }
    }
    let (parent, worker) = pair();
    let before = result(&worker, &"r".repeat(100_000));
    let number = matches!(&before, Answer::Done(body) if slot_of(body) == Some(0));
    assert!(number);
    text(&parent, before);
    assert!(encode_result(Codec::Postcard, &Fails, &worker, || {}).is_err());
    let after = result(&worker, &"r".repeat(100_000));
    assert!(matches!(&after, Answer::Done(Body { packet: None, data: Data::Slot { slot: 0, .. } })), "{after:?}");
}

#[test]
fn channels_leave_with_a_job_and_blobs_stay() {
    let (sender, receiver) = crate::ipc::channel::channel::<u32>().unwrap();
    let job = Codec::Postcard.encode(&(sender, Blob::from(b"a blob"))).unwrap();
    assert!(job.has_channels());
    let (parent, worker) = pair();
    let opened = worker.open(parent.pack(&job).unwrap()).unwrap();
    assert_eq!(opened.descriptors.len(), 2);
    assert!(job.has_channels(), "it is known to have had one");
    let error = parent.pack(&job).unwrap_err();
    assert_eq!(
        error.to_string(),
        "its worker process died before it started the job, and the channels among its arguments are lost; submit it \
         again with new channels"
    );
    assert!(matches!(receiver.try_recv(), Err(crate::RecvError::Empty)));
    drop(opened);
    assert!(matches!(receiver.try_recv(), Err(crate::RecvError::Disconnected)), "nobody else held the sender");

    let blob = Codec::Postcard.encode(&Blob::from(b"a blob")).unwrap();
    assert!(!blob.has_channels());
    for _ in 0..2 {
        assert_eq!(worker.open(parent.pack(&blob).unwrap()).unwrap().descriptors.len(), 1);
    }
}

/// A worker that says what it likes.
struct Hostile {
    parent: Arc<ParentEnd>,
    link: Link,
}

impl Hostile {
    fn new() -> Self {
        let (ours, theirs) = socket::pair().unwrap();
        Self { parent: Arc::new(ParentEnd::new(ours)), link: Link::new(theirs, Wait::No) }
    }

    fn says(&self, data: Data, packet: Option<Announced>) -> String {
        match self.parent.unpack(Answer::Done(Body { data, packet })) {
            Err(what) => what,
            Ok(Answer::Codec { step: Step::DecodeResult, cause }) => cause,
            Ok(other) => panic!("{other:?}"),
        }
    }

    fn announce(&self, memory: Option<(&OwnedFd, Option<u8>)>, handles: usize) -> Option<Announced> {
        let attachment = Attachment { descriptor: Arc::new(shared_memory::file().unwrap()), is_channel: false };
        self.link.announce(memory, &vec![attachment; handles]).unwrap()
    }
}

#[test]
fn lies_are_errors() {
    let hostile = Hostile::new();
    let packet = |number, handles| Some(Announced { number, handles });
    let inline = || Data::Inline(vec![1].into());
    assert!(hostile.says(inline(), packet(1, 1)).contains("packet 1 of file descriptors did not arrive"));
    assert_eq!(hostile.says(Data::Slot { slot: 0, len: 1, numbers: None }, None), "there is no slot 0");
    assert_eq!(hostile.says(Data::Slot { slot: 255, len: 1, numbers: None }, None), "there is no slot 255");
    assert_eq!(
        hostile.says(Data::Once { len: 1, numbers: None, forgets: Some(255) }, None),
        "the shared memory of a result did not arrive"
    );

    hostile.announce(None, 1);
    hostile.announce(None, 1);
    let error = hostile.says(inline(), packet(0, 1));
    assert_eq!(error, "packet 1 of file descriptors arrived instead of 0");

    let file = shared_memory::scratch().unwrap();
    shared_memory::write(&file, b"four", START).unwrap();
    let announced = hostile.announce(Some((&file, Some(0))), 0);
    let error = hostile.says(Data::Slot { slot: 0, len: usize::MAX, numbers: None }, announced);
    assert!(error.contains("bytes of shared memory, but holds "), "{error}");
    let error = hostile.says(Data::Slot { slot: 0, len: 5, numbers: None }, None);
    assert_eq!(error, "its result could not be read (unexpected end of file)");

    let sock = socket::pair().unwrap().0;
    let announced = hostile.announce(Some((&sock, Some(1))), 0);
    assert!(
        hostile
            .says(Data::Slot { slot: 1, len: 5, numbers: None }, announced)
            .starts_with("its result could not be read")
    );
    let announced = hostile.announce(None, 1).map(|announced| Announced { handles: 9, ..announced });
    assert!(hostile.says(inline(), announced).contains("no file descriptor left for its handles"));
}

#[test]
fn memory_that_is_taken_away_is_an_error() {
    let hostile = Hostile::new();
    let file = shared_memory::scratch().unwrap();
    shared_memory::write(&file, &vec![1; 100_000], START).unwrap();
    let announced = hostile.announce(Some((&file, Some(0))), 0);
    let body = Body { data: Data::Slot { slot: 0, len: 100_000, numbers: None }, packet: announced };
    assert!(hostile.parent.unpack(Answer::Done(body)).is_ok());
    assert!(rustix::fs::ftruncate(&file, 0).is_err(), "it cannot be shortened");
    for _ in 0..2 {
        shared_memory::clear(&file, START).unwrap();
        let said = hostile.says(Data::Slot { slot: 0, len: 100_000, numbers: None }, None);
        assert!(said.contains("it claims 100000 bytes of shared memory, but holds"), "{said}");
        // Filled again, and read through the mapping that the first reading has left.
        shared_memory::write(&file, &vec![2; 100_000], START).unwrap();
        let body = Body { data: Data::Slot { slot: 0, len: 100_000, numbers: None }, packet: None };
        assert!(hostile.parent.unpack(Answer::Done(body)).is_ok());
    }
}

#[test]
fn file_that_can_be_shortened_is_not_mapped() {
    let hostile = Hostile::new();
    let file = shared_memory::file().unwrap();
    shared_memory::write(&file, &vec![1; 100_000], START).unwrap();
    let mut announced = hostile.announce(Some((&file, Some(0))), 0);
    for _ in 0..3 {
        let body = Body { data: Data::Slot { slot: 0, len: 100_000, numbers: None }, packet: announced.take() };
        assert!(hostile.parent.unpack(Answer::Done(body)).is_ok());
    }
    rustix::fs::ftruncate(&file, 0).unwrap();
    assert!(hostile.says(Data::Slot { slot: 0, len: 100_000, numbers: None }, None).contains("but holds 0"));
}

#[test]
fn a_worker_that_reads_nothing_does_not_hold_its_parent_up() {
    let (parent, _worker) = pair();
    let blob = Codec::Postcard.encode(&Blob::from(b"a blob")).unwrap();
    let error = (0..100_000).find_map(|_| parent.pack(&blob).err()).expect("there is no room for ever more");
    assert!(matches!(error.kind(), std::io::ErrorKind::WouldBlock) || error.raw_os_error().is_some(), "{error:?}");
}

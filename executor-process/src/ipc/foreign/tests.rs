//! Handles of ipc-channel in values that are encoded and decoded on one thread.

mod twice;

use std::time::Duration;

use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, IpcSharedMemory};
use ipc_channel::{IpcError, TryRecvError};
use serde::{Serialize, Serializer};

use super::*;
use crate::dispatch::chunk;
use crate::ipc::blob::Blob;
use crate::ipc::channel::{self, Receiver, RecvError, Sender};
use crate::ipc::codec::Codec;
use crate::ipc::payload::Payload;
use crate::transport;

/// After this time, an end that is still open has been left somewhere.
const LIMIT: Duration = Duration::from_secs(60);

const BOTH: [Codec; 2] = [Codec::Postcard, Codec::MessagePack];

#[derive(Serialize, Deserialize)]
struct Holds {
    number: u64,
    end: Wrapped,
    ours: Sender<u8>,
    memory: Vec<IpcSharedMemory>,
    other: Option<IpcReceiver<String>>,
    blob: Blob,
    bytes: (IpcBytesSender, IpcBytesReceiver),
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Wrapped(IpcSender<u32>);

/// Handles of all kinds, and the other ends of those that have one.
fn all() -> (Holds, IpcReceiver<u32>, Receiver<u8>, IpcSender<String>) {
    let ((end, numbers), (texts, other)) = (ipc::channel().unwrap(), ipc::channel().unwrap());
    let ((ours, ours_out), bytes) = (channel::channel().unwrap(), ipc::bytes_channel().unwrap());
    let memory =
        vec![IpcSharedMemory::from_byte(7, 10), IpcSharedMemory::from_bytes(&[]), IpcSharedMemory::from_bytes(b"x")];
    let blob = Blob::from(b"blob");
    let holds = Holds { number: 0, end: Wrapped(end), ours, memory, other: Some(other), blob, bytes };
    (holds, numbers, ours_out, texts)
}

fn is_closed<T: Serialize + for<'de> Deserialize<'de> + std::fmt::Debug>(receiver: &IpcReceiver<T>) -> bool {
    matches!(receiver.try_recv_timeout(LIMIT), Err(TryRecvError::IpcError(IpcError::Disconnected)))
}

/// Whether the next message of this thread has no handle in it that is not its own.
fn next_message_is_clean() -> bool {
    let (sender, receiver) = ipc::channel().unwrap();
    sender.send("plain".to_owned()).unwrap();
    // ipc-channel panics if a handle is left in the message.
    catch(|| receiver.recv().is_ok_and(|text| text == "plain")).is_ok_and(|came| came)
}

#[test]
fn handles_of_all_kinds_arrive() {
    for codec in BOTH {
        let (value, numbers, ours_out, texts) = all();
        let payload = codec.encode(&value).unwrap();
        drop(value);
        assert!(next_message_is_clean());
        let came: Holds = codec.decode_payload(&payload).unwrap();
        drop(payload);
        came.end.0.send(5).unwrap();
        came.ours.send(6).unwrap();
        came.bytes.0.send(b"seven").unwrap();
        texts.send("eight".to_owned()).unwrap();
        assert_eq!((numbers.recv().unwrap(), ours_out.recv().unwrap()), (5, 6));
        assert_eq!(came.bytes.1.recv().unwrap(), b"seven");
        assert_eq!(came.other.as_ref().unwrap().recv().unwrap(), "eight");
        let memory: Vec<&[u8]> = came.memory.iter().map(|memory| &memory[..]).collect();
        assert_eq!((came.number, memory, &came.blob[..]), (0, vec![&[7; 10][..], b"", b"x"], &b"blob"[..]));
        drop(came);
        assert!(
            is_closed(&numbers) && matches!(ours_out.recv_timeout(LIMIT), Err(RecvError::Disconnected)),
            "{codec:?}: no copy is left"
        );
    }
}

#[test]
fn items_have_handles_of_their_own() {
    for codec in BOTH {
        let shared = Blob::from(b"shared");
        let (mut outs, mut items) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (sender, receiver) = ipc::channel::<u32>().unwrap();
            outs.push(receiver);
            items.push((shared.clone(), Some(sender)));
        }
        items.insert(1, (Blob::default(), None));
        let parts = chunk::encode::<_, ()>(codec, 0, items, "job");
        assert!(parts.len() == 1 && parts[0].errors.is_empty() && next_message_is_clean());
        let descriptors: Vec<_> = parts[0].body.lend().into_iter().map(|attachment| attachment.descriptor).collect();
        let bytes = parts[0].body.bytes().clone();
        let mut rest = &bytes[size_of::<usize>()..];
        let mut tags = Vec::new();
        while let Some((tag, item)) = crate::protocol::item_record::next(&mut rest) {
            let handles = if tag == 0 { Vec::new() } else { descriptors.clone() };
            let (blob, sender): (Blob, Option<IpcSender<u32>>) = codec.decode_unguarded(item, handles).unwrap();
            assert_eq!(blob.is_empty(), sender.is_none());
            if let Some(sender) = sender {
                sender.send(u32::try_from(tags.len()).unwrap()).unwrap();
            }
            tags.push(tag);
        }
        drop((parts, descriptors));
        assert_eq!(tags, [1, 0, 1, 1]);
        assert_eq!(outs.iter().map(|out| out.recv().unwrap()).collect::<Vec<_>>(), [0, 2, 3]);
        assert!(outs.iter().all(is_closed));
    }
}

/// The value behind a handle.
enum Last {
    Fails,
    Panics,
}

impl Serialize for Last {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fails => Err(serde::ser::Error::custom("it fails")),
            Self::Panics => panic!("it panics"),
        }
    }
}

#[test]
fn failed_encoding_leaves_no_handle() {
    for codec in BOTH {
        for last in [Last::Fails, Last::Panics] {
            let (sender, receiver) = ipc::channel::<u32>().unwrap();
            let (value, (_, end)) = ((Wrapped(sender), IpcSharedMemory::from_byte(0, 10), last), transport::pair());
            codec.encode(&value).map(drop).unwrap_err();
            assert!(next_message_is_clean(), "{codec:?}, as a job");
            transport::encode_result(codec, &value, &end, || {}).map(drop).unwrap_err();
            assert!(next_message_is_clean(), "{codec:?}, as a result");
            let parts = chunk::encode::<_, ()>(codec, 0, vec![value], "job");
            assert!(next_message_is_clean(), "{codec:?}, as an item");
            assert_eq!(parts[0].errors.len(), 1);
            assert!(is_closed(&receiver));
        }
    }
}

#[test]
fn too_many_handles_fail_and_are_closed() {
    for (ours, theirs) in [(0, 65), (32, 33)] {
        let (sender, receiver) = ipc::channel::<u32>().unwrap();
        let (_keep, own): (Vec<_>, Vec<_>) = (0..ours).map(|_| channel::channel::<u8>().unwrap()).unzip();
        let error = Codec::Postcard.encode(&(own, vec![sender; theirs])).map(drop).unwrap_err();
        assert!(error.contains("more than 64 handles"), "{error}");
        assert!(next_message_is_clean() && is_closed(&receiver));
    }
}

#[test]
fn handles_that_no_value_takes_are_closed() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    enum Never {}
    let (sender, receiver) = ipc::channel::<u32>().unwrap();
    let payload = Codec::Postcard.encode(&(Wrapped(sender), 7_u8)).unwrap();
    let as_numbers: (u64, u8) = Codec::Postcard.decode_payload(&payload).unwrap();
    assert_eq!(as_numbers, (0, 7));
    Codec::Postcard.decode_payload::<(IpcSender<u32>, Never)>(&payload).map(drop).unwrap_err();
    drop(payload);
    assert!(is_closed(&receiver) && next_message_is_clean());
}

#[test]
fn forged_handles_are_an_error() {
    let (sender, receiver) = ipc::channel::<u32>().unwrap();
    let honest = Codec::Postcard.encode(&Wrapped(sender.clone())).unwrap();
    let bytes = honest.bytes().to_vec();
    assert_eq!(bytes, [0, 0, 1], "the number, the first handle, their count");
    let decode = |bytes: &[u8], attachments| {
        let payload = Payload::new(bytes.to_vec(), attachments);
        Codec::Postcard.decode_payload::<Wrapped>(&payload).map(drop).unwrap_err()
    };
    let error = decode(&[1, 0, 1], honest.lend());
    assert!(error.contains("index"), "{error}");
    for tail in [[0, 2], [1, 1], [255, 255]] {
        let error = decode(&[0, tail[0], tail[1]], honest.lend());
        assert!(error.contains(" of 1 is missing"), "{error}");
    }
    assert_eq!(decode(&[0], honest.lend()), "it does not say which handles it has");
    let forged = |descriptor: OwnedFd| vec![Attachment { descriptor: Arc::new(descriptor), is_channel: false }];
    let blob = shared_memory::Frozen::copy_of(b"sealed").unwrap();
    for other in [rustix::pipe::pipe().unwrap().0, blob.file().try_clone().unwrap()] {
        let error = decode(&[0, 0, 1], forged(other));
        assert!(error.ends_with("it is neither a channel nor shared memory"), "{error}");
    }
    let loose = shared_memory::file().unwrap();
    rustix::fs::ftruncate(&loose, 5).unwrap();
    let error = decode(&[0, 0, 1], forged(loose));
    assert!(error.ends_with("its shared memory is not sealed: it could still be shortened"), "{error}");
    let sparse = shared_memory::file().unwrap();
    rustix::fs::ftruncate(&sparse, 1 << 50).unwrap();
    rustix::fs::fcntl_add_seals(&sparse, SealFlags::SHRINK).unwrap();
    let error = decode(&[0, 0, 1], forged(sparse));
    assert!(error.contains("it claims 1125899906842624 bytes of shared memory, but holds 0"), "{error}");
    drop((honest, sender));
    assert!(is_closed(&receiver) && next_message_is_clean());
}

#[test]
fn shared_memory_keeps_its_length() {
    for codec in BOTH {
        let memory = IpcSharedMemory::from_bytes(b"bytes");
        let payload = codec.encode(&memory).unwrap();
        let first = payload.lend().remove(0).descriptor;
        assert!(rustix::fs::ftruncate(&*first, 0).is_err(), "no process can shorten it");
        let came: IpcSharedMemory = codec.decode_payload(&payload).unwrap();
        drop(memory);
        let again = codec.encode(&came).unwrap();
        let second = again.lend().remove(0).descriptor;
        let number = |file: &OwnedFd| fstat(file).unwrap().st_ino;
        assert_eq!((&came[..], number(&second)), (&b"bytes"[..], number(&first)), "it is copied once");
    }
}

#[test]
fn numbers_are_no_handles() {
    for name in [type_name_of(&0_u64), type_name_of(&0_usize)] {
        wrote_zero(name);
        assert!(!is_suspect(), "{}", name());
    }
    Codec::Postcard.encode(&(0_u64, Some(0_usize), [0_u64; 3])).unwrap();
    assert!(!is_suspect());
}

fn type_name_of<T>(_: &T) -> fn() -> &'static str {
    std::any::type_name::<T>
}

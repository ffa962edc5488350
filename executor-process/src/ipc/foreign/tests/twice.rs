//! Ends of channels that a value takes twice.

use super::*;

/// The bytes of two handles, of which the second names the first.
fn forge(codec: Codec, honest: &Payload) -> Payload {
    let mut bytes = honest.bytes().to_vec();
    // The tail says which descriptors are meant.
    let second = bytes.len() - 3;
    assert_eq!(std::mem::take(&mut bytes[second]), 1, "{codec:?}");
    Payload::new(bytes, honest.lend())
}

#[test]
fn forged_bytes_that_name_a_sender_twice_are_an_error() {
    for codec in BOTH {
        let ((one, out), (two, other_out)) = (ipc::channel::<u32>().unwrap(), ipc::channel::<u32>().unwrap());
        let honest = codec.encode(&(Wrapped(one), Wrapped(two))).unwrap();
        let forged = forge(codec, &honest);
        let error = codec.decode_payload::<(Wrapped, Wrapped)>(&forged).map(drop).unwrap_err();
        assert!(error.contains("its bytes name it twice"), "{codec:?}: {error}");
        let (one, two): (Wrapped, Wrapped) = codec.decode_payload(&honest).unwrap();
        one.0.send(1).unwrap();
        two.0.send(2).unwrap();
        assert_eq!((out.recv().unwrap(), other_out.recv().unwrap()), (1, 2));
        drop((honest, forged, one, two));
        assert!(is_closed(&out) && is_closed(&other_out) && next_message_is_clean());
    }
}

#[test]
fn forged_receiver_without_a_descriptor_reports_an_error() {
    for codec in BOTH {
        let ((one, out), (texts, other)) = (ipc::channel::<u32>().unwrap(), ipc::channel::<String>().unwrap());
        let honest = codec.encode(&(Wrapped(one), other)).unwrap();
        let forged = forge(codec, &honest);
        let (one, other): (Wrapped, IpcReceiver<String>) = codec.decode_payload(&forged).unwrap();
        drop((honest, forged, texts));
        assert!(matches!(other.recv(), Err(IpcError::Io(_))));
        drop((one, other));
        assert!(is_closed(&out) && next_message_is_clean());
    }
}

/// The second variant has all that the first one begins with.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Tried {
    Long { end: Wrapped, extra: u8 },
    Short { end: Wrapped },
    Other { other: IpcReceiver<String>, extra: u8 },
    Last { other: IpcReceiver<String> },
}

#[test]
fn variants_that_are_tried_cost_the_value_alone() {
    let codec = Codec::MessagePack;
    let ((end, out), (texts, other)) = (ipc::channel::<u32>().unwrap(), ipc::channel::<String>().unwrap());
    let first = codec.encode(&Tried::Long { end: Wrapped(end.clone()), extra: 1 }).unwrap();
    let Ok(Tried::Long { end: came, extra: 1 }) = codec.decode_payload(&first) else { panic!("the first one fits") };
    came.0.send(7).unwrap();
    assert_eq!(out.recv().unwrap(), 7);
    for value in [Tried::Short { end: Wrapped(end) }, Tried::Last { other }] {
        let payload = codec.encode(&value).unwrap();
        let error = codec.decode_payload::<Tried>(&payload).map(drop).unwrap_err();
        assert!(error.contains("it was dropped while its value was decoded"), "{error}");
    }
    drop((first, came));
    assert!(is_closed(&out) && texts.send(String::new()).is_err() && next_message_is_clean());
}

/// Waits for its channel's other end.
#[derive(Serialize, Deserialize)]
struct Joins(IpcReceiver<u8>);

impl Drop for Joins {
    fn drop(&mut self) {
        assert!(self.0.recv().is_err(), "nothing was sent");
    }
}

#[test]
fn values_whose_drop_waits_arrive() {
    for codec in BOTH {
        let (sender, receiver) = ipc::channel().unwrap();
        let value = Joins(receiver);
        let payload = codec.encode(&value).unwrap();
        // It has no descriptor any more.
        drop(value);
        let came: Joins = codec.decode_payload(&payload).unwrap();
        drop(sender);
        drop(came);
    }
}

//! Finds handles of ipc-channel in encoded values.
//!
//! Their `Serialize` puts them into a thread-local list, and writes their number. Only a message of ipc-channel empties that
//! list: after any other encoding, they stay open there, and go with the thread's next message to the wrong process. So the
//! list is emptied after each encoding, and handles in it are an error.
//!
//! The list is private to ipc-channel, and its first handle is number 0. So it is checked only if a type that is not a number
//! wrote 0 as a `u64`: such types are few.

use std::cell::Cell;

use executor_core::panics::catch;
use ipc_channel::ipc::{self, IpcSender};

use crate::ipc::attachments;
use crate::ipc::packet_size::measure_packets;

thread_local! {
    /// Whether the list of this thread may hold something.
    static IS_SUSPECT: Cell<bool> = const { Cell::new(false) };
}

/// The names of the number types, alone and as the whole of a value.
const NUMBERS: [&str; 6] = [
    "u64",
    "usize",
    "&u64",
    "&usize",
    "executor_core::bytes::InOnePiece<u64>",
    "executor_core::bytes::InOnePiece<usize>",
];

/// The error of a value with such a handle, in bytes for another host.
const STAYS_HERE: &str = "it holds an end of a channel of the crate `ipc-channel`, which cannot leave this host; pass values as \
                          arguments and results instead";

/// The error of any other value with such a handle.
const REFUSED: &str = "it holds an end of a channel of the crate `ipc-channel`, which only that crate can \
                                  send; use `executor::channel`, whose ends can be sent in jobs, results and \
                                  messages";

/// The error of the value that is being encoded, if it has such a handle.
pub(crate) fn refused() -> &'static str {
    if attachments::is_by_value() { STAYS_HERE } else { REFUSED }
}

/// A value of the type of that name has written a 0.
#[inline]
pub(crate) fn wrote_zero(name: fn() -> &'static str) {
    if !NUMBERS.contains(&name()) {
        IS_SUSPECT.set(true);
    }
}

/// Empties the list of this thread. True if it held a handle.
#[inline]
pub(crate) fn sweep() -> bool {
    IS_SUSPECT.replace(false) && take()
}

/// Empties the list by sending a message, which is dropped. If two descriptors are not free, the list is checked next time.
#[cold]
fn take() -> bool {
    let channel = measure_packets().ok().and_then(|()| ipc::channel::<()>().ok());
    let Some((sender, receiver)) = channel else {
        IS_SUSPECT.set(true);
        return false;
    };
    let found = number_of(&sender) != Some(0);
    // If there are more handles than ipc-channel can send, it panics, after taking them.
    drop(catch(|| sender.send(())));
    drop(receiver);
    found
}

/// The number that a handle has in the list, into which it is put.
fn number_of(sender: &IpcSender<()>) -> Option<u64> {
    postcard::from_bytes(&postcard::to_stdvec(sender).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use ipc_channel::ipc::IpcSharedMemory;
    use serde::{Serialize, Serializer};

    use super::*;
    use crate::dispatch::chunk;
    use crate::ipc::codec::Codec;
    use crate::transport;

    #[derive(Serialize)]
    struct Holds {
        number: u64,
        end: Wrapped,
        memory: Option<IpcSharedMemory>,
        last: Last,
    }

    #[derive(Serialize)]
    #[serde(transparent)]
    struct Wrapped(IpcSender<u32>);

    enum Last {
        Fine,
        Fails,
        Panics,
    }

    impl Serialize for Last {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            match self {
                Self::Fine => to.serialize_unit(),
                Self::Fails => Err(serde::ser::Error::custom("it fails")),
                Self::Panics => panic!("it panics"),
            }
        }
    }

    fn holds(last: Last) -> Holds {
        let end = Wrapped(ipc::channel().unwrap().0);
        Holds { number: 0, end, memory: Some(IpcSharedMemory::from_byte(0, 10)), last }
    }

    /// Whether the next message of this thread has no handle in it that is not its own.
    fn next_message_is_clean() -> bool {
        let (sender, receiver) = ipc::channel().unwrap();
        sender.send("plain".to_owned()).unwrap();
        // ipc-channel panics if a handle is left in the message.
        catch(|| receiver.recv().is_ok_and(|text| text == "plain")).is_ok_and(|came| came)
    }

    #[test]
    fn handles_of_the_crate_are_refused_and_let_go() {
        for codec in [Codec::Postcard, Codec::MessagePack] {
            for (last, why) in [(Last::Fine, REFUSED), (Last::Fails, ""), (Last::Panics, "")] {
                let (value, (_, end)) = (holds(last), transport::pair());
                let as_job = codec.encode(&value).map(drop).unwrap_err();
                assert!(next_message_is_clean(), "{codec:?}: {as_job}");
                let as_result = transport::encode_result(codec, &value, &end, || {}).map(drop).unwrap_err();
                assert!(next_message_is_clean(), "{codec:?}: {as_result}");
                assert!(as_job.contains(why) && as_result.contains(why), "{as_job}; {as_result}");
                let parts = chunk::encode::<_, ()>(codec, 0, vec![value], "job");
                assert!(next_message_is_clean(), "{codec:?}, as an item");
                assert_eq!(parts[0].errors.len(), 1);
            }
        }
    }

    #[test]
    fn numbers_are_no_handles() {
        for name in [type_name_of(&0_u64), type_name_of(&0_usize)] {
            wrote_zero(name);
            assert!(!IS_SUSPECT.get(), "{}", name());
        }
        Codec::Postcard.encode(&(0_u64, Some(0_usize), [0_u64; 3])).unwrap();
        assert!(!IS_SUSPECT.get());
    }

    fn type_name_of<T>(_: &T) -> fn() -> &'static str {
        std::any::type_name::<T>
    }
}

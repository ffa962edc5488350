//! Handles of ipc-channel in what is encoded.
//!
//! Their `Serialize` puts them into a list of the thread's, and writes their number there. Only a message of ipc-channel takes that list: what
//! anybody else encodes stays there, open, and goes with the thread's next message to a stranger. So what may be there is taken out after
//! each encoding, and told.
//!
//! The list is nobody's but ipc-channel's. The first handle in it is number 0, so only where a type that is no number wrote a 0 of a `u64` is
//! it looked at: such types are few.

use std::cell::Cell;

use executor_core::panics::catch;
use ipc_channel::ipc::{self, IpcSender};

use crate::ipc::packet_size::measure_packets;

thread_local! {
    /// Whether the list of this thread may hold something.
    static IS_SUSPECT: Cell<bool> = const { Cell::new(false) };
}

/// What the types of numbers are called, alone and as the whole of a value.
const NUMBERS: [&str; 6] = [
    "u64",
    "usize",
    "&u64",
    "&usize",
    "executor_core::bytes::InOnePiece<u64>",
    "executor_core::bytes::InOnePiece<usize>",
];

/// The error of a value with such a handle.
pub(crate) const REFUSED: &str = "it holds a channel's end of the crate `ipc-channel`, which travels in messages of that crate alone; use \
                                  `executor::channel`, whose ends can be sent in jobs, results and messages";

/// A value of the type of that name has written a 0.
#[inline]
pub(crate) fn wrote_zero(name: fn() -> &'static str) {
    if !NUMBERS.contains(&name()) {
        IS_SUSPECT.set(true);
    }
}

/// Leaves nothing in the list of this thread. Whether there was something.
#[inline]
pub(crate) fn sweep() -> bool {
    IS_SUSPECT.replace(false) && take()
}

/// A message takes the list, be it that it arrives nowhere. Without two descriptors the list stays as it is, to be looked at next time.
#[cold]
fn take() -> bool {
    let channel = measure_packets().ok().and_then(|()| ipc::channel::<()>().ok());
    let Some((sender, receiver)) = channel else {
        IS_SUSPECT.set(true);
        return false;
    };
    let found = number_of(&sender) != Some(0);
    // A message of more handles than ipc-channel sends is a panic, after they were taken.
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
        // A handle that nobody takes out is a panic.
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

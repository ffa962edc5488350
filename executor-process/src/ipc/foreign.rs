//! Handles of ipc-channel in values: `IpcSender`, `IpcReceiver`, their opaque and byte forms, and `IpcSharedMemory`.
//!
//! Their `Serialize` puts them into a thread-local list, and writes their number. Only a message of ipc-channel empties that list.
//! So after an encoding that may have put something there, a message is sent through a [gate](gate::Gate): its descriptors are
//! the handles', and are attached to the value as any other. To decode, they are sent as a message to a receiver of ipc-channel, and
//! the value is decoded where the receiver decodes that message.
//!
//! The list is private to ipc-channel, and its first handle is number 0. So it is taken only if a type that is not a number
//! wrote 0 as a `u64`: such types are few.

mod gate;
mod lent;
mod rehearsal;

use std::cell::Cell;
use std::fmt::Display;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use executor_core::panics::catch;
use ipc_channel::ipc::{self, IpcReceiver, IpcSender, OpaqueIpcReceiver};
use rustix::fs::{FileType, OFlags, SealFlags, fcntl_get_seals, fcntl_getfl, fstat};
use rustix::io::fcntl_dupfd_cloexec;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, U64Deserializer};

use self::gate::Gate;
use self::lent::{RunsLent, lend};
use self::rehearsal::rehearse;
use crate::ipc::attachments::{Attachment, attach};
use crate::ipc::os_error::with_remedy;
use crate::ipc::shared_memory;
use crate::ipc::socket::{self, NO_ROOM, Wait};

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

/// A value of the type of that name has written a 0.
#[inline]
pub(crate) fn wrote_zero(name: fn() -> &'static str) {
    if !NUMBERS.contains(&name()) {
        IS_SUSPECT.set(true);
    }
}

/// Whether the list of this thread may hold something.
#[inline]
pub(crate) fn is_suspect() -> bool {
    IS_SUSPECT.get()
}

/// Empties the list of this thread. If no gate can be made, the list is checked next time.
#[cold]
pub(crate) fn take() -> Result<Vec<OwnedFd>, String> {
    match Gate::with(Gate::take_lists) {
        Ok(taken) => {
            IS_SUSPECT.set(false);
            taken
        }
        Err(_) => Ok(Vec::new()),
    }
}

/// Attaches handles to the value that is encoded on this thread, one behind the other. Shared memory that another process could shorten goes
/// as a copy.
pub(crate) fn attach_all(handles: Vec<OwnedFd>) -> Result<(), String> {
    for handle in handles {
        let kind = kind(&handle)?;
        let descriptor = match kind {
            Kind::Memory { len } if !shared_memory::cannot_shrink(&handle) => {
                shared_memory::copy_of_one_length(&handle, len)
                    .map_err(|error| format!("its shared memory cannot be copied: {}", with_remedy(&error)))?
            }
            _ => handle,
        };
        let is_channel = kind == Kind::Channel;
        attach("a handle of the crate `ipc-channel`", Attachment { descriptor: Arc::new(descriptor), is_channel })?;
    }
    Ok(())
}

/// Runs `decode`, whose values find these handles in the lists of ipc-channel. Nothing is left there afterwards. If there are ends of
/// channels, `decode` runs twice: see [`rehearse`].
///
/// # Errors
///
/// Those of `decode`, its panics, and when this process cannot open the handles.
#[cold]
pub(crate) fn within<T>(handles: &[Arc<OwnedFd>], decode: impl Fn() -> Result<T, String>) -> Result<T, String> {
    let mut slot = Slot { value: None, decode };
    within_dyn(handles, &mut slot)?;
    slot.value.ok_or_else(|| unusable("it was lost"))
}

/// A decoding behind a pointer: all around it is compiled once, rather than for each type.
trait Decoding {
    /// Decodes a value, and keeps it.
    fn decode(&mut self) -> Result<(), String>;
    /// Drops the value.
    fn clear(&mut self);
}

struct Slot<T, D> {
    value: Option<T>,
    decode: D,
}

impl<T, D: Fn() -> Result<T, String>> Decoding for Slot<T, D> {
    fn decode(&mut self) -> Result<(), String> {
        self.value = Some((self.decode)()?);
        Ok(())
    }

    fn clear(&mut self) {
        self.value = None;
    }
}

fn within_dyn(handles: &[Arc<OwnedFd>], decoding: &mut dyn Decoding) -> Result<(), String> {
    let channels = check(handles).map_err(unusable)?;
    if channels > 0 {
        rehearse(handles, channels, decoding)?;
    }
    receive(&receiver_of(handles).map_err(unusable)?, channels, &mut || decoding.decode())
}

fn unusable(why: impl Display) -> String {
    format!("a handle of the crate `ipc-channel` cannot be used: {why}")
}

/// Runs `decode` while the receiver decodes its message, whose first handles are that many ends of channels.
fn receive(
    receiver: &IpcReceiver<RunsLent>,
    channels: u64,
    decode: &mut dyn FnMut() -> Result<(), String>,
) -> Result<(), String> {
    let mut decoded = None;
    let mut closure = || {
        if decoded.is_none() {
            decoded = Some(catch(&mut *decode).unwrap_or_else(|panic| Err(panic.to_string())));
        }
        close_untaken(channels);
    };
    // ipc-channel panics over shared memory that it cannot map.
    let received = lend(&mut closure, || catch(|| receiver.recv()));
    decoded.unwrap_or_else(|| {
        Err(match received {
            Ok(Ok(_)) => unusable("it was lost"),
            Ok(Err(error)) => unusable(error),
            Err(panic) => unusable(panic),
        })
    })
}

/// A receiver with one message, which holds the handles.
fn receiver_of(handles: &[Arc<OwnedFd>]) -> Result<IpcReceiver<RunsLent>, String> {
    /// The header of an empty message of ipc-channel: the sizes of its packet, and of the message.
    const HEAD: [usize; 2] = [2 * size_of::<usize>(), 0];
    let (sender, receiver) = ipc::channel::<RunsLent>().map_err(|error| error.to_string())?;
    let way = socket_of(&sender)?;
    drop(sender);
    let [packet, message] = HEAD.map(usize::to_ne_bytes);
    let descriptors: Vec<BorrowedFd<'_>> = handles.iter().map(AsFd::as_fd).collect();
    socket::send(&way, &packet, &message, &descriptors, Wait::No).map_err(|error| error.to_string())?;
    Ok(receiver)
}

/// The socket of a sender, which ipc-channel shows in a message only.
fn socket_of(sender: &IpcSender<RunsLent>) -> Result<OwnedFd, String> {
    let taken = Gate::with(|gate| {
        let number = postcard::to_stdvec(sender).ok().and_then(|bytes| postcard::from_bytes(&bytes).ok());
        gate.take_lists().map(|mut taken| number.filter(|number| *number < taken.len()).map(|at| taken.swap_remove(at)))
    })??;
    taken.ok_or_else(|| "ipc-channel does not show its socket".to_owned())
}

/// How a handle of ipc-channel looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Channel,
    Memory { len: u64 },
    Other,
}

fn kind(handle: &OwnedFd) -> Result<Kind, String> {
    let stat = fstat(handle).map_err(|error| error.to_string())?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::Socket => Kind::Channel,
        FileType::RegularFile => Kind::Memory { len: u64::try_from(stat.st_size).unwrap_or_default() },
        _ => Kind::Other,
    })
}

/// Checks all that ipc-channel takes for granted. Returns how many are ends of channels.
fn check(handles: &[Arc<OwnedFd>]) -> Result<u64, String> {
    let mut channels = 0;
    for handle in handles {
        match kind(handle)? {
            Kind::Channel => channels += 1,
            Kind::Memory { .. } if is_writable(handle) && !shared_memory::cannot_shrink(handle) => {
                return Err("its shared memory is not sealed: it could still be shortened".to_owned());
            }
            Kind::Memory { len } if is_writable(handle) => {
                let len = usize::try_from(len).map_err(|error| error.to_string())?;
                shared_memory::check_held(handle, len).map_err(|error| error.to_string())?;
            }
            Kind::Memory { .. } | Kind::Other => return Err("it is neither a channel nor shared memory".to_owned()),
        }
    }
    // ipc-channel overlooks descriptors for which this process has no room: as many as its receiver gets, and those of that. A rehearsal needs
    // as many again.
    let needed = handles.iter().map(AsFd::as_fd).cycle().take(2 * handles.len() + 4);
    let room: Result<Vec<_>, _> = needed.map(|handle| fcntl_dupfd_cloexec(handle, 0)).collect();
    room.map(|_| channels).map_err(|_| NO_ROOM.to_owned())
}

/// Whether it can be mapped as ipc-channel does, for writing.
fn is_writable(memory: &OwnedFd) -> bool {
    let is_sealed = fcntl_get_seals(memory).is_ok_and(|seals| seals.contains(SealFlags::WRITE));
    !is_sealed && fcntl_getfl(memory).is_ok_and(|flags| flags.contains(OFlags::RDWR))
}

/// Closes those of the first `channels` ends in the list that no value has taken. ipc-channel does so with shared memory only.
fn close_untaken(channels: u64) {
    for number in 0..channels {
        let from: U64Deserializer<Error> = number.into_deserializer();
        // An end that was taken has left one without a descriptor behind, of which only a receiver can be dropped.
        drop(catch(|| OpaqueIpcReceiver::deserialize(from)));
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

//! Has ipc-channel measure its packet size before its first message, while descriptors are free.

use std::os::fd::OwnedFd;

use executor_core::panics::catch;
use ipc_channel::platform::OsIpcSender;
use parking_lot::Mutex;
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use crate::ipc::os_error::because;
use crate::ipc::socket;

/// How many descriptors other threads may take while a greeting is handed on.
const SPARE: usize = 8;

/// Has ipc-channel measure how much fits in a packet, which it does once, at the first message. If two descriptors are not
/// free then, that message and every later one panics; so this is checked first.
///
/// # Errors
///
/// When there is no room, or ipc-channel was used without room before.
pub(crate) fn measure_packets() -> Result<(), String> {
    static IS_DONE: Mutex<bool> = Mutex::new(false);
    let mut is_done = IS_DONE.lock();
    if *is_done {
        return Ok(());
    }
    let lacks = |error: Errno| because(&error.into());
    let (one, other) = socket::pair().map_err(|error| because(&error))?;
    has_room(&[one, other]).map_err(lacks)?;
    match catch(OsIpcSender::get_max_fragment_size) {
        Ok(_) => *is_done = true,
        Err(panic) => {
            return Err(format!("ipc-channel cannot be used in this process any more: {panic}; restart the program"));
        }
    }
    Ok(())
}

/// Whether this process may have the same descriptors again, and some more: ipc-channel, which gets them next, does not see when the kernel
/// hands over fewer than were sent, and ends the process over a message that lacks some. Others take descriptors meanwhile.
pub(crate) fn has_room(descriptors: &[OwnedFd]) -> Result<(), Errno> {
    let Some(any) = descriptors.first() else { return Ok(()) };
    let copies: Result<Vec<_>, _> = (0..SPARE).map(|_| fcntl_dupfd_cloexec(any, 0)).collect();
    copies.map(drop)
}

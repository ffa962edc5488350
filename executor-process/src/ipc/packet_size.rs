//! Has ipc-channel measure its packet size before its first message, while descriptors are free.

use std::os::fd::OwnedFd;

use executor_core::panics::catch;
use ipc_channel::platform::OsIpcSender;
use parking_lot::Mutex;
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use crate::ipc::os_error::with_remedy;
use crate::ipc::socket;

/// How many descriptors other threads may take while ipc-channel measures.
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
    let lacks = |error: Errno| with_remedy(&error.into());
    socket::pair().map_err(|error| with_remedy(&error)).and_then(|(one, _other)| has_room(&one).map_err(lacks))?;
    match catch(OsIpcSender::get_max_fragment_size) {
        Ok(_) => *is_done = true,
        Err(panic) => {
            return Err(format!("ipc-channel cannot be used in this process any more: {panic}; restart the program"));
        }
    }
    Ok(())
}

/// Whether this process may have some descriptors more.
fn has_room(any: &OwnedFd) -> Result<(), Errno> {
    let copies: Result<Vec<_>, _> = (0..SPARE).map(|_| fcntl_dupfd_cloexec(any, 0)).collect();
    copies.map(drop)
}

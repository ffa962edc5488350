//! A first decoding of a value with ends of channels, with stand-ins for the ends.
//!
//! ipc-channel gives an end to the first part of a value that names it. A second part gets a handle without a descriptor, whose drop
//! panics. Forged bytes can name an end twice, and types that serde decodes by trying (`#[serde(untagged)]`) do: the first
//! try takes the end and drops it. Neither can be seen from outside; so it happens to stand-ins first.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use executor_core::panics::catch;
use rustix::event::PollFlags;

use super::{Decoding, Kind, kind, receive, receiver_of, unusable};
use crate::ipc::os_error::with_remedy;
use crate::ipc::socket::{self, Wait};

/// Runs `decode` with stand-ins for the ends of channels, and drops what it returns.
///
/// # Errors
///
/// Those of `decode`; when it drops an end that it has taken; and when the drop of the value panics.
pub(super) fn rehearse(handles: &[Arc<OwnedFd>], channels: u64, decoding: &mut dyn Decoding) -> Result<(), String> {
    let (stand_ins, others) = stand_ins(handles).map_err(unusable)?;
    let receiver = receiver_of(&stand_ins).map_err(unusable)?;
    // From here on, a stand-in is open only in the list, or in the value.
    drop(stand_ins);
    let mut is_one_dropped = false;
    receive(&receiver, channels, &mut || {
        let decoded = decoding.decode();
        is_one_dropped = others.iter().any(has_hung_up);
        decoded
    })?;
    // First: the drop of the value may wait for them.
    drop((receiver, others));
    let dropped = catch(|| decoding.clear());
    if is_one_dropped {
        return Err(unusable(
            "it was dropped while its value was decoded, as in a type with `#[serde(untagged)]` of which several variants are \
             tried; put it into a field beside such types",
        ));
    }
    dropped.map_err(|panic| unusable(format_args!("its bytes name it twice, or its value cannot be dropped: {panic}")))
}

/// A stand-in for each end of a channel, between the other handles themselves; and the other ends of the stand-ins.
fn stand_ins(handles: &[Arc<OwnedFd>]) -> Result<(Vec<Arc<OwnedFd>>, Vec<OwnedFd>), String> {
    let mut others = Vec::new();
    let mut stand_in = |handle: &Arc<OwnedFd>| {
        if kind(handle)? != Kind::Channel {
            return Ok(Arc::clone(handle));
        }
        let (one, other) = socket::pair().map_err(|error| with_remedy(&error))?;
        others.push(other);
        Ok(Arc::new(one))
    };
    let stand_ins: Result<_, String> = handles.iter().map(&mut stand_in).collect();
    Ok((stand_ins?, others))
}

/// Whether no copy of the other end is open.
fn has_hung_up(end: &OwnedFd) -> bool {
    socket::wait_for(end, PollFlags::empty(), Wait::within(Duration::ZERO)).unwrap_or(true)
}

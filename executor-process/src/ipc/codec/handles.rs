//! The handles in a value: which are ipc-channel's, and how the value says so.

use std::mem;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::ipc::attachments;
use crate::ipc::foreign;

/// Attaches the handles of ipc-channel in a value, and leaves none of them behind in its lists, whatever becomes of `encode`. Returns
/// which handles the value has, if any.
#[inline]
pub(super) fn with_handles(encode: impl FnOnce() -> Result<(), String>) -> Result<Option<Handles>, String> {
    struct Sweep;
    impl Drop for Sweep {
        fn drop(&mut self) {
            if foreign::is_suspect() {
                drop(foreign::take());
            }
        }
    }
    let sweep = Sweep;
    encode()?;
    mem::forget(sweep);
    let foreign = if foreign::is_suspect() { foreign::take()? } else { Vec::new() };
    let (first, count) = (attachments::count(), foreign.len());
    if count > 0 {
        foreign::attach_all(foreign)?;
    }
    Ok(attachments::take_has_own().then_some(Handles { first, count }))
}

/// The last bytes of a value that has handles: which of its descriptors are ipc-channel's.
#[derive(Clone, Copy)]
pub(super) struct Handles {
    first: usize,
    count: usize,
}

impl Handles {
    pub(super) fn tail(&self) -> [u8; 2] {
        // Neither is above `MAX_DESCRIPTORS`.
        [self.first, self.count].map(|number| u8::try_from(number).unwrap_or(u8::MAX))
    }

    /// The bytes of the value itself, and its descriptors that are ipc-channel's.
    pub(super) fn split<'a>(
        bytes: &'a [u8],
        descriptors: &[Arc<OwnedFd>],
    ) -> Result<(&'a [u8], Vec<Arc<OwnedFd>>), String> {
        if descriptors.is_empty() {
            return Ok((bytes, Vec::new()));
        }
        let Some((value, [first, count])) = bytes.split_last_chunk() else {
            return Err("it does not say which handles it has".to_owned());
        };
        let (first, count) = (usize::from(*first), usize::from(*count));
        let of_ipc_channel = if count == 0 { Some(&[][..]) } else { descriptors.get(first..first + count) };
        match of_ipc_channel {
            Some(foreign) => Ok((value, foreign.to_vec())),
            None => Err(format!("handle {} of {} is missing", first + count - 1, descriptors.len())),
        }
    }
}

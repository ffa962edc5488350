//! An encoded job, result or message: bytes, and the descriptors of its handles.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::ipc::attachments::{Attachment, Holders};
use crate::ipc::numbers::Width;

mod bytes;

#[cfg(test)]
pub(crate) use bytes::MOST_PERMITS;
pub(crate) use bytes::{Bytes, Permit, Sealed};

/// Payloads up to this many bytes go in the message itself. It leaves a message well below the size of a socket's buffer
/// (208 KiB by default, socket(7)), so that sending one neither blocks nor splits it.
pub(crate) const MAX_INLINE: usize = 64 * 1024;

/// An encoded job, or an encoded result that came back.
#[derive(Debug)]
pub(crate) struct Payload {
    bytes: Bytes,
    /// `None` where nothing is attached, which is the rule.
    attached: Option<Box<Mutex<Attached>>>,
}

#[derive(Debug)]
struct Attached {
    all: Vec<Attachment>,
    /// The items of a chunk that hold each of them. Ends of channels are kept for those that have not run.
    holders: Option<Vec<Holders>>,
    /// Ends of channels have gone to a worker, and are no longer here.
    has_given: bool,
}

impl Payload {
    pub(crate) fn new(bytes: impl Into<Bytes>, attachments: Vec<Attachment>) -> Self {
        Self::with(bytes, Attached { all: attachments, holders: None, has_given: false })
    }

    /// Of a chunk, with the items that hold each of them. A worker gets copies, so that another one can go on where it ended.
    pub(crate) fn of_chunk(bytes: Vec<u8>, attachments: Vec<(Attachment, Holders)>) -> Self {
        let (all, holders) = attachments.into_iter().unzip();
        Self::with(bytes, Attached { all, holders: Some(holders), has_given: false })
    }

    fn with(bytes: impl Into<Bytes>, attached: Attached) -> Self {
        let attached = (!attached.all.is_empty()).then(|| Box::new(Mutex::new(attached)));
        Self { bytes: bytes.into(), attached }
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }

    pub(crate) fn has_attachments(&self) -> bool {
        self.attached.is_some()
    }

    /// The same, for another job.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.bytes.clone(), self.lend())
    }

    /// Keeps only the items from number `next` on: `bytes`, and their attachments. Each attachment keeps its index.
    pub(crate) fn replace(&mut self, bytes: Vec<u8>, next: usize) {
        self.bytes = bytes.into();
        let Some(Attached { all, holders: Some(holders), .. }) = self.attached.as_deref_mut().map(Mutex::get_mut)
        else {
            return;
        };
        let Some(kept) = holders.iter().position(|(_, last)| *last >= next).map(|place| all[place].clone()) else {
            self.attached = None;
            return;
        };
        for (attachment, _) in all.iter_mut().zip(holders).filter(|(_, (_, last))| *last < next) {
            *attachment = kept.clone();
        }
    }

    /// The descriptors that `item` of a chunk holds, or those of all, each in its place. `None` where one is an end of a channel, which only
    /// its user may hold.
    pub(crate) fn descriptors_of(&self, item: Option<usize>) -> Option<Vec<Option<Arc<OwnedFd>>>> {
        let Some(attached) = &self.attached else { return Some(Vec::new()) };
        let attached = attached.lock();
        let is_held = |place: usize| match (&attached.holders, item) {
            (Some(holders), Some(item)) => (holders[place].0..=holders[place].1).contains(&item),
            _ => true,
        };
        let take = |(place, attachment): (usize, &Attachment)| match is_held(place) {
            false => Some(None),
            true if attachment.is_channel => None,
            true => Some(Some(Arc::clone(&attachment.descriptor))),
        };
        if attached.has_given { None } else { attached.all.iter().enumerate().map(take).collect() }
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are ends of channels in it. It is not to be sent ahead: an end that two processes hold does not tell the other end
    /// when one of them is done with it.
    pub(crate) fn has_channels(&self) -> bool {
        self.attached.as_ref().is_some_and(|attached| {
            let attached = attached.lock();
            attached.has_given || attached.all.iter().any(|attachment| attachment.is_channel)
        })
    }

    /// Whether ends of channels in it have gone to a worker, so that no other can have them.
    pub(crate) fn has_given(&self) -> bool {
        self.attached.as_ref().is_some_and(|attached| attached.lock().has_given)
    }

    /// For the one worker that runs it: once `send` has done so, ends of channels have left this process, but those of a chunk; and blobs
    /// stay for another try.
    ///
    /// # Errors
    ///
    /// Those of `send`, which leave everything as it was; and when it was given before, and had ends of channels.
    pub(crate) fn give<T>(&self, send: impl FnOnce(&[Attachment]) -> io::Result<T>) -> io::Result<T> {
        let Some(attached) = &self.attached else { return send(&[]) };
        let mut attached = attached.lock();
        if attached.has_given {
            return Err(io::Error::other(
                "its worker process died before it started the job, and the channels among its arguments are lost; \
                 submit it again with new channels",
            ));
        }
        let sent = send(&attached.all)?;
        if attached.holders.is_some() {
            return Ok(sent);
        }
        let before = attached.all.len();
        attached.all.retain(|attachment| !attachment.is_channel);
        attached.has_given = attached.all.len() < before;
        Ok(sent)
    }

    /// For one of several workers, or for decoding here.
    pub(crate) fn lend(&self) -> Vec<Attachment> {
        self.attached.as_ref().map(|attached| attached.lock().all.clone()).unwrap_or_default()
    }
}

/// A payload in a message, or what of it is not in the bytes beside it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) data: Data,
    pub(crate) packet: Option<Announced>,
}

impl Body {
    /// How many bytes of the payload are in the message.
    pub(crate) fn inline_len(&self) -> usize {
        if let Data::Inline(bytes) = &self.data { bytes.len() } else { 0 }
    }
}

/// Where the bytes are.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Data {
    Inline(Bytes),
    /// In shared memory that is used again.
    Slot {
        slot: u8,
        len: usize,
        /// If they are numbers as they lie in memory: how many bytes each has.
        numbers: Option<Width>,
    },
    /// In shared memory that came for this alone. The receiver lets go of the slot, which has become too large to be kept.
    Once {
        len: usize,
        numbers: Option<Width>,
        forgets: Option<u8>,
    },
    /// The first bytes of shared memory that came for this alone, and that no process can change any more.
    Sealed {
        len: usize,
    },
}

/// The packet of descriptors that was sent before this message.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Announced {
    pub(crate) number: u64,
    /// How many of them are the payload's: one more is of shared memory.
    pub(crate) handles: u8,
}

//! The parent's end: nothing that it maps or reads can be changed under it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use parking_lot::Mutex;

use super::link::{Arrived, Link};
use super::slots::{SLOTS, START, Slot, Slots, Store, release};
use crate::attachments::Attachment;
use crate::codec::Step;
use crate::kind::{Answer, Answered};
use crate::memory;
use crate::payload::{Body, Bytes, Data, INLINE, Payload};
use crate::socket::Wait;

/// The parent's end of what a worker's payloads go through.
pub(crate) struct ParentEnd {
    link: Link,
    ours: Mutex<Slots<Plain>>,
    /// The worker's slots, by number.
    theirs: Mutex<[Option<OwnedFd>; SLOTS]>,
}

/// Not mapped: a worker may do to it what it likes.
struct Plain {
    file: OwnedFd,
    capacity: usize,
}

impl Store for Plain {
    fn file(&self) -> &OwnedFd {
        &self.file
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}

impl ParentEnd {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { link: Link::new(socket, Wait::No), ours: Mutex::default(), theirs: Mutex::default() }
    }

    /// Prepares a job to be sent. Its ends of channels are the worker's from now on.
    ///
    /// # Errors
    ///
    /// When the system has no shared memory or no room in the socket, or the job cannot be sent a second time.
    pub(crate) fn pack(&self, job: &Payload) -> io::Result<Body> {
        self.pack_with(job.bytes(), job.give()?)
    }

    /// As [`pack`](ParentEnd::pack), for what several workers get.
    ///
    /// # Errors
    ///
    /// When the system has no shared memory or no room in the socket.
    pub(crate) fn pack_copy(&self, job: &Payload) -> io::Result<Body> {
        self.pack_with(job.bytes(), job.lend())
    }

    fn pack_with(&self, bytes: &Bytes, attachments: Vec<Attachment>) -> io::Result<Body> {
        let len = bytes.0.len();
        if len <= INLINE {
            let packet = self.link.announce(None, &attachments)?;
            return Ok(Body { data: Data::Inline(bytes.clone()), packet });
        }
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("no shared memory of {len} bytes ({error})"));
        let mut ours = self.ours.lock();
        let Some((slot, mut taken)) = take_slot(&mut ours, len).map_err(named)? else {
            drop(ours);
            let file = memory::scratch().and_then(|file| filled(file, &bytes.0)).map_err(named)?;
            let packet = self.link.announce(Some((&file, None)), &attachments)?;
            return Ok(Body { data: Data::Once { len, forgets: None }, packet });
        };
        memory::write(&taken.store.file, &bytes.0, START).map_err(named)?;
        taken.lend().map_err(named)?;
        let fresh = (!taken.is_known).then_some((&taken.store.file, Some(slot)));
        let packet = self.link.announce(fresh, &attachments)?;
        taken.is_known = true;
        ours.put(slot, taken);
        Ok(Body { data: Data::Slot { slot, len }, packet })
    }

    /// What a message's job or result is. Large ones are copied, so that a result that nobody takes for a while holds no descriptor
    /// but those of its handles.
    ///
    /// # Errors
    ///
    /// When the worker broke the protocol, or this process cannot go on with it.
    pub(crate) fn unpack(&self, answered: Answered) -> Result<Answer<Payload>, String> {
        let body = match answered {
            Answer::Done(body) => body,
            Answer::Panicked(panic) => return Ok(Answer::Panicked(panic)),
            Answer::Codec { step, cause } => {
                if let Step::DecodeJob = step {
                    // It may have had no room for a slot that it was sent.
                    self.ours.lock().clear();
                }
                return Ok(Answer::Codec { step, cause });
            }
        };
        let mut theirs = self.theirs.lock();
        let arrived = self.link.collect(body.packet, |slot, file| theirs[usize::from(slot)] = Some(file))?;
        let Arrived { memory, handles, is_cut } = arrived;
        let read = match body.data {
            Data::Inline(bytes) => Ok(bytes),
            Data::Slot { slot, len } => {
                let file = theirs.get(usize::from(slot)).and_then(Option::as_ref);
                let file = file.ok_or_else(|| format!("there is no slot {slot}"))?;
                let read = memory::read(file, START, len).map(Bytes::from);
                release(file);
                read
            }
            Data::Once { len, forgets } => {
                if let Some(slot) = forgets.and_then(|slot| theirs.get_mut(usize::from(slot))) {
                    *slot = None;
                }
                let file = memory.ok_or("the memory of a result did not come")?;
                memory::read(&file, START, len).map(Bytes::from)
            }
        };
        drop(theirs);
        let cause = match read {
            Ok(_) if is_cut => {
                "this process has no room for the descriptors of its handles; free some, or raise RLIMIT_NOFILE"
                    .to_owned()
            }
            Ok(bytes) => {
                let attachments = handles
                    .into_iter()
                    .map(|file| Attachment { descriptor: Arc::new(file), is_channel: false })
                    .collect();
                return Ok(Answer::Done(Payload::new(bytes, attachments)));
            }
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => "there is no memory for it".to_owned(),
            Err(error) => return Err(format!("its result cannot be read ({error})")),
        };
        Ok(Answer::Codec { step: Step::DecodeResult, cause })
    }

    /// Whether it keeps memory.
    pub(crate) fn keeps_memory(&self) -> bool {
        !self.ours.lock().is_empty() || self.theirs.lock().iter().any(Option::is_some)
    }

    /// Gives the memory of both sides back. Only while the worker has nothing to do: else it may be writing a result.
    pub(crate) fn shrink(&self) {
        self.ours.lock().shrink();
        for file in self.theirs.lock().iter().flatten() {
            // A failure leaves the memory where it is.
            let _ = memory::clear(file, START);
        }
    }
}

/// A slot for `len` bytes, or `None` where they are too many to be kept.
fn take_slot(ours: &mut Slots<Plain>, len: usize) -> io::Result<Option<(u8, Slot<Plain>)>> {
    let taken = ours.take(len);
    let capacity = taken.as_ref().map_or(0, |(_, slot)| slot.store.capacity);
    if !ours.has_room(capacity.max(len)) {
        if let Some((number, slot)) = taken {
            ours.put(number, slot);
        }
        return Ok(None);
    }
    match taken {
        Some((number, mut slot)) => {
            slot.store.capacity = capacity.max(len);
            Ok(Some((number, slot)))
        }
        None => match ours.vacant() {
            Some(number) => Ok(Some((number, Slot::new(Plain { file: memory::scratch()?, capacity: len })))),
            None => Ok(None),
        },
    }
}

fn filled(file: OwnedFd, bytes: &[u8]) -> io::Result<OwnedFd> {
    memory::write(&file, bytes, START)?;
    Ok(file)
}

//! The parent's end: nothing that it maps or reads can be changed under it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::link::Link;
use super::mapped::{Inbox, Outbox};
use super::slots::{MAX_BUFFERS, START, Slot, Slots, Store, release};
use crate::ipc::attachments::Attachment;
use crate::ipc::codec::Step;
use crate::ipc::os_error::with_remedy;
use crate::ipc::payload::{Body, Bytes, Data, MAX_INLINE, Payload, Sealed};
use crate::ipc::shared_memory;
use crate::ipc::socket::Wait;
use crate::protocol::answer::{Answer, Answered};

/// The parent's end of what a worker's payloads go through.
pub(crate) struct ParentEnd {
    link: Link,
    ours: Mutex<Slots<Outbox>>,
    /// The worker's slots, by number.
    theirs: Mutex<[Option<Inbox>; MAX_BUFFERS]>,
    /// Taken before the others where both are held.
    rest: Mutex<Rest>,
    /// Whether the worker had no room for a job or a result.
    is_short: AtomicBool,
}

/// Whether the worker rests, and whether its memory is to be given back when it has done so for a while.
#[derive(Default)]
struct Rest {
    /// Whether it may have something to do.
    is_busy: bool,
    /// When slots were last used, if their memory was not given back since.
    used: Option<Instant>,
    /// Whether the watcher will check them.
    is_watched: bool,
}

/// How long unused slots keep their memory.
const KEEP: Duration = Duration::from_secs(1);

impl Store for Outbox {
    fn file(&self) -> &OwnedFd {
        self.file()
    }

    fn capacity(&self) -> usize {
        self.capacity()
    }

    fn was_cleared(&mut self) {
        self.unmap();
    }
}

impl ParentEnd {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        let link = Link::new(socket, Wait::No);
        let is_short = AtomicBool::new(false);
        Self { link, ours: Mutex::default(), theirs: Mutex::default(), rest: Mutex::default(), is_short }
    }

    /// Prepares a job to be sent. Its ends of channels are the worker's from now on.
    ///
    /// # Errors
    ///
    /// When the system has no shared memory or no room in the socket, or the job cannot be sent a second time.
    pub(crate) fn pack(&self, job: &Payload) -> io::Result<Body> {
        self.rest.lock().is_busy = true;
        job.give(|attachments| self.pack_with(job.bytes(), attachments))
    }

    /// As [`pack`](ParentEnd::pack), for what several workers get.
    ///
    /// # Errors
    ///
    /// When the system has no shared memory or no room in the socket.
    pub(crate) fn pack_copy(&self, job: &Payload) -> io::Result<Body> {
        self.pack_with(job.bytes(), &job.lend())
    }

    fn pack_with(&self, bytes: &Bytes, attachments: &[Attachment]) -> io::Result<Body> {
        let len = bytes.len();
        if len <= MAX_INLINE {
            let packet = self.link.announce(None, attachments)?;
            return Ok(Body { data: Data::Inline(bytes.clone()), packet });
        }
        if let Some(file) = bytes.file() {
            let packet = self.link.announce(Some((file, None)), attachments)?;
            return Ok(Body { data: Data::Sealed { len }, packet });
        }
        let named = |error: io::Error| {
            let cause = with_remedy(&error);
            io::Error::new(error.kind(), format!("no shared memory of {len} bytes ({cause})"))
        };
        self.rest.lock().used = Some(Instant::now());
        let mut ours = self.ours.lock();
        let Some((slot, mut taken)) = take_slot(&mut ours, len).map_err(named)? else {
            drop(ours);
            let file = shared_memory::scratch().and_then(|file| filled(file, bytes)).map_err(named)?;
            let packet = self.link.announce(Some((&file, None)), attachments)?;
            return Ok(Body { data: Data::Once { len, numbers: None, forgets: None }, packet });
        };
        taken.store.write(bytes).map_err(named)?;
        taken.lend().map_err(named)?;
        let fresh = (!taken.is_known).then_some((taken.store.file(), Some(slot)));
        let packet = self.link.announce(fresh, attachments)?;
        taken.is_known = true;
        ours.put(slot, taken);
        Ok(Body { data: Data::Slot { slot, len, numbers: None }, packet })
    }

    /// Decodes an answer. A large result is copied, so that until it is taken it holds no descriptors but those of its handles.
    ///
    /// # Errors
    ///
    /// When the worker broke the protocol, or this process cannot go on with it.
    pub(crate) fn unpack(&self, answered: Answered) -> Result<Answer<Payload>, String> {
        match answered {
            Answer::Done(body) => self.unpack_result(body),
            Answer::Items => Ok(Answer::Items),
            Answer::Panicked(panic) => Ok(Answer::Panicked(panic)),
            Answer::Codec { step, cause } => Ok(Answer::Codec { step, cause }),
            Answer::NoRoom { step, cause } => {
                // It may have had no room for a slot that it was sent.
                self.ours.lock().clear();
                // Relaxed: it carries no data.
                self.is_short.store(true, Ordering::Relaxed);
                Ok(Answer::NoRoom { step, cause })
            }
        }
    }

    fn unpack_result(&self, body: Body) -> Result<Answer<Payload>, String> {
        if let Body { data: Data::Inline(bytes), packet: None } = body {
            return Ok(Answer::Done(Payload::new(bytes, Vec::new())));
        }
        if let Data::Slot { .. } = body.data {
            self.rest.lock().used = Some(Instant::now());
        }
        let mut theirs = self.theirs.lock();
        let arrived =
            self.link.collect(body.packet, |slot, file| theirs[usize::from(slot)] = Some(Inbox::new(file)))?;
        let read = match body.data {
            Data::Inline(bytes) => Ok(bytes),
            Data::Slot { slot, len, numbers } => {
                let inbox = theirs.get_mut(usize::from(slot)).and_then(Option::as_mut);
                let inbox = inbox.ok_or_else(|| format!("there is no slot {slot}"))?;
                let read = inbox.copy(len, numbers);
                release(inbox.file());
                read
            }
            Data::Once { len, numbers, forgets } => {
                if let Some(slot) = forgets.and_then(|slot| theirs.get_mut(usize::from(slot))) {
                    *slot = None;
                }
                let Some(file) = arrived.memory else { return not_arrived(arrived.is_cut) };
                Inbox::new(file).copy(len, numbers)
            }
            Data::Sealed { len } => {
                let Some(file) = arrived.memory else { return not_arrived(arrived.is_cut) };
                Sealed::open(file, len).map(Bytes::received)
            }
        };
        match read {
            Ok(_) if arrived.is_cut => Ok(failed(
                "this process has no file descriptor left for its handles; close some files, or raise `ulimit -n`",
            )),
            Ok(bytes) => Ok(Answer::Done(Payload::new(bytes, attached(arrived.handles)))),
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
                Ok(failed("this process has no memory left for it"))
            }
            Err(error) => Err(format!("its result could not be read ({error})")),
        }
    }

    /// Whether the worker once had no room for a job or a result. If jobs leak, it may never have room again.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed)
    }

    /// The worker has nothing to do until the next job is packed. Returns how long to wait before calling
    /// [`shrink_after_rest`](ParentEnd::shrink_after_rest), if there is memory to give back and the watcher does not wait yet.
    pub(crate) fn rest(&self) -> Option<Duration> {
        let mut rest = self.rest.lock();
        rest.is_busy = false;
        let is_due = rest.used.is_some() && !rest.is_watched;
        rest.is_watched |= is_due;
        is_due.then_some(KEEP)
    }

    /// The watcher could not be told: the next `rest` asks again.
    pub(crate) fn is_not_watched(&self) {
        self.rest.lock().is_watched = false;
    }

    /// Gives the memory of the slots back if they were not used for a while. Returns how long to wait before calling it again.
    pub(crate) fn shrink_after_rest(&self) -> Option<Duration> {
        // Held to the end, so that no job is sent meanwhile: its worker might have written its result before the memory is cleared.
        let mut rest = self.rest.lock();
        rest.is_watched = false;
        let used = rest.used.filter(|_| !rest.is_busy)?;
        let left = KEEP.saturating_sub(used.elapsed());
        if !left.is_zero() {
            rest.is_watched = true;
            return Some(left);
        }
        rest.used = None;
        self.shrink();
        None
    }

    /// Gives the memory of both sides back. Only while the worker has nothing to do.
    pub(super) fn shrink(&self) {
        self.ours.lock().shrink();
        for inbox in self.theirs.lock().iter_mut().flatten() {
            // A failure leaves the memory where it is.
            let _ = shared_memory::clear(inbox.file(), START);
            inbox.unmap();
        }
    }
}

fn failed(cause: &str) -> Answer<Payload> {
    Answer::Codec { step: Step::DecodeResult, cause: cause.to_owned() }
}

/// Of the shared memory of a result.
fn not_arrived(is_cut: bool) -> Result<Answer<Payload>, String> {
    if !is_cut {
        return Err("the shared memory of a result did not arrive".to_owned());
    }
    Ok(failed("this process has no file descriptor left for its shared memory; close some files, or raise `ulimit -n`"))
}

fn attached(descriptors: Vec<OwnedFd>) -> Vec<Attachment> {
    let attachment = |file| Attachment { descriptor: Arc::new(file), is_channel: false };
    descriptors.into_iter().map(attachment).collect()
}

/// A slot for `len` bytes, or `None` where they are too many to be kept.
fn take_slot(ours: &mut Slots<Outbox>, len: usize) -> io::Result<Option<(u8, Slot<Outbox>)>> {
    let taken = ours.take(len);
    let capacity = taken.as_ref().map_or(0, |(_, slot)| slot.store.capacity());
    if !ours.has_room(capacity.max(len)) {
        if let Some((number, slot)) = taken {
            ours.put(number, slot);
        }
        return Ok(None);
    }
    match taken {
        Some((number, slot)) => Ok(Some((number, slot))),
        None => match ours.vacant() {
            Some(number) => Ok(Some((number, Slot::new(Outbox::new()?)))),
            None => Ok(None),
        },
    }
}

fn filled(file: OwnedFd, bytes: &[u8]) -> io::Result<OwnedFd> {
    shared_memory::write(&file, bytes, START)?;
    Ok(file)
}

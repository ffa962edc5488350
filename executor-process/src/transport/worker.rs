//! The worker's end: it reads jobs where the parent wrote them, and writes results where the parent reads them.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::link::{Arrived, Link};
use super::outgoing::{Large, Outgoing, Written, no_memory};
use super::slots::{MAX_BUFFERS, START, Slot, Slots, Store, release};
use crate::ipc::codec::Step;
use crate::ipc::os_error::with_remedy;
use crate::ipc::payload::{Body, Bytes, Data, Sealed};
use crate::ipc::shared_memory::{self, Draft, Window};
use crate::ipc::socket::Wait;
use crate::protocol::answer::{Answer, Answered};
use crate::protocol::limits::{MOST_SAID, truncate};

/// A worker's end of what its payloads go through.
pub(crate) struct WorkerEnd {
    link: Link,
    ours: Mutex<Slots<Draft>>,
    /// The parent's slots, by number.
    theirs: Mutex<[Option<Known>; MAX_BUFFERS]>,
    /// Whether this process was refused a descriptor or memory since the last answer.
    was_short: AtomicBool,
}

/// A slot of the parent's.
struct Known {
    file: Arc<OwnedFd>,
    /// As far as it has been read.
    window: Option<Arc<Window>>,
}

impl Known {
    fn window(&mut self, len: usize) -> io::Result<Arc<Window>> {
        if let Some(window) = self.window.as_ref().filter(|window| window.len() >= len) {
            return Ok(Arc::clone(window));
        }
        let window = Arc::new(window(Arc::clone(&self.file), len)?);
        Ok(Arc::clone(self.window.insert(window)))
    }
}

impl Store for Draft {
    fn file(&self) -> &OwnedFd {
        Draft::file(self)
    }

    fn capacity(&self) -> usize {
        self.len()
    }

    fn was_cleared(&mut self) {}
}

/// A job as it came, where it lies.
pub(crate) struct Opened {
    source: Source,
    pub(crate) descriptors: Vec<Arc<OwnedFd>>,
}

enum Source {
    Inline(Bytes),
    Shared { window: Arc<Window>, len: usize },
    Sealed(Sealed),
}

impl Deref for Opened {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.source {
            Source::Inline(bytes) => bytes,
            Source::Shared { window, len } => &window[..*len],
            Source::Sealed(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl Drop for Source {
    /// The parent may write there again.
    fn drop(&mut self) {
        if let Self::Shared { window, .. } = self {
            release(window.file());
        }
    }
}

impl WorkerEnd {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        let was_short = AtomicBool::new(false);
        Self { link: Link::new(socket, Wait::Forever), ours: Mutex::default(), theirs: Mutex::default(), was_short }
    }

    /// Opens a job.
    ///
    /// # Errors
    ///
    /// When this process has no room for its descriptors or its memory.
    pub(crate) fn open(&self, body: Body) -> Result<Opened, String> {
        self.open_here(body).inspect_err(|_| self.is_short())
    }

    /// This process was refused a descriptor or memory. Relaxed: it is read on this thread.
    pub(super) fn is_short(&self) {
        self.was_short.store(true, Ordering::Relaxed);
    }

    fn open_here(&self, body: Body) -> Result<Opened, String> {
        let mut theirs = self.theirs.lock();
        let arrived = self.link.collect(body.packet, |slot, file| {
            theirs[usize::from(slot)] = Some(Known { file: Arc::new(file), window: None });
        })?;
        let Arrived { memory, handles, is_cut } = arrived;
        if is_cut {
            return Err("the worker process has no file descriptor left for its handles; if jobs leak some, close \
                        them, or raise `ulimit -n`"
                .to_owned());
        }
        let unmapped =
            |error: io::Error| format!("the worker process could not map its shared memory ({})", with_remedy(&error));
        let sent_alone = || memory.ok_or("the worker process has no file descriptor left for its shared memory");
        let source = match body.data {
            Data::Inline(bytes) => Source::Inline(bytes),
            Data::Slot { slot, len, .. } => {
                let known = theirs.get_mut(usize::from(slot)).and_then(Option::as_mut);
                let known = known.ok_or_else(|| format!("there is no slot {slot}"))?;
                Source::Shared { window: known.window(len).map_err(unmapped)?, len }
            }
            Data::Once { len, .. } => {
                let file = sent_alone()?;
                Source::Shared { window: Arc::new(window(Arc::new(file), len).map_err(unmapped)?), len }
            }
            Data::Sealed { len } => {
                let file = sent_alone()?;
                Source::Sealed(Sealed::open(file, len).map_err(unmapped)?)
            }
        };
        Ok(Opened { source, descriptors: handles.into_iter().map(Arc::new).collect() })
    }

    /// A job that is not to run. The slot that it may lie in is free again.
    pub(crate) fn skip(&self, body: Body) {
        drop(self.open(body));
    }

    /// Prepares an answer to be sent. A result that finds no room fails as one that cannot be encoded.
    pub(crate) fn pack(&self, answer: Answer<Outgoing>) -> Answered {
        // Relaxed: it is set on this thread.
        let was_short = self.was_short.swap(false, Ordering::Relaxed);
        match answer {
            Answer::Done(outgoing) => self.pack_result(outgoing).map_or_else(
                |error| Answer::NoRoom { step: Step::EncodeResult, cause: no_memory(&error) },
                Answer::Done,
            ),
            Answer::Items => Answer::Items,
            Answer::Panicked(panic) => Answer::Panicked(panic.truncate()),
            Answer::Codec { step, cause } if was_short => Answer::NoRoom { step, cause: truncate(cause, MOST_SAID) },
            Answer::Codec { step, cause } => Answer::Codec { step, cause: truncate(cause, MOST_SAID) },
            Answer::NoRoom { step, cause } => Answer::NoRoom { step, cause: truncate(cause, MOST_SAID) },
        }
    }

    fn pack_result(&self, outgoing: Outgoing) -> io::Result<Body> {
        let Outgoing { written, numbers, attachments } = outgoing;
        match written {
            Written::Small(bytes) => {
                let packet = self.link.announce(None, &attachments)?;
                Ok(Body { data: Data::Inline(bytes.into()), packet })
            }
            Written::Sealed(Sealed { memory, len }) => {
                let packet = self.link.announce(Some((memory.file(), None)), &attachments)?;
                Ok(Body { data: Data::Sealed { len }, packet })
            }
            Written::Large(Large { number, mut slot, len }) => {
                let mut ours = self.ours.lock();
                let number_to_keep = number.or_else(|| ours.vacant()).filter(|_| ours.has_room(slot.store.capacity()));
                let Some(kept) = number_to_keep else {
                    drop(ours);
                    let packet = self.link.announce(Some((slot.store.file(), None)), &attachments)?;
                    return Ok(Body { data: Data::Once { len, numbers, forgets: number }, packet });
                };
                slot.lend()?;
                let fresh = (!slot.is_known).then_some((slot.store.file(), Some(kept)));
                let packet = self.link.announce(fresh, &attachments)?;
                slot.is_known = true;
                ours.put(kept, slot);
                Ok(Body { data: Data::Slot { slot: kept, len, numbers }, packet })
            }
        }
    }

    /// Memory that a large result is written to: a free slot, or a new one that may become one.
    pub(super) fn take(&self, len: usize) -> io::Result<Large> {
        if let Some((number, slot)) = self.ours.lock().take(usize::MAX) {
            return Ok(Large { number: Some(number), slot, len: 0 });
        }
        let len = NonZeroUsize::new(len).expect("it is large");
        let draft = Draft::new(shared_memory::scratch()?, START, len)?;
        Ok(Large { number: None, slot: Slot::new(draft), len: 0 })
    }

    /// Memory that nothing was written to after all.
    pub(super) fn give_back(&self, large: Large) {
        if let Some(number) = large.number {
            self.ours.lock().put(number, large.slot);
        }
    }
}

/// All of the file that holds the payload, which is no shorter than `len`.
fn window(file: Arc<OwnedFd>, len: usize) -> io::Result<Window> {
    Window::new(file, START, NonZeroUsize::new(len).ok_or(io::ErrorKind::InvalidData)?)
}

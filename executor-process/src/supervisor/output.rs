//! The stdout and stderr of a worker, by job. The thread that serves the worker reads them while it waits for replies, and once more
//! before it sets an outcome; the handler runs on the thread of [`Delivery`].

mod line;
mod settings;

use std::cell::{Cell, RefCell};
use std::io;
use std::mem::take;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::panics::{catch, drop_catching};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio, ioctl_fionread, read};
use rustix::pipe::{PipeFlags, pipe_with};

pub use self::line::{OutputLine, OutputStream};
pub(crate) use self::settings::{Capture, CaptureSettings};
use crate::supervisor::delivery::Delivery;
use crate::supervisor::records::{Source, SourceJob};

/// The bytes that are read at once: as many as a pipe holds, unless a job has changed that.
const MOST_READ: usize = 64 * 1024;

/// The longest line that is kept until its end has come.
const MOST_LINE: usize = 64 * 1024;

/// How much of stderr a crash's error has.
const TAIL: usize = 8 * 1024;

/// The output of one worker.
pub(crate) struct Output {
    capture: Capture,
    delivery: Arc<Delivery>,
    /// The worker, in none of its jobs.
    idle: Arc<Source>,
    /// The number of the last call of the handler that was not waited for, or 0.
    last_call: Cell<u64>,
    state: RefCell<State>,
}

struct State {
    streams: [Stream; 2],
    /// The worker, in the job that runs.
    source: Arc<Source>,
    /// How many bytes the handler may still get of that job.
    room: usize,
    /// The end of what the job wrote to stderr.
    tail: Vec<u8>,
}

struct Stream {
    which: OutputStream,
    /// `None` at its end.
    pipe: Option<OwnedFd>,
    /// A line without its end.
    line: Vec<u8>,
    /// How many bytes of the job were dropped.
    dropped: u64,
    /// How many bytes were dropped of jobs that have ended, if no notice of that found room.
    unreported: u64,
}

/// Two pipes: the ends that this process reads, and those that a worker writes to.
pub(crate) fn pipes() -> io::Result<([OwnedFd; 2], [OwnedFd; 2])> {
    let (out, worker_out) = pipe_with(PipeFlags::CLOEXEC)?;
    let (err, worker_err) = pipe_with(PipeFlags::CLOEXEC)?;
    for end in [&out, &err] {
        ioctl_fionbio(end, true)?;
    }
    Ok(([out, err], [worker_out, worker_err]))
}

impl Output {
    pub(crate) fn new(capture: Capture, delivery: Arc<Delivery>, source: Source, [out, err]: [OwnedFd; 2]) -> Self {
        let idle = Arc::new(source);
        let stream = |which, pipe| Stream { which, pipe: Some(pipe), line: Vec::new(), dropped: 0, unreported: 0 };
        let streams = [stream(OutputStream::Stdout, out), stream(OutputStream::Stderr, err)];
        let state = State { streams, source: Arc::clone(&idle), room: capture.limit, tail: Vec::new() };
        Self { capture, delivery, idle, last_call: Cell::new(0), state: RefCell::new(state) }
    }

    /// From now on, output is that of `job`. Earlier output is of no job.
    pub(crate) fn begin(&self, job: SourceJob) {
        self.drain();
        self.end();
        let mut state = self.state.borrow_mut();
        state.source = Arc::new(Source { job: Some(job), ..(*self.idle).clone() });
        state.tail.clear();
    }

    /// The job has ended: the rest of a line is a line, and the handler is told how much was dropped. From now on, output is of no job.
    pub(crate) fn end(&self) {
        let mut state = self.state.borrow_mut();
        let State { streams, source, room, .. } = &mut *state;
        for stream in streams {
            let rest = take(&mut stream.line);
            self.deliver(stream, source, rest);
            if stream.dropped > 0 && !self.report(stream.which, source, stream.dropped) {
                stream.unreported += stream.dropped;
            } else if stream.unreported > 0 && self.report(stream.which, &self.idle, stream.unreported) {
                stream.unreported = 0;
            }
            stream.dropped = 0;
        }
        *source = Arc::clone(&self.idle);
        *room = self.capture.limit;
    }

    /// The number of the last call of the handler, if it was not taken before; otherwise 0.
    pub(crate) fn take_last_call(&self) -> u64 {
        self.last_call.take()
    }

    fn call(&self, bytes: usize, call: impl FnOnce() + Send + 'static) -> bool {
        let number = self.delivery.add(bytes, call);
        self.last_call.set(number.unwrap_or(self.last_call.get()));
        number.is_some()
    }

    /// The end of what the last job wrote to stderr.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.state.borrow().tail).into_owned()
    }

    /// Reads output until `replies` is ready, for `limit` at most. If it is ready, all output from before was read. False if it is not.
    pub(crate) fn read_until_ready(&self, replies: BorrowedFd<'_>, limit: Option<Duration>) -> io::Result<bool> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let [is_ready, readable @ ..] = self.poll(replies, rest)?;
            let mut state = self.state.borrow_mut();
            for (index, _) in readable.iter().enumerate().filter(|(_, is_readable)| **is_readable) {
                if is_ready {
                    self.read_all(&mut state, index);
                } else {
                    self.read_once(&mut state, index, MOST_READ);
                }
            }
            if is_ready {
                return Ok(true);
            }
            if rest.is_some_and(|rest| rest.is_zero()) || readable == [false; 2] {
                return Ok(false);
            }
        }
    }

    /// Waits until any of them is ready. The replies are looked at first: what was written before a reply is seen with it.
    fn poll(&self, replies: BorrowedFd<'_>, limit: Option<Duration>) -> io::Result<[bool; 3]> {
        let state = self.state.borrow();
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        // A stream that has ended is asked for in place of none.
        let [out, err] = state.streams.each_ref().map(|stream| stream.pipe.as_ref().map_or(replies, AsFd::as_fd));
        let mut all = [replies, out, err].map(|end| PollFd::from_borrowed_fd(end, PollFlags::IN));
        loop {
            match poll(&mut all, limit.as_ref()) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let [replies, out, err] = all.map(|end| !end.revents().is_empty());
        let has = |index: usize| state.streams[index].pipe.is_some();
        Ok([replies, out && has(0), err && has(1)])
    }

    /// Reads the output that is there. Does not block, and does not wait for an end.
    pub(crate) fn drain(&self) {
        let mut state = self.state.borrow_mut();
        for index in 0..2 {
            self.read_all(&mut state, index);
        }
    }

    /// Reads as much of a stream as it holds now: a process that writes on must not hold this thread up.
    fn read_all(&self, state: &mut State, index: usize) {
        let left = state.streams[index].pipe.as_ref().and_then(|pipe| ioctl_fionread(pipe).ok());
        let mut left = left.and_then(|left| usize::try_from(left).ok()).unwrap_or(0);
        loop {
            match self.read_once(state, index, left.clamp(1, MOST_READ)) {
                0 => return,
                len => left = left.saturating_sub(len),
            }
            if left == 0 {
                return;
            }
        }
    }

    /// Returns how many bytes were read.
    fn read_once(&self, state: &mut State, index: usize, most: usize) -> usize {
        let Some(pipe) = &state.streams[index].pipe else { return 0 };
        let mut buffer = vec![0; most];
        let len = match read(pipe, &mut buffer[..]) {
            Ok(0) => {
                state.streams[index].pipe = None;
                return 0;
            }
            Ok(len) => len,
            // There is nothing, or a signal came: the next look finds the rest.
            Err(_) => return 0,
        };
        self.absorb(state, index, &buffer[..len]);
        len
    }

    fn absorb(&self, state: &mut State, index: usize, bytes: &[u8]) {
        let State { streams, source, room, tail } = state;
        let stream = &mut streams[index];
        if stream.which == OutputStream::Stderr {
            push_tail(tail, bytes);
        }
        let (kept, cut) = bytes.split_at(bytes.len().min(*room));
        *room -= kept.len();
        stream.dropped += cut.len() as u64;
        match kept.iter().rposition(|&byte| byte == b'\n') {
            Some(end) => {
                let (whole, rest) = kept.split_at(end + 1);
                stream.line.extend_from_slice(whole);
                let lines = std::mem::replace(&mut stream.line, rest.to_vec());
                self.deliver(stream, source, lines);
            }
            None => stream.line.extend_from_slice(kept),
        }
        if stream.line.len() >= MOST_LINE {
            let part = take(&mut stream.line);
            self.deliver(stream, source, part);
        }
    }

    /// Passes lines to the handler, which may panic or block.
    fn deliver(&self, stream: &mut Stream, source: &Arc<Source>, lines: Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        let (source, handler, which) = (Arc::clone(source), Arc::clone(&self.capture.handler), stream.which);
        let len = lines.len();
        let is_added = self.call(len, move || {
            for line in lines.split_inclusive(|&byte| byte == b'\n') {
                let is_complete = line.ends_with(b"\n");
                let bytes = line.strip_suffix(b"\n").unwrap_or(line).to_vec();
                let source = Arc::clone(&source);
                let line = OutputLine { source, stream: which, bytes, is_complete, dropped: None };
                // A panic costs this line only.
                drop_catching(catch(|| handler(&line)));
            }
        });
        if !is_added {
            stream.dropped += len as u64;
        }
    }

    /// Tells the handler that bytes were dropped. False if there is no room for that.
    fn report(&self, stream: OutputStream, source: &Arc<Source>, dropped: u64) -> bool {
        let (source, handler) = (Arc::clone(source), Arc::clone(&self.capture.handler));
        let line = OutputLine { source, stream, bytes: Vec::new(), is_complete: true, dropped: Some(dropped) };
        self.call(0, move || handler(&line))
    }
}

/// Adds to a text of which the last 8 KiB are kept.
fn push_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = &bytes[bytes.len().saturating_sub(TAIL)..];
    let excess = (tail.len() + bytes.len()).saturating_sub(TAIL);
    tail.drain(..excess);
    tail.extend_from_slice(bytes);
}

#[cfg(all(test, not(loom)))]
mod tests;

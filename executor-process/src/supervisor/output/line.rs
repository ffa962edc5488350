//! A line that a worker wrote, as a handler gets it.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use executor_core::JobId;

use crate::supervisor::records::Source;

/// A line that a job wrote to stdout or stderr in its worker process, for the handler of
/// [`capture_output`](crate::ProcessPoolBuilder::capture_output); or a notice of how much output was dropped.
///
/// `{}` writes `(name pid=123) text`, without a newline at the end. The name is that of the job
/// ([`JobOptions::name`](executor_core::JobOptions::name)), or the path of its function, or the name of the worker if no job ran.
#[derive(Clone)]
pub struct OutputLine {
    pub(super) source: Arc<Source>,
    pub(super) stream: OutputStream,
    pub(super) bytes: Vec<u8>,
    pub(super) is_complete: bool,
    pub(super) dropped: Option<u64>,
}

/// One of the two streams that a process writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Standard output, file descriptor 1.
    Stdout,
    /// Standard error, file descriptor 2.
    Stderr,
}

impl OutputLine {
    /// Returns the id of the job that ran when the line arrived. `None` for the output of an initializer, and of threads and child processes
    /// between two jobs.
    pub fn job(&self) -> Option<JobId> {
        self.source.job.as_ref().map(|job| job.id)
    }

    /// Returns the name that the job was given with [`JobOptions::name`](executor_core::JobOptions::name).
    pub fn name(&self) -> Option<&str> {
        self.source.job.as_ref()?.label.as_ref()?.name.as_deref()
    }

    /// Returns the path of the job's function or type.
    pub fn path(&self) -> Option<&str> {
        self.source.job.as_ref().map(|job| job.path)
    }

    /// Returns the name of the worker, such as `executor-0`.
    pub fn worker_name(&self) -> &str {
        &self.source.worker
    }

    /// Returns the process id of the worker.
    pub fn pid(&self) -> u32 {
        self.source.pid
    }

    /// Returns the stream that the line was written to.
    pub fn stream(&self) -> OutputStream {
        self.stream
    }

    /// Returns the line without its newline. Empty for a notice of dropped output.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the line as text. Bytes that are not UTF-8 become `�`.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// Returns whether a newline ended the line. False for the last line of a job if it has none, and for a part of a line of more than
    /// 64 KiB.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Returns how many bytes of the job's output to this stream were dropped, if this is the notice of that: see
    /// [`output_limit`](crate::ProcessPoolBuilder::output_limit).
    pub fn dropped(&self) -> Option<u64> {
        self.dropped
    }

    /// Writes the line with its prefix, `(name pid=123) text`, to the same stream of this process. Blocks if that is a pipe that is full;
    /// an error of the stream is ignored. To be given to [`capture_output`](crate::ProcessPoolBuilder::capture_output).
    pub fn print(&self) {
        // A program that cannot write has no use for the error, and `println!` would panic.
        let _ = match self.stream {
            OutputStream::Stdout => writeln!(io::stdout(), "{self}"),
            OutputStream::Stderr => writeln!(io::stderr(), "{self}"),
        };
    }
}

impl fmt::Display for OutputLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name().or_else(|| self.path()).unwrap_or(self.worker_name());
        write!(f, "({name} pid={}) ", self.pid())?;
        match self.dropped {
            Some(bytes) => write!(f, "[{bytes} more bytes of {} were dropped]", self.stream),
            None => f.write_str(&self.text()),
        }
    }
}

impl fmt::Debug for OutputLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputLine")
            .field("job", &self.job())
            .field("name", &self.name())
            .field("pid", &self.pid())
            .field("stream", &self.stream)
            .field("text", &self.text())
            .field("is_complete", &self.is_complete)
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for OutputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        })
    }
}

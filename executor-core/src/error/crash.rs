//! The death of the process that ran a job.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::backtrace::{Backtrace, BacktraceTail};
use super::exit::Exit;
use super::line::line_or_all;
use super::saved::{Saved, SavedNote};

/// The process that ran a job died. The job has no result; every other job is unharmed.
///
/// `{}` is one line, and cheap. `{:#}` also tells the file that [keeps](Crashed::saved) the job, and ends with the
/// [backtrace](Crashed::backtrace), a line for each function, where there is one: the first time, that reads the program's symbols, which can
/// take a second or more.
#[derive(Clone, Debug)]
pub struct Crashed(Arc<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    job: String,
    name: Option<String>,
    pid: u32,
    exit: Exit,
    ran: Duration,
    cause: Option<String>,
    is_out_of_memory: bool,
    peak_memory: Option<u64>,
    saved: Option<Saved>,
    backtrace: Option<Backtrace>,
}

/// For those who write executors: what is known of a crash.
impl Crashed {
    /// The process `pid` died by `exit` while it ran `job`, `ran` after it had started it.
    pub fn new(job: impl Into<String>, pid: u32, exit: Exit, ran: Duration) -> Self {
        Self(Arc::new(Parts {
            job: job.into(),
            name: None,
            pid,
            exit,
            ran,
            cause: None,
            is_out_of_memory: false,
            peak_memory: None,
            saved: None,
            backtrace: None,
        }))
    }

    /// The name that the job was given.
    #[must_use]
    pub fn with_name(self, name: Option<impl Into<String>>) -> Self {
        self.with(|parts| parts.name = name.map(Into::into))
    }

    /// More about why it died, such as "its stack overflowed".
    #[must_use]
    pub fn with_cause(self, cause: Option<impl Into<String>>) -> Self {
        self.with(|parts| parts.cause = cause.map(Into::into))
    }

    /// Whether it died because it was refused memory, or because memory ran out.
    #[must_use]
    pub fn with_out_of_memory(self, is_out_of_memory: bool) -> Self {
        self.with(|parts| parts.is_out_of_memory = is_out_of_memory)
    }

    /// The most memory that the process held, in bytes.
    #[must_use]
    pub fn with_peak_memory(self, bytes: Option<u64>) -> Self {
        self.with(|parts| parts.peak_memory = bytes)
    }

    /// Adds the file that keeps the job, or why there is none.
    #[must_use]
    pub fn with_saved(self, saved: Option<Saved>) -> Self {
        self.with(|parts| parts.saved = saved)
    }

    /// Where it was.
    #[must_use]
    pub fn with_backtrace(self, backtrace: Option<Backtrace>) -> Self {
        self.with(|parts| parts.backtrace = backtrace)
    }

    fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl Crashed {
    /// The path of the job's function, or of its type.
    pub fn job(&self) -> &str {
        &self.0.job
    }

    /// The name that the job was given, if it was.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The process id of the worker.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// How the worker ended.
    pub fn exit(&self) -> Exit {
        self.0.exit
    }

    /// The signal's name, as `SIGSEGV`, where one ended the worker.
    pub fn signal(&self) -> Option<&'static str> {
        self.0.exit.signal()
    }

    /// How long the job had run.
    pub fn ran(&self) -> Duration {
        self.0.ran
    }

    /// The reason beyond the signal, if it is known, such as "its stack overflowed".
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// Whether the job most likely asked for too much memory: the worker died where its `memory_limit` refused an allocation, or the kernel
    /// killed it because memory ran out. Then the request is too large (413 in HTTP), while another crash is a fault (500).
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{Crashed, Exit, JobError};
    ///
    /// fn status(error: &JobError) -> u16 {
    ///     match error {
    ///         JobError::Crashed(crash) if crash.is_out_of_memory() => 413,
    ///         _ => 500,
    ///     }
    /// }
    ///
    /// let crash = Crashed::new("app::resize", 7, Exit::Signal(6), Duration::from_millis(3));
    /// assert_eq!(status(&JobError::Crashed(crash.clone())), 500);
    /// assert_eq!(status(&JobError::Crashed(crash.with_out_of_memory(true))), 413);
    /// ```
    pub fn is_out_of_memory(&self) -> bool {
        self.0.is_out_of_memory
    }

    /// The most memory that the worker, or a process that it waited for, held at once since it was started, in bytes: resident, so
    /// what was reserved and never used does not count. `None` where the system cannot tell it from this process's own.
    pub fn peak_memory(&self) -> Option<u64> {
        self.0.peak_memory
    }

    /// The file that keeps the job, where the pool keeps those that fail.
    pub fn saved(&self) -> Option<&Path> {
        self.0.saved.as_ref().and_then(Saved::path)
    }

    /// The functions that the worker was in when a signal of its own doing ended it, as SIGSEGV or SIGABRT. `None` for
    /// those that come from outside, as SIGKILL, for exits, and where it could not tell.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.0.backtrace.as_ref()
    }
}

impl fmt::Display for Crashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { job, name, pid, exit, ran, cause, peak_memory, saved, backtrace, .. } = &*self.0;
        line_or_all(f, format_args!("{} crashed: its worker process {pid} {exit}", Named(job, name.as_deref())))?;
        if let Some(cause) = cause {
            line_or_all(f, format_args!(" ({cause})"))?;
        }
        write!(f, " after {}", Rounded(*ran))?;
        if let Some(bytes) = peak_memory {
            write!(f, ", with a peak memory of {}", Size(*bytes))?;
        }
        f.write_str("; no other job is affected")?;
        if f.alternate() {
            write!(f, "{}{}", SavedNote(saved.as_ref()), BacktraceTail(backtrace.as_ref()))
        } else {
            Ok(())
        }
    }
}

impl Error for Crashed {}

/// A job, by the path of its function or type, and by the name that it was given, if it was.
pub(super) struct Named<'a>(pub(super) &'a str, pub(super) Option<&'a str>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(path, Some(name)) if name != path => write!(f, "job `{name}` (`{path}`)"),
            Self(path, _) => write!(f, "job `{path}`"),
        }
    }
}

/// Bytes, in the unit that leaves a number below 1,024.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n < 1 << 10 => write!(f, "{n} bytes"),
            n if n < 1 << 20 => write!(f, "{} KiB", n >> 10),
            n if n < 10 << 30 => write!(f, "{} MiB", n >> 20),
            n => write!(f, "{} GiB", n >> 30),
        }
    }
}

/// A duration to three digits: what is measured across processes is no more exact.
struct Rounded(Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            s if s < 1e-3 => write!(f, "{:.0} µs", s * 1e6),
            s if s < 1.0 => write!(f, "{:.0} ms", s * 1e3),
            s => write!(f, "{s:.1} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_job_process_and_signal() {
        let crash = Crashed::new("app::parse", 4242, Exit::Signal(11), Duration::from_millis(3));
        assert_eq!(
            crash.to_string(),
            "job `app::parse` crashed: its worker process 4242 was killed by SIGSEGV after 3 ms; no other job is affected"
        );
        let exit = Crashed::new("app::parse", 7, Exit::Code(3), Duration::from_micros(250));
        assert_eq!(
            exit.to_string(),
            "job `app::parse` crashed: its worker process 7 exited with code 3 after 250 µs; no other job is affected"
        );
    }

    #[test]
    fn sizes_are_told_in_a_fitting_unit() {
        for (bytes, text) in
            [(0, "0 bytes"), (1023, "1023 bytes"), (1 << 10, "1 KiB"), (37 << 20, "37 MiB"), (10 << 30, "10 GiB")]
        {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}

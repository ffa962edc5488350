//! The death of the process that ran a job.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::backtrace::{Backtrace, Ending};
use super::saved::{Clause, Saved};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

impl Exit {
    /// The code, where it exited.
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Code(code) => Some(code),
            Self::Signal(_) => None,
        }
    }

    /// The signal's name, as `SIGSEGV`, where one killed it.
    ///
    /// ```
    /// use executor_core::Exit;
    ///
    /// assert_eq!(Exit::Signal(9).signal(), Some("SIGKILL"));
    /// assert_eq!((Exit::Code(3).signal(), Exit::Code(3).code()), (None, Some(3)));
    /// ```
    pub fn signal(self) -> Option<&'static str> {
        match self {
            Self::Code(_) => None,
            Self::Signal(number) => signal_name(number),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(number) => match signal_name(number) {
                Some(name) => write!(f, "was killed by {name}"),
                None => write!(f, "was killed by signal {number}"),
            },
        }
    }
}

/// The process that ran a job died. The job has no result; every other job is unharmed.
///
/// Its text ends with the [backtrace](Crashed::backtrace), a line for each function, where there is one; `{:#}` leaves that out.
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
    peak_memory: Option<u64>,
    saved: Option<Saved>,
    backtrace: Option<Backtrace>,
}

/// For those who write executors: what is known of a crash.
impl Crashed {
    /// The process `pid` died by `exit` while it ran `job`, `ran` after it had started it.
    pub fn new(job: impl Into<String>, pid: u32, exit: Exit, ran: Duration) -> Self {
        let (job, name, cause, peak_memory, saved, backtrace) = (job.into(), None, None, None, None, None);
        Self(Arc::new(Parts { job, name, pid, exit, ran, cause, peak_memory, saved, backtrace }))
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

    /// The most memory that the process held, in bytes.
    #[must_use]
    pub fn with_peak_memory(self, bytes: Option<u64>) -> Self {
        self.with(|parts| parts.peak_memory = bytes)
    }

    /// What became of keeping the job.
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

    /// What is known of the reason beyond the signal, such as "its stack overflowed".
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
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
        let Parts { job, name, pid, exit, ran, cause, peak_memory, saved, backtrace } = &*self.0;
        match name {
            Some(name) => write!(f, "job `{name}` (`{job}`) crashed: ")?,
            None => write!(f, "job `{job}` crashed: ")?,
        }
        write!(f, "its worker process {pid} {exit}")?;
        if let Some(cause) = cause {
            write!(f, " ({cause})")?;
        }
        write!(f, " after {}", Rounded(*ran))?;
        if let Some(bytes) = peak_memory {
            write!(f, ", having held {}", Size(*bytes))?;
        }
        write!(f, "; no other job is affected{}", Clause(saved.as_ref()))?;
        Ending(backtrace.as_ref()).fmt(f)
    }
}

impl Error for Crashed {}

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

/// Signals by number, as Linux has them on x86-64 and aarch64 (signal(7)).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn signal_name(number: i32) -> Option<&'static str> {
    const NAMES: [&str; 31] = [
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    NAMES.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
}

/// Signals by number, where systems agree (POSIX fixes these few).
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Frame;

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
    fn the_text_ends_with_where_it_was() {
        let crash = Crashed::new("app::parse", 7, Exit::Signal(11), Duration::from_millis(3))
            .with_name(Some("page 12"))
            .with_cause(Some("its stack overflowed"))
            .with_peak_memory(Some(37 << 20))
            .with_saved(Some(Saved::to("/var/jobs/a.job")))
            .with_backtrace(Some(Backtrace::new(|| {
                vec![Frame::new("app::deeper").at("src/main.rs", Some(3)).called(40), Frame::new("app::parse")]
            })));
        assert_eq!(
            crash.to_string(),
            "job `page 12` (`app::parse`) crashed: its worker process 7 was killed by SIGSEGV (its stack overflowed) after 3 ms, \
             having held 37 MiB; no other job is affected; it is kept: start this program with \
             EXECUTOR_REPLAY=/var/jobs/a.job to run it alone\n    at app::deeper (src/main.rs:3), 40 times\n    at app::parse"
        );
        assert_eq!(crash.saved(), Some(Path::new("/var/jobs/a.job")));
        let crash =
            Crashed::new("app::parse", 7, Exit::Code(0), Duration::ZERO).with_saved(Some(Saved::failed("no room")));
        assert!(crash.to_string().ends_with("; no other job is affected; it could not be kept as a file: no room"));
        assert_eq!(crash.saved(), None);
    }

    #[test]
    fn sizes_are_told_in_a_fitting_unit() {
        for (bytes, text) in
            [(0, "0 bytes"), (1023, "1023 bytes"), (1 << 10, "1 KiB"), (37 << 20, "37 MiB"), (10 << 30, "10 GiB")]
        {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn a_signal_without_a_name_keeps_its_number() {
        assert_eq!(Exit::Signal(64).to_string(), "was killed by signal 64");
        assert_eq!(Exit::Signal(-1).to_string(), "was killed by signal -1");
        assert_eq!(Exit::Signal(31).to_string(), "was killed by SIGSYS");
    }
}

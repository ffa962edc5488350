//! The death of the process that ran a job.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
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
#[derive(Clone, Debug)]
pub struct Crashed(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    job: String,
    pid: u32,
    exit: Exit,
    ran: Duration,
    backtrace: Vec<String>,
}

impl Crashed {
    /// For those who write executors: the process `pid` died by `exit` while it ran `job`, `ran` after it had started it.
    pub fn new(job: impl Into<String>, pid: u32, exit: Exit, ran: Duration) -> Self {
        Self(Arc::new(Parts { job: job.into(), pid, exit, ran, backtrace: Vec::new() }))
    }

    /// The path of the job's function, or of its type.
    pub fn job(&self) -> &str {
        &self.0.job
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
        match self.0.exit {
            Exit::Signal(number) => signal_name(number),
            Exit::Code(_) => None,
        }
    }

    /// How long the job had run.
    pub fn ran(&self) -> Duration {
        self.0.ran
    }

    /// The functions that were being called at the death, innermost first, where they are known.
    pub fn backtrace(&self) -> &[String] {
        &self.0.backtrace
    }
}

impl fmt::Display for Crashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { job, pid, exit, ran, backtrace } = &*self.0;
        write!(
            f,
            "job `{job}` crashed: its worker process {pid} {exit} after {}; no other job is affected",
            Rounded(*ran)
        )?;
        backtrace.iter().try_for_each(|frame| write!(f, "\n    at {frame}"))
    }
}

impl Error for Crashed {}

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
    fn a_signal_without_a_name_keeps_its_number() {
        assert_eq!(Exit::Signal(64).to_string(), "was killed by signal 64");
        assert_eq!(Exit::Signal(-1).to_string(), "was killed by signal -1");
        assert_eq!(Exit::Signal(31).to_string(), "was killed by SIGSYS");
    }
}

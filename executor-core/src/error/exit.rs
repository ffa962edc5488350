//! The exit status of a process.

use std::fmt;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It exited, with this code.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
    /// No process saw its end: the host on which it ran was silent for too long.
    Lost,
}

impl Exit {
    /// Returns the exit code. `None` if a signal killed the process.
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Code(code) => Some(code),
            Self::Signal(_) | Self::Lost => None,
        }
    }

    /// Returns the name of the signal that killed the process, such as `SIGSEGV`. `None` if it exited, and for a signal without a name.
    ///
    /// ```
    /// use executor::Exit;
    ///
    /// assert_eq!(Exit::Signal(9).signal(), Some("SIGKILL"));
    /// assert_eq!((Exit::Code(3).signal(), Exit::Code(3).code()), (None, Some(3)));
    /// ```
    pub fn signal(self) -> Option<&'static str> {
        match self {
            Self::Code(_) | Self::Lost => None,
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
            Self::Lost => f.write_str("was lost with its host"),
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
    fn a_signal_without_a_name_keeps_its_number() {
        assert_eq!(Exit::Signal(64).to_string(), "was killed by signal 64");
        assert_eq!(Exit::Signal(-1).to_string(), "was killed by signal -1");
        assert_eq!(Exit::Signal(31).to_string(), "was killed by SIGSYS");
    }
}

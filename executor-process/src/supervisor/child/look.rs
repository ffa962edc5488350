//! The state of a process that lives, as the system says it.

use std::fs;

use super::{Child, Life, sys};

impl Child {
    /// The letter of its state (`proc_pid_stat(5)`), and the function of the kernel in which it sleeps, if the system tells that. `None` if
    /// the process has ended.
    pub(crate) fn look(&self) -> Option<(char, Option<String>)> {
        if !self.is_ours() {
            return None;
        }
        // Until it is reaped, its number is its own.
        let state = self.state.lock();
        if !matches!(state.life, Life::Alive) {
            return None;
        }
        let letter = sys::state(self.pid)?;
        let function = fs::read_to_string(format!("/proc/{}/wchan", self.pid)).ok();
        // "0" where it does not sleep, or where that is not for this process to see.
        Some((letter, function.filter(|function| !matches!(function.trim(), "" | "0"))))
    }
}

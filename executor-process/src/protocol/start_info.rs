//! Start information for a worker: one environment variable, which the parent writes and the worker reads.

use std::ffi::OsStr;

use super::program_image;

/// The name of the variable that makes a program a worker starts so. The rest is the place of the copy of this crate that it is for.
pub(crate) const PREFIX: &str = "EXECUTOR_WORKER";

/// The variable that makes this program a worker of this copy of the crate: a program may hold two, of two versions. `None` in a shared library.
pub(crate) fn variable() -> Option<String> {
    program_image::place().map(|place| format!("{PREFIX}_{place:x}"))
}

/// How deep pools in workers of pools may nest. More is a mistake, such as a pool in a constructor that runs before `main`.
pub(crate) const MOST_DEPTH: u32 = 8;

/// Limits that a worker sets for itself at its start, since the parent cannot set them before the worker's first code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// To add to its niceness.
    pub(crate) nice: i32,
    pub(crate) may_dump_core: bool,
    /// Bytes that it may allocate.
    pub(crate) memory: Option<u64>,
}

/// The process to report to, and what to do first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StartInfo {
    /// 1 for the worker of a program that is no worker itself.
    pub(crate) depth: u32,
    /// The process that started it.
    pub(crate) parent: u32,
    pub(crate) limits: Limits,
}

impl StartInfo {
    pub(crate) fn text(&self) -> String {
        let Self { depth, parent, limits } = self;
        let Limits { nice, may_dump_core, memory } = limits;
        // 0 is below what may be set.
        let memory = memory.unwrap_or(0);
        format!("{depth} {parent} {nice} {may_dump_core} {memory}")
    }

    pub(crate) fn parse(text: &OsStr) -> Option<Self> {
        let mut parts = text.to_str()?.splitn(5, ' ');
        let mut next = || parts.next();
        let (depth, parent) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let (nice, may_dump_core) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let memory = Some(next()?.parse().ok()?).filter(|&bytes| bytes != 0);
        let limits = Limits { nice, may_dump_core, memory };
        Some(Self { depth, parent, limits })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_was_written() {
        let all = Limits { nice: -3, may_dump_core: true, memory: Some(1 << 40) };
        for limits in [all, Limits::default()] {
            let written = StartInfo { depth: 2, parent: 4242, limits };
            assert_eq!(StartInfo::parse(written.text().as_ref()), Some(written));
        }
        for text in ["", "1", "1 2 0 false", "1 2 0 false 0 more", "x 2 0 false 0", "1 -2 0 false 0", "1 2 0 no 0"] {
            assert_eq!(StartInfo::parse(text.as_ref()), None, "{text}");
        }
    }
}

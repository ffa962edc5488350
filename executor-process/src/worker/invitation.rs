//! What a worker is told when it is started: one environment variable, which the parent writes and the worker reads.

use std::ffi::OsStr;

/// Makes a program a worker.
pub(crate) const VARIABLE: &str = "EXECUTOR_WORKER";

/// How deep pools in workers of pools may nest. More is a mistake, such as a pool in a constructor that runs before `main`.
pub(crate) const MOST_DEPTH: u32 = 8;

/// Where to report, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// 1 for the worker of a program that is no worker itself.
    pub(crate) depth: u32,
    /// The process that started it.
    pub(crate) parent: u32,
    /// To be said first at the rendezvous.
    pub(crate) token: String,
    /// The name of the rendezvous.
    pub(crate) server: String,
}

impl Invitation {
    pub(crate) fn text(&self) -> String {
        format!("{} {} {} {}", self.depth, self.parent, self.token, self.server)
    }

    pub(crate) fn parse(text: &OsStr) -> Option<Self> {
        let mut parts = text.to_str()?.splitn(4, ' ');
        let mut next = || parts.next();
        let (depth, parent) = (next()?.parse().ok()?, next()?.parse().ok()?);
        Some(Self { depth, parent, token: next()?.to_owned(), server: next()?.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_was_written() {
        let written = Invitation { depth: 2, parent: 4242, token: "ab12".into(), server: "/tmp/a b/socket".into() };
        assert_eq!(Invitation::parse(written.text().as_ref()), Some(written));
        for text in ["", "1", "1 2 token", "x 2 token /tmp/socket", "1 -2 token /tmp/socket"] {
            assert_eq!(Invitation::parse(text.as_ref()), None, "{text}");
        }
    }
}

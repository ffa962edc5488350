//! Advice for errors of the system.

use std::io;

use rustix::io::Errno;

/// The error, and how to end such a shortage.
pub(crate) fn with_remedy(error: &io::Error) -> String {
    let cure = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE) => "it may open no more files: close some, raise `ulimit -n`, or use fewer processes",
        Some(Errno::NFILE) => "the system opens no more files: raise fs.file-max, or end something",
        Some(Errno::AGAIN) => {
            "there may be no more processes or threads: raise `ulimit -u` or pids.max of the cgroup, or use fewer processes"
        }
        Some(Errno::NOMEM | Errno::NOBUFS) => "there is no memory left: use fewer processes, or smaller ones",
        Some(Errno::NOSPC) => "the file system is full: free some of it, or set TMPDIR",
        Some(Errno::FBIG) => "shared memory counts as a file, and files may be no larger: raise `ulimit -f`",
        Some(Errno::PERM | Errno::NOSYS) => {
            "a sandbox, such as seccomp, or the kernel refuses this system call: allow it (the guide lists those that workers need)"
        }
        Some(Errno::TOOMANYREFS) => {
            "this user has too many descriptors in messages that are not received: receive the blobs and channels that were sent, end \
             the process that keeps them waiting, or raise `ulimit -n`"
        }
        _ => return error.to_string(),
    };
    format!("{error}; {cure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_says_what_to_do() {
        let text = |error: Errno| with_remedy(&error.into());
        assert!(text(Errno::MFILE).ends_with("raise `ulimit -n`, or use fewer processes"));
        assert!(text(Errno::AGAIN).contains("`ulimit -u`"));
        assert!(text(Errno::PERM).contains("seccomp") && text(Errno::NOSYS).contains("seccomp"));
        assert_eq!(text(Errno::ACCESS), io::Error::from(Errno::ACCESS).to_string(), "no shortage");
        assert!(text(Errno::TOOMANYREFS).contains("receive the blobs and channels that were sent"));
    }
}

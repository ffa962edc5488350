//! Advice for errors of the system.

use std::io;

use rustix::io::Errno;

/// The error, and how to end such a shortage.
pub(crate) fn with_remedy(error: &io::Error) -> String {
    let cure = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE) => {
            "this process has too many open files: close some, raise `ulimit -n`, or use fewer processes"
        }
        Some(Errno::NFILE) => "the system has too many open files: raise fs.file-max, or end some programs",
        Some(Errno::AGAIN) => {
            "the limit of processes and threads is reached: raise `ulimit -u` or the cgroup's pids.max, or use fewer \
             processes"
        }
        Some(Errno::NOMEM | Errno::NOBUFS) => "memory ran out: use fewer or smaller processes",
        Some(Errno::NOSPC) => "the file system is full: free some space, or set TMPDIR",
        Some(Errno::FBIG) => "shared memory counts as a file, and exceeds the file size limit: raise `ulimit -f`",
        Some(Errno::PERM | Errno::NOSYS) => {
            "a sandbox such as seccomp, or the kernel, refused this system call: allow it (the platforms page lists the calls \
             that workers need)"
        }
        Some(Errno::TOOMANYREFS) => {
            "this user has too many file descriptors in unreceived messages: receive the blobs and channels that \
             were sent, end the process that does not receive them, or raise `ulimit -n`"
        }
        _ => return error.to_string(),
    };
    format!("{error}; {cure}")
}

#[cfg(all(test, not(loom)))]
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

//! Which process is at the other end of a socket. Unsafe, because it asks the C library: rustix has no value for a process of another
//! namespace, which has the pid 0 here.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, OwnedFd};

/// The process that connected. `None` where that is not of this pid namespace.
pub(crate) fn pid_of(socket: &OwnedFd) -> Option<u32> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = libc::socklen_t::try_from(size_of_val(&peer)).unwrap_or_default();
    // SAFETY: the kernel writes at most `size` bytes to `peer`, whose fields may be any numbers, and to `size`.
    let result = unsafe {
        let (peer, size) = ((&raw mut peer).cast(), &raw mut size);
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, peer, size)
    };
    let pid = (result == 0).then_some(peer.pid)?;
    u32::try_from(pid).ok().filter(|&pid| pid != 0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_other_end_of_a_pair_is_this_process() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert_eq!(pid_of(&one.into()), Some(std::process::id()));
    }

    #[test]
    fn non_socket_has_no_peer() {
        assert_eq!(pid_of(&std::fs::File::open("/dev/null").unwrap().into()), None);
    }
}

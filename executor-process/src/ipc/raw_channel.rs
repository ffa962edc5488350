//! A sender of ipc-channel whose messages come out of a socket, which can be given to another process.
//!
//! ipc-channel shows the socket of no end of a channel, but its sender connects to a path. So it connects to a listener of this process,
//! whose name is gone before it listens.

use std::env;
use std::fmt::Display;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use ipc_channel::ipc::IpcSender;
use rustix::fs::{Mode, OFlags, fchmod, open};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with};
use serde::Serialize;

use crate::ipc::os_error::with_remedy;
use crate::ipc::packet_size::measure_packets;
use crate::ipc::peer_pid::pid_of;
use crate::ipc::random;

/// The length of a socket's name behind the directory for temporary files.
pub(crate) const SUFFIX: usize = "/executor-".len() + DIGITS;

/// The random digits of a socket's name.
const DIGITS: usize = 14;

/// A sender, and the socket that its messages come out of.
///
/// # Errors
///
/// When there is no directory for temporary files, or the system refuses a socket.
pub(crate) fn open_channel<T: Serialize>() -> Result<(IpcSender<T>, OwnedFd), String> {
    measure_packets().map_err(|error| refused(&error))?;
    let (listener, hidden) = listener()?;
    let sender = IpcSender::connect(path_of(&hidden)).map_err(|error| {
        // ipc-channel does not look whether it got a descriptor.
        let got_none = error.raw_os_error() == Some(Errno::BADF.raw_os_error());
        refused(&with_remedy(&if got_none { Errno::MFILE.into() } else { error }))
    })?;
    loop {
        let end = accept_with(&listener, SocketFlags::CLOEXEC).map_err(lacks)?;
        // Another process may have looked the name up while it was there, and have connected since.
        if pid_of(&end) == Some(std::process::id()) {
            return Ok((sender, end));
        }
    }
}

fn lacks(error: Errno) -> String {
    refused(&with_remedy(&error.into()))
}

fn refused(reason: &dyn Display) -> String {
    format!("no socket could be created for it ({reason})")
}

/// Leads to the file of a descriptor, also where that has no name.
fn path_of(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// A socket that listens, and a descriptor of its file: only who holds that can connect.
fn listener() -> Result<(OwnedFd, OwnedFd), String> {
    // Without a setting, a directory in memory: a new file on a disk takes ten times as long.
    if !has_setting()
        && let Ok(listener) = listener_in(Path::new(IN_MEMORY))
    {
        return Ok(listener);
    }
    let directory = temporary();
    if !directory.is_dir() {
        return Err(format!(
            "no socket could be created for it: {} is not a directory; create it, or set TMPDIR",
            directory.display()
        ));
    }
    listener_in(&directory)
}

fn listener_in(directory: &Path) -> Result<(OwnedFd, OwnedFd), String> {
    let name = directory.join(format!("executor-{}", &random::hex()?[..DIGITS]));
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).map_err(lacks)?;
    // The mode of its file, whatever the umask is: other users may not connect.
    fchmod(&listener, Mode::RUSR | Mode::WUSR).map_err(lacks)?;
    let hidden = bind_hidden(&listener, &name).map_err(|error| {
        let cure = match error {
            Errno::NOSPC | Errno::DQUOT => "is it full?",
            _ => "set TMPDIR to a writable directory",
        };
        format!("no socket could be created for it in {} ({}); {cure}", directory.display(), with_remedy(&error.into()))
    })?;
    listen(&listener, 1).map_err(lacks)?;
    Ok((listener, hidden))
}

/// Binds the socket to a new file, and removes the name of that.
fn bind_hidden(socket: &OwnedFd, name: &Path) -> Result<OwnedFd, Errno> {
    bind(socket, &SocketAddrUnix::new(name)?)?;
    let hidden = open(name, OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty());
    drop(fs::remove_file(name));
    hidden
}

/// A directory that every Linux system has in memory, for all users.
const IN_MEMORY: &str = "/dev/shm";

/// Whether TMPDIR names a directory. An empty TMPDIR counts as unset.
fn has_setting() -> bool {
    env::var_os("TMPDIR").is_some_and(|directory| !directory.is_empty())
}

/// The directory for temporary files.
pub(crate) fn temporary() -> PathBuf {
    if has_setting() { env::temp_dir() } else { PathBuf::from("/tmp") }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use rustix::fs::fstat;
    use rustix::net::connect;

    use super::*;
    use crate::ipc::socket::{Wait, receive};

    fn socket() -> OwnedFd {
        socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
    }

    #[test]
    fn messages_come_out_of_the_socket() {
        let (sender, end) = open_channel().unwrap();
        sender.send("first".to_owned()).unwrap();
        drop(sender);
        let packet = receive(&end, Wait::No).unwrap().unwrap();
        assert!(packet.bytes.ends_with(b"first"));
        assert!(receive(&end, Wait::No).unwrap().is_none(), "that was all");
    }

    #[test]
    fn listeners_have_no_name_and_let_no_other_user_in() {
        let (listener, hidden) = listener().unwrap();
        let file = fstat(&hidden).unwrap();
        assert_eq!((file.st_nlink, file.st_mode & 0o777), (0, 0o600));
        connect(socket(), &SocketAddrUnix::new(path_of(&hidden)).unwrap()).unwrap();
        assert!(accept_with(&listener, SocketFlags::CLOEXEC).is_ok());
    }

    #[test]
    fn sockets_with_a_name_cannot_be_connected_to() {
        let name = temporary().join(format!("executor-test-{}", &random::hex().unwrap()[..DIGITS]));
        let (bound, address) = (socket(), SocketAddrUnix::new(&name).unwrap());
        bind(&bound, &address).unwrap();
        let refusal = connect(socket(), &address);
        fs::remove_file(&name).unwrap();
        assert_eq!(refusal, Err(Errno::CONNREFUSED), "it does not listen yet");
    }
}

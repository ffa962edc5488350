//! The directories that programs left which were killed while they waited for a worker.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Once;
use std::time::{Duration, SystemTime};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::geteuid;

/// A directory's name is `PREFIX` and `DIGITS` hexadecimal digits.
pub(crate) const PREFIX: &str = "executor-";
pub(crate) const DIGITS: usize = 12;

/// A younger directory may be one whose owner does not listen yet.
const GRACE: Duration = Duration::from_mins(1);

/// Removes abandoned directories, once in the life of this process. One that cannot be read stays.
pub(crate) fn clear(temporary: &Path) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| clear_older(temporary, GRACE));
}

fn clear_older(temporary: &Path, grace: Duration) {
    let Ok(entries) = fs::read_dir(temporary) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_ours)) {
        let directory = entry.path();
        if is_old(&directory, grace) && is_abandoned(&directory) {
            remove(&directory);
        }
    }
}

/// Takes the directory of this socket away, unless somebody listens there.
pub(crate) fn clear_if_abandoned(socket: &Path) {
    let Some(directory) = socket.parent() else { return };
    let is_named = directory.file_name().and_then(OsStr::to_str).is_some_and(is_ours);
    if is_named && is_old(directory, Duration::ZERO) && is_abandoned(directory) {
        remove(directory);
    }
}

fn remove(directory: &Path) {
    for name in ["s", "e"] {
        drop(fs::remove_file(directory.join(name)));
    }
    // Refused if there is anything else in it.
    drop(fs::remove_dir(directory));
}

fn is_ours(name: &str) -> bool {
    let is_hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    name.strip_prefix(PREFIX).is_some_and(|rest| rest.len() == DIGITS && rest.bytes().all(is_hex))
}

/// Whether it is a directory of this user's, not a link to one, and unchanged for the time of `grace`.
fn is_old(directory: &Path, grace: Duration) -> bool {
    let Ok(found) = fs::symlink_metadata(directory) else { return false };
    let age = found.modified().ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
    found.is_dir() && found.uid() == geteuid().as_raw() && age.is_some_and(|age| age >= grace)
}

/// Whether no process listens at its socket.
fn is_abandoned(directory: &Path) -> bool {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let Ok(visitor) = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None) else { return false };
    let Ok(address) = SocketAddrUnix::new(directory.join("s")) else { return false };
    matches!(connect(&visitor, &address), Err(Errno::CONNREFUSED | Errno::NOENT))
}

#[cfg(test)]
mod tests {
    use rustix::net::{bind, listen};

    use super::*;
    use crate::supervisor::rendezvous::SocketDir;

    #[test]
    fn abandoned_directories_go_and_others_stay() {
        let parent = SocketDir::new().unwrap();
        let parent = parent.directory();
        let make = |name: &str| {
            let path = parent.join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let bound = |path: &Path| {
            let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
            bind(&socket, &SocketAddrUnix::new(path.join("s")).unwrap()).unwrap();
            socket
        };
        let empty = make("executor-0123456789ab");
        let left = make("executor-111111111111");
        drop(bound(&left));
        let live = make("executor-222222222222");
        let listener = bound(&live);
        listen(&listener, 1).unwrap();
        let strange = make("executor-notes");
        let filled = make("executor-333333333333");
        fs::write(filled.join("file"), "of somebody's").unwrap();
        clear_older(parent, GRACE);
        assert!(empty.exists() && left.exists(), "they are young");
        let removed = make("executor-444444444444");
        clear_if_abandoned(&removed.join("s"));
        clear_if_abandoned(&live.join("s"));
        clear_if_abandoned(&strange.join("s"));
        assert!(!removed.exists() && live.join("s").exists() && strange.exists());
        clear_older(parent, Duration::ZERO);
        assert!(!empty.exists() && !left.exists());
        assert!(live.exists() && strange.exists() && filled.join("file").exists());
        fs::remove_dir_all(parent).unwrap();
    }
}

//! The identity of the program's file, the same on every host.

use std::fmt;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::ipc::random::hex_of;
use crate::protocol::program_image::{self, EXECUTABLE};

/// Returns the identity of this program's file: 32 hexadecimal digits, the same on every host that runs the same file, and different for
/// another build. It is fit for a name, such as a part of a subject or a path.
///
/// It is made from the linker's build id. If the linker was told to leave none (`--build-id=none`), the first call reads the whole file.
///
/// ```
/// let build = executor::extend::remote::build_fingerprint()?;
/// assert_eq!(build.len(), 32);
/// assert!(build.bytes().all(|digit| digit.is_ascii_hexdigit()));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// If there is no build id, and the file cannot be read.
pub fn build_fingerprint() -> io::Result<String> {
    Fingerprint::of_program().map(|fingerprint| fingerprint.to_string())
}

/// 128 bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint([u8; 16]);

impl Fingerprint {
    pub(super) fn of_program() -> io::Result<Self> {
        static KNOWN: OnceLock<Fingerprint> = OnceLock::new();
        if let Some(known) = KNOWN.get() {
            return Ok(*known);
        }
        let found = match program_image::build_id() {
            Some(id) => Self::of(id.as_bytes())?,
            None => Self::of(File::open(EXECUTABLE)?)?,
        };
        Ok(*KNOWN.get_or_init(|| found))
    }

    /// Of this version of the crate, in the program that `contents` tell from others.
    fn of(mut contents: impl Read) -> io::Result<Self> {
        // Two hashes with different starts. The keys of a `DefaultHasher` are always the same, as is its code in the same program.
        let mut halves = [1, 2].map(|number| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u8(number);
            hasher.write(env!("CARGO_PKG_VERSION").as_bytes());
            hasher
        });
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match contents.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => halves.iter_mut().for_each(|hasher| hasher.write(&buffer[..len])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut fingerprint = Self::default();
        for (half, hasher) in fingerprint.0.chunks_mut(8).zip(halves) {
            half.copy_from_slice(&hasher.finish().to_le_bytes());
        }
        Ok(fingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_of(&self.0))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_is_that_of_the_contents() {
        let of = |contents: &[u8]| Fingerprint::of(contents).unwrap().to_string();
        assert_eq!(of(b"one"), of(b"one"));
        assert_ne!(of(b"one"), of(b"two"));
        assert_ne!(of(b"one")[..16], of(b"one")[16..], "two hashes");
        let file = Fingerprint::of(File::open(EXECUTABLE).unwrap()).unwrap();
        assert!(file == Fingerprint::of(&*std::fs::read(EXECUTABLE).unwrap()).unwrap(), "in any pieces");
    }

    #[test]
    fn fingerprint_of_a_missing_file_is_an_error() {
        struct Unreadable;
        impl Read for Unreadable {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        }
        assert!(Fingerprint::of(Unreadable).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied));
    }
}

//! Failed jobs as files: written here by the parent, read by [`rerun`](crate::worker::replay) in a process of its own.
//!
//! A file is a line that says what it is, the number of the format, the copy of this crate that it is for, the length and a checksum of the
//! contents, these in postcard's encoding, and the bytes of the blobs, whose lengths and checksums are in the contents.

mod store;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use executor_core::BuildError;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use self::store::{BOUNDS, Store};
use crate::ipc::codec::Codec;
use crate::ipc::payload::Bytes;
use crate::ipc::shared_memory::{self, Frozen};
use crate::protocol::program_image::{self, Offset};

/// Makes a program run the job in this file instead of `main`.
pub(crate) const VARIABLE: &str = "EXECUTOR_REPLAY";

const MAGIC: &[u8; 16] = b"executor job\r\n\x1a\n";
const FORMAT: u32 = 3;

/// A file's contents.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// The program that it is for.
    pub(crate) build: String,
    pub(crate) codec: Codec,
    /// Run before the job.
    pub(crate) initializer: Option<(Offset, Input)>,
    pub(crate) entry: Offset,
    /// The path of its function or type.
    pub(crate) name: String,
    pub(crate) id: u64,
    pub(crate) attempt: u32,
    /// How it failed.
    pub(crate) why: String,
    pub(crate) job: Input,
}

/// The arguments of a job or an initializer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Input {
    pub(crate) bytes: Bytes,
    /// In the places that the bytes name. Their own bytes follow the contents.
    pub(crate) blobs: Vec<Part>,
}

/// A blob. It is empty in the place of one that only other items of a chunk hold.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) len: u64,
    pub(crate) checksum: u64,
}

/// The directory where failed jobs are to be kept: as it is meant where it is said, since this process may be elsewhere when a job fails. Makes
/// it if it is not there.
///
/// # Errors
///
/// When it cannot be used.
pub(crate) fn directory(named: Option<&Path>) -> Result<Option<PathBuf>, BuildError> {
    let Some(named) = named else { return Ok(None) };
    let unfit = |reason: &dyn fmt::Display| {
        BuildError::host("keep_failed", format!("names {}, which {reason}", named.display()))
    };
    let path = std::path::absolute(named).map_err(|error| unfit(&format_args!("is no path: {error}")))?;
    // Without a slash at its end, which would follow a symbolic link.
    let path = path.components().collect::<PathBuf>();
    Store::open(&path).map_err(|reason| unfit(&reason))?;
    Ok(Some(path))
}

impl Part {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { len: bytes.len() as u64, checksum: checksum(bytes) }
    }
}

impl Input {
    /// Takes its blobs off the front of what follows the contents, as shared memory again.
    ///
    /// # Errors
    ///
    /// When the system has no memory or no descriptor left.
    pub(crate) fn take_blobs(&self, rest: &mut &[u8]) -> Result<Vec<Arc<OwnedFd>>, String> {
        let open = |part: &Part| {
            let bytes = split_part(part, rest).ok_or("it ends too early")?;
            let blob = if bytes.is_empty() {
                shared_memory::file().map(Arc::new)
            } else {
                Frozen::copy_of(bytes).map(|blob| Arc::clone(blob.file()))
            };
            blob.map_err(|error| format!("there is no shared memory for its blobs: {error}"))
        };
        self.blobs.iter().map(open).collect()
    }
}

fn split_part<'a>(part: &Part, rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (bytes, behind) = rest.split_at_checked(usize::try_from(part.len).ok()?)?;
    *rest = behind;
    Some(bytes)
}

/// Writes a file, with the bytes of the `blobs` that the contents name.
///
/// # Errors
///
/// Why it could not be.
pub(crate) fn write(directory: &Path, contents: &Contents, blobs: &[Frozen]) -> Result<PathBuf, String> {
    let encoded = encode(contents).map_err(|error| error.to_string())?;
    let parts: Vec<_> = [&encoded[..]].into_iter().chain(blobs.iter().map(|blob| &**blob)).collect();
    let stem = format!("{}-{}-{}", file_name(&contents.name), contents.id, std::process::id());
    let kept = Store::open(directory).and_then(|store| store.keep(&stem, &parts, BOUNDS));
    kept.map_err(|reason| format!("{} {reason}", directory.display()))
}

/// A path of Rust's as a part of a file's name.
fn file_name(path: &str) -> String {
    const LONGEST: usize = 120;
    let mut name = String::new();
    for c in path.chars().take(LONGEST) {
        match c {
            c if c.is_ascii_alphanumeric() || c == '_' => name.push(c),
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    name.trim_matches('-').to_owned()
}

fn encode(contents: &Contents) -> io::Result<Vec<u8>> {
    postcard::to_stdvec(contents).map(|contents| seal(&contents)).map_err(io::Error::other)
}

/// The start of a file with these bytes as its contents, whatever they are.
pub(crate) fn seal(contents: &[u8]) -> Vec<u8> {
    let len = (contents.len() as u64).to_le_bytes();
    [&MAGIC[..], &FORMAT.to_le_bytes(), &this_copy(), &len, &checksum(contents).to_le_bytes(), contents].concat()
}

/// A copy of this crate: a number of the program that it is in, and its place there.
type CopyId = [u8; 16];

fn this_copy() -> CopyId {
    let program = checksum(program_image::identity().as_bytes());
    let place = program_image::place().unwrap_or_default() as u64;
    let mut copy = CopyId::default();
    copy[..8].copy_from_slice(&program.to_le_bytes());
    copy[8..].copy_from_slice(&place.to_le_bytes());
    copy
}

/// Whether a file is for another copy of this crate in this program, which looks at the same variable. Formats of other versions hold the copy in
/// the same place.
pub(crate) fn is_for_other_copy(path: &Path) -> bool {
    const BEFORE: usize = MAGIC.len() + size_of_val(&FORMAT);
    let mut head = [0; BEFORE + size_of::<CopyId>()];
    let Ok((mut file, _)) = open(path) else { return false };
    if file.read_exact(&mut head).is_err() || !head.starts_with(MAGIC) {
        return false;
    }
    let (program, place) = head[BEFORE..].split_at(8);
    let ours = this_copy();
    program == &ours[..8] && place != &ours[8..]
}

/// A regular file, and its length.
fn open(path: &Path) -> Result<(File, u64), String> {
    let unread = |error: io::Error| format!("cannot be read: {error}");
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unread)?;
    let found = file.metadata().map_err(unread)?;
    if found.is_file() { Ok((file, found.len())) } else { Err("is no regular file".to_owned()) }
}

/// The bytes of a regular file. Never blocks: a pipe or a device, which may be empty or endless, is an error.
///
/// # Errors
///
/// When it is no regular file, or cannot be read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let (file, len) = open(path)?;
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    Ok(bytes)
}

/// Decodes the bytes of a file, which may be any, into its contents and the bytes of its blobs.
///
/// # Errors
///
/// Why it is not valid.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Contents, &[u8]), String> {
    const EARLY: &str = "is damaged: it ends too early";
    const OTHER: &str = "is damaged: its checksum does not match";
    let rest = bytes.strip_prefix(MAGIC).ok_or("is not a job saved by `keep_failed`")?;
    let (format, rest) = rest.split_first_chunk().ok_or(EARLY)?;
    let format = u32::from_le_bytes(*format);
    if format != FORMAT {
        return Err(format!("has format {format}, but this program reads format {FORMAT}"));
    }
    let (copy, rest) = rest.split_first_chunk::<{ size_of::<CopyId>() }>().ok_or(EARLY)?;
    let (len, rest) = rest.split_first_chunk().ok_or(EARLY)?;
    let (sum, mut rest) = rest.split_first_chunk().ok_or(EARLY)?;
    let encoded = Part { len: u64::from_le_bytes(*len), checksum: u64::from_le_bytes(*sum) };
    let encoded_bytes = split_part(&encoded, &mut rest).ok_or(EARLY)?;
    if checksum(encoded_bytes) != encoded.checksum {
        return Err(OTHER.to_owned());
    }
    let (contents, left): (Contents, _) =
        postcard::take_from_bytes(encoded_bytes).map_err(|error| format!("is damaged: {error}"))?;
    let mut behind = rest;
    let of_initializer = contents.initializer.iter().flat_map(|(_, input)| &input.blobs);
    for part in of_initializer.chain(&contents.job.blobs) {
        if checksum(split_part(part, &mut behind).ok_or(EARLY)?) != part.checksum {
            return Err(OTHER.to_owned());
        }
    }
    match left.len() + behind.len() {
        0 => {}
        surplus => return Err(format!("is damaged: {surplus} bytes too long")),
    }
    let ours = program_image::build();
    if contents.build != ours {
        return Err(format!(
            "was saved by another build of the program ({}; this is {ours}); run it with that build",
            contents.build
        ));
    }
    if *copy != this_copy() {
        return Err("was saved by another copy of `executor` in this program, or is damaged".to_owned());
    }
    Ok((contents, rest))
}

/// FNV-1a of 64 bits, by words of eight bytes since blobs may be large: any change of one word changes it.
fn checksum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    words.fold(0xcbf2_9ce4_8422_2325, |sum, word| (sum ^ word).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(all(test, not(loom)))]
mod tests;

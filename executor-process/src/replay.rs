//! Failed jobs as files: written here by the parent, read by [`rerun`](crate::worker::rerun) in a process of its own.
//!
//! A file is a line that says what it is, the number of the format, a checksum of the rest, and the rest in postcard's encoding.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use executor_core::{Saved, Saving};
use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::codec::Codec;
use crate::payload::Bytes;
use crate::postmortem::{Case, Kept};
use crate::worker::image::{self, Offset};

/// Makes a program run the job in this file instead of `main`.
pub(crate) const VARIABLE: &str = "EXECUTOR_REPLAY";

const MAGIC: &[u8; 16] = b"executor job\r\n\x1a\n";
const FORMAT: u32 = 1;
const HEADER: usize = MAGIC.len() + size_of::<u32>() + size_of::<u64>();

/// Names that are tried, where files of earlier runs of the program have the first ones.
const MOST_NAMES: u32 = 10_000;

/// What is in a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// The program that it is for.
    pub(crate) build: String,
    pub(crate) codec: Codec,
    /// Run before the job.
    pub(crate) initializer: Option<(Offset, Bytes)>,
    pub(crate) entry: Offset,
    /// The path of its function or type.
    pub(crate) name: String,
    pub(crate) id: u64,
    pub(crate) attempt: u32,
    /// How it failed.
    pub(crate) why: String,
    pub(crate) job: Bytes,
}

/// The directory as it is meant where it is said: this process may be elsewhere when a job fails.
pub(crate) fn absolute(directory: &Path) -> PathBuf {
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned())
}

/// Keeps a job that failed as a file, if the pool's settings say so. Blocks while it is written.
pub(crate) fn save(case: &Case, why: &dyn fmt::Display) -> Option<Saved> {
    let directory = case.settings.keep_failed.as_deref()?;
    Some(match keep(directory, case, why) {
        Ok(path) => Saved::to(path),
        Err(reason) => Saved::failed(reason),
    })
}

/// A job whose error is told before it is kept as a file.
pub(crate) struct Unsaved {
    case: Case,
    why: String,
    saving: Saving,
}

impl Unsaved {
    /// What the error says of it, and what is to be [written](Unsaved::write), if the pool's settings say so.
    pub(crate) fn new(case: Case, why: String) -> Option<(Saved, Self)> {
        case.settings.keep_failed.as_ref()?;
        let (saved, saving) = Saved::later();
        Some((saved, Self { case, why, saving }))
    }

    /// Blocks while it is written.
    pub(crate) fn write(self) {
        let Self { case, why, saving } = self;
        if let Some(directory) = &case.settings.keep_failed {
            saving.done(keep(directory, &case, &why));
        }
    }
}

fn keep(directory: &Path, case: &Case, why: &dyn fmt::Display) -> Result<PathBuf, String> {
    let entry = Offset::of_work(case.kind.work).ok_or("its function is not in the program's own file")?;
    let initializer = match &case.settings.initializer {
        Some((_, body)) if body.has_attachments() => {
            return Err("there are blobs or channels in what its initializer was given".to_owned());
        }
        initializer => initializer.as_ref().map(|(entry, body)| (*entry, body.bytes().clone())),
    };
    let Kept::Bytes(job) = case.body.clone() else {
        return Err("there are blobs or channels in its arguments, which end with the program".to_owned());
    };
    let contents = Contents {
        build: image::build(),
        codec: case.settings.codec,
        initializer,
        entry,
        name: case.kind.name.to_owned(),
        id: case.id.get(),
        attempt: case.attempt,
        why: why.to_string(),
        job,
    };
    write(directory, &contents).map_err(|error| format!("{}: {error}", directory.display()))
}

/// Writes it under a name that nobody has, so that it is there as a whole or not at all.
fn write(directory: &Path, contents: &Contents) -> io::Result<PathBuf> {
    fs::create_dir_all(directory)?;
    let stem = format!("{}-{}-{}", file_name(&contents.name), contents.id, std::process::id());
    let partial = directory.join(format!(".{stem}-{}.part", contents.attempt));
    let written = write_whole(&partial, contents).and_then(|()| publish(directory, &stem, &partial));
    if written.is_err() {
        drop(fs::remove_file(&partial));
    }
    // A path that holds elsewhere too.
    written.map(|path| path.canonicalize().unwrap_or(path))
}

fn write_whole(path: &Path, contents: &Contents) -> io::Result<()> {
    let bytes = encode(contents)?;
    // Arguments may be anybody's secrets.
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&bytes)
}

fn publish(directory: &Path, stem: &str, partial: &Path) -> io::Result<PathBuf> {
    for number in 1..MOST_NAMES {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let path = directory.join(format!("{stem}{suffix}.job"));
        match renameat_with(CWD, partial, CWD, &path, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(path),
            // Not every file system can refuse to replace a file.
            Err(Errno::INVAL | Errno::NOSYS) if !path.exists() => return fs::rename(partial, &path).map(|()| path),
            Err(Errno::EXIST | Errno::INVAL | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::other(format!("{MOST_NAMES} files of this name are there; delete some")))
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
    let mut bytes = MAGIC.to_vec();
    bytes.extend(FORMAT.to_le_bytes());
    bytes.extend([0; size_of::<u64>()]);
    let mut bytes = postcard::to_extend(contents, bytes).map_err(io::Error::other)?;
    let sum = checksum(&bytes[HEADER..]);
    bytes[HEADER - size_of::<u64>()..HEADER].copy_from_slice(&sum.to_le_bytes());
    Ok(bytes)
}

/// A file with these bytes as its contents, whatever they are.
#[cfg(any(test, fuzzing))]
pub(crate) fn seal(contents: &[u8]) -> Vec<u8> {
    [&MAGIC[..], &FORMAT.to_le_bytes(), &checksum(contents).to_le_bytes(), contents].concat()
}

/// The bytes of a file. Waits for nobody: a pipe or a device has no bytes of its own, or has them without end.
///
/// # Errors
///
/// When it is no regular file, or cannot be read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unread = |error: io::Error| format!("cannot be read: {error}");
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unread)?;
    let found = file.metadata().map_err(unread)?;
    if !found.is_file() {
        return Err("is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(found.len()).read_to_end(&mut bytes).map_err(unread)?;
    Ok(bytes)
}

/// What is in a file with these bytes, which may be any.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Contents, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("is no job that was kept by `keep_failed`")?;
    let (format, rest) = rest.split_first_chunk().ok_or("ends too early: it is damaged")?;
    let format = u32::from_le_bytes(*format);
    if format != FORMAT {
        return Err(format!("is in format {format}, and this program reads format {FORMAT}"));
    }
    let (sum, rest) = rest.split_first_chunk().ok_or("ends too early: it is damaged")?;
    if u64::from_le_bytes(*sum) != checksum(rest) {
        return Err("is damaged: its checksum is another".to_owned());
    }
    let (contents, left): (Contents, _) =
        postcard::take_from_bytes(rest).map_err(|error| format!("is damaged: {error}"))?;
    if !left.is_empty() {
        return Err(format!("is damaged: {} bytes too long", left.len()));
    }
    let ours = image::build();
    if contents.build != ours {
        return Err(format!(
            "is for another build of the program ({}; this is {ours}): run it with the one that made it",
            contents.build
        ));
    }
    Ok(contents)
}

/// FNV-1a of 64 bits: any change of one byte changes it.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;

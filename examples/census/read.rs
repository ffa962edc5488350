//! The job of the threads: a file's text.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Advice, fadvise};

/// No person wrote a larger file, so it is not worth the memory of its text and its syntax tree.
const LARGEST: u64 = 16 * 1024 * 1024;

pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) spent: Duration,
}

/// Reads a file, from the disk if it is to be `cold`: what is in the page cache, and not newer than the disk, is
/// dropped first.
pub(crate) fn read(path: &Path, cold: bool) -> io::Result<Text> {
    let start = Instant::now();
    let file = File::open(path)?;
    if cold {
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    let mut bytes = Vec::new();
    // One byte more, to see that there is more. A file may grow while it is read.
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("larger than {} MiB", LARGEST >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        io::Error::new(ErrorKind::InvalidData, format!("not UTF-8: byte {place} starts no character"))
    })?;
    Ok(Text { text, spent: start.elapsed() })
}

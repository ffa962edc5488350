//! The directory of kept jobs. Their arguments may be secrets, and a kept job is as good as a program: so no other user writes there, and
//! nothing in it is followed or replaced.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, Mode, OFlags, RenameFlags, fstat, openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::ipc::random;
use crate::ipc::shared_memory::check_file_size;

/// As much may be in a directory. Beyond that no job is kept: the first failures are those that explain the others.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) files: usize,
    pub(super) bytes: u64,
}

pub(super) const BOUNDS: Bounds = Bounds { files: 100, bytes: 1 << 30 };

/// Names of 64 random bits are neither guessed nor given twice.
const RANDOM_DIGITS: usize = 16;

/// Writable by the group or by all.
const OTHERS_WRITE: u32 = 0o022;

pub(super) struct Store<'a> {
    path: &'a Path,
    directory: OwnedFd,
}

impl<'a> Store<'a> {
    /// Makes the directory, for this user alone, if it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be made or opened, or is not safe from other users. The text says what to do, after the directory's name.
    pub(super) fn open(path: &'a Path) -> Result<Self, String> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| format!("cannot be made: {error}"))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(CWD, path, flags, Mode::empty()).map_err(|error| {
            if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
                return "is a symbolic link, which its owner can change; use the directory that it points to"
                    .to_owned();
            }
            format!("cannot be opened: {error}")
        })?;
        let found = fstat(&directory).map_err(|error| format!("cannot be examined: {error}"))?;
        check(found.st_uid, geteuid().as_raw(), found.st_mode)?;
        Ok(Self { path, directory })
    }

    /// Writes a file of `parts` that is there as a whole or not at all. Returns its path, which holds in other directories too.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or the directory is full. The text says what to do, after the directory's name.
    pub(super) fn keep(&self, stem: &str, parts: &[&[u8]], bounds: Bounds) -> Result<PathBuf, String> {
        let stem = format!("{stem}-{}", &random::hex()?[..RANDOM_DIGITS]);
        let (partial, name) = (format!(".{stem}.part"), format!("{stem}.job"));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let cannot = |error: io::Error| format!("cannot be written to: {error}");
        let file =
            openat(&self.directory, &*partial, flags, Mode::RUSR | Mode::WUSR).map_err(|error| cannot(error.into()))?;
        let written =
            self.fill(file.into(), parts, bounds, cannot).and_then(|()| self.publish(&partial, &name).map_err(cannot));
        if let Err(reason) = written {
            // It may be gone already; else it stays, and counts.
            let _ = unlinkat(&self.directory, &*partial, AtFlags::empty());
            return Err(reason);
        }
        let path = self.path.join(name);
        Ok(path.canonicalize().unwrap_or(path))
    }

    fn fill(
        &self,
        mut file: File,
        parts: &[&[u8]],
        bounds: Bounds,
        cannot: impl Fn(io::Error) -> String,
    ) -> Result<(), String> {
        let len = parts.iter().map(|part| part.len()).sum();
        // Of this length before the others are counted: of two that come at the same time, at least one sees the other.
        check_file_size(0, len).and_then(|()| file.set_len(len as u64)).map_err(&cannot)?;
        let (files, bytes) = self.size().map_err(|error| cannot(error.into()))?;
        if files > bounds.files || bytes > bounds.bytes {
            return Err(format!(
                "is full: it holds at most {} failed jobs and {} MiB; delete files (*.job, .*.part) that are no \
                 longer needed",
                bounds.files,
                bounds.bytes >> 20
            ));
        }
        parts.iter().try_for_each(|part| file.write_all(part)).map_err(cannot)
    }

    fn publish(&self, partial: &str, name: &str) -> io::Result<()> {
        let directory = &self.directory;
        match renameat_with(directory, partial, directory, name, RenameFlags::NOREPLACE) {
            // Some file systems cannot refuse to replace a file. None exists: the name is random, and no other program writes here.
            Err(Errno::INVAL | Errno::NOSYS) => Ok(renameat(directory, partial, directory, name)?),
            result => Ok(result?),
        }
    }

    /// How many files of kept jobs there are, and their length in all.
    fn size(&self) -> rustix::io::Result<(usize, u64)> {
        let (mut files, mut bytes) = (0, 0_u64);
        for entry in Dir::read_from(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if !name.to_bytes().ends_with(b".job") && !name.to_bytes().ends_with(b".part") {
                continue;
            }
            // A file that is gone by now counts no more.
            if let Ok(found) = statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                files += 1;
                bytes = bytes.saturating_add(u64::try_from(found.st_size).unwrap_or_default());
            }
        }
        Ok((files, bytes))
    }
}

/// Whether a directory is safe, by its owner, this process's user and its mode.
pub(super) fn check(owner: u32, user: u32, mode: u32) -> Result<(), String> {
    if owner != user {
        return Err(format!(
            "belongs to user {owner}, who could replace saved jobs, and this process runs as user {user}; use a \
             directory of this user, or one that does not exist yet"
        ));
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(format!(
            "is writable by other users (mode {:o}), and a saved job can run any function; use a directory in it \
             that does not exist yet, or remove that right (`chmod go-w`)",
            mode & 0o7777
        ));
    }
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests;

//! Which files there are, in the order of their paths' bytes.

use std::cmp::Ordering;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// A path that cannot be visited, and why.
pub(crate) struct Blocked {
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
}

/// Every regular file below `directory`. Links are followed, and do not lead in circles: a file comes once for each path
/// that leads to it.
pub(crate) fn walk(directory: &Path) -> impl Iterator<Item = Result<PathBuf, Blocked>> {
    let entries = WalkDir::new(directory).follow_links(true).sort_by(by_whole_path);
    entries.into_iter().filter_map(|entry| match entry {
        Ok(entry) => entry.file_type().is_file().then(|| Ok(entry.into_path())),
        Err(error) => Some(Err(blocked(&error, directory))),
    })
}

/// Orders two neighbours as the paths of the files in them: those of a directory go on with a slash, so `a/b` is behind
/// `a-b`, and before `a0`.
fn by_whole_path(a: &DirEntry, b: &DirEntry) -> Ordering {
    let slash = |entry: &DirEntry| {
        let is_link = entry.path_is_symlink();
        let leads_on = if is_link { entry.path().is_dir() } else { entry.file_type().is_dir() };
        leads_on.then_some(b'/')
    };
    let (a_name, b_name) = (a.file_name().as_bytes(), b.file_name().as_bytes());
    a_name.iter().copied().chain(slash(a)).cmp(b_name.iter().copied().chain(slash(b)))
}

fn blocked(error: &walkdir::Error, directory: &Path) -> Blocked {
    let path = error.path().unwrap_or(directory).to_owned();
    let reason = match (error.loop_ancestor(), error.io_error()) {
        (Some(ancestor), _) => format!("link loop: it leads back to {}", ancestor.display()),
        (None, Some(cause)) if cause.kind() == ErrorKind::NotFound && path.is_symlink() => {
            format!("broken link: {cause}")
        }
        (None, Some(cause)) => cause.to_string(),
        (None, None) => error.to_string(),
    };
    Blocked { path, reason }
}

//! Which files there are, and to which crate each belongs.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use walkdir::WalkDir;

/// A `.rs` file.
pub(crate) struct Source {
    /// How it is opened.
    pub(crate) path: PathBuf,
    /// How it is called: its path below the directory.
    pub(crate) name: PathBuf,
    pub(crate) of_crate: String,
}

/// A path that cannot be visited.
pub(crate) struct Blocked {
    pub(crate) name: PathBuf,
    pub(crate) reason: String,
}

/// Every regular file below a directory whose name ends in `.rs`. Links are followed, and do not lead in circles: a file
/// is visited once for each path that leads to it.
pub(crate) struct Walk {
    directory: PathBuf,
    absolute: PathBuf,
    entries: walkdir::IntoIter,
    spent: Duration,
}

impl Walk {
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            absolute: std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned()),
            entries: WalkDir::new(directory).follow_links(true).into_iter(),
            spent: Duration::ZERO,
        }
    }

    /// The time that the walk has taken so far.
    pub(crate) fn spent(&self) -> Duration {
        self.spent
    }

    fn step(&mut self) -> Option<Result<Source, Blocked>> {
        loop {
            match self.entries.next()? {
                Ok(entry) => {
                    let is_source = entry.file_type().is_file() && entry.path().extension() == Some(OsStr::new("rs"));
                    if is_source {
                        let path = entry.into_path();
                        let name = self.name(&path);
                        let of_crate = crate_of(&self.absolute, &name);
                        return Some(Ok(Source { path, name, of_crate }));
                    }
                }
                Err(error) => {
                    let name = error.path().map_or_else(|| self.directory.clone(), |path| self.name(path));
                    return Some(Err(Blocked { name, reason: reason(&error) }));
                }
            }
        }
    }

    fn name(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.directory) {
            Ok(name) if !name.as_os_str().is_empty() => name.to_owned(),
            _ => path.to_owned(),
        }
    }
}

impl Iterator for Walk {
    type Item = Result<Source, Blocked>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = Instant::now();
        let item = self.step();
        self.spent += start.elapsed();
        item
    }
}

/// The reason of the error, without the path.
fn reason(error: &walkdir::Error) -> String {
    if let Some(ancestor) = error.loop_ancestor() {
        return format!("link loop: it leads back to {}", ancestor.display());
    }
    let Some(cause) = error.io_error() else { return error.to_string() };
    match error.path() {
        Some(path) if cause.kind() == ErrorKind::NotFound && path.is_symlink() => format!("broken link: {cause}"),
        _ => cause.to_string(),
    }
}

/// Cargo unpacks `NAME-VERSION` into `registry/src/INDEX`. Elsewhere the top directory of a file stands for its crate, and
/// the directory of the census itself for files that lie directly in it.
fn crate_of(directory: &Path, name: &Path) -> String {
    let path = directory.join(name);
    let parts: Vec<&OsStr> = path.parent().into_iter().flatten().collect();
    let unpacked =
        parts.windows(4).find(|window| window[0] == "registry" && window[1] == "src").map(|window| window[3]);
    let top = || name.parent()?.iter().next();
    let of_crate = unpacked.or_else(top).or(directory.file_name()).unwrap_or(OsStr::new("."));
    of_crate.to_string_lossy().into_owned()
}

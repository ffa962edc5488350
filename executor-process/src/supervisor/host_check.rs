//! Whether worker processes can be started from this program at all.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;

use executor_core::{BuildError, Job};
use serde::{Deserialize, Serialize};

use crate::protocol::program_image::{self, EXECUTABLE, Offset};
use crate::protocol::start_info::MOST_DEPTH;
use crate::supervisor::rendezvous;
use crate::worker;
use crate::worker::entry_point::JobEntry;
use crate::worker::run_job;

/// The name of a rendezvous starts with that of the directory for temporary files, and a socket's name has at most 107 bytes
/// (unix(7)).
const LONGEST_TEMPORARY: usize = 107 - rendezvous::SUFFIX;

/// Looks at what does not change between a pool's start and its workers'.
///
/// # Errors
///
/// The error says what is wrong, and what to do.
pub(crate) fn check() -> Result<(), BuildError> {
    if !worker::entry::is_linked() {
        let problem = "cannot start workers: the linker dropped the section `.init_array` of the crate \
                       `executor-process`; link the crate into the program itself, and keep that section";
        return Err(BuildError::host("the program", problem));
    }
    if worker::entry::has_borrowed_rights() {
        let problem = "has more privileges than the user who started it (setuid, setgid, file capabilities), and so \
                       starts no workers, which obey environment variables; drop the privileges and start another \
                       program that has the pool";
        return Err(BuildError::host("the program", problem));
    }
    if worker::depth() >= MOST_DEPTH {
        let problem = format!(
            "is a worker inside {MOST_DEPTH} nested pools; create pools in `main` or in jobs, not in an initializer \
             or a constructor that runs before `main`"
        );
        return Err(BuildError::host("this process", problem));
    }
    if let Some(problem) = program_image::lacks(Path::new(EXECUTABLE)) {
        return Err(BuildError::host(EXECUTABLE, problem));
    }
    let temporary = rendezvous::temporary();
    match temporary.to_str() {
        None => Err(BuildError::setting("TMPDIR", format!("{}", temporary.display()), "UTF-8")),
        Some(text) if text.len() > LONGEST_TEMPORARY => {
            let allowed = format!("a path of at most {LONGEST_TEMPORARY} bytes, because sockets are created in it");
            Err(BuildError::setting("TMPDIR", format!("{text:?}"), allowed))
        }
        Some(_) => Ok(()),
    }?;
    check_image()
}

/// A job, for the address of its code.
#[derive(Serialize, Deserialize)]
struct Nothing;

impl Job for Nothing {
    type Output = ();

    fn run(self) {}
}

/// Workers run `/proc/self/exe`, which must be the file that this code is in. It is not where the code is in a shared library
/// of somebody else's program, or where the program was started by naming it to the loader (`ld.so`).
fn check_image() -> Result<(), BuildError> {
    // It stays so.
    static IS_OWN: OnceLock<bool> = OnceLock::new();
    let probe: JobEntry = run_job::work::<Nothing>;
    if *IS_OWN.get_or_init(|| Offset::of_job(probe).is_some() && is_in_executable(probe as usize)) {
        return Ok(());
    }
    let problem = "is not the file that contains this code: the code is in a shared library, or the program was \
                   started through the dynamic loader (`ld.so`); link `executor` into a program, and start the \
                   program by its own path";
    Err(BuildError::host(EXECUTABLE, problem))
}

/// Whether the mapping of `address` is of the file `/proc/self/exe`: the same path or the same inode, since a stacked file
/// system may tell two inodes for one file. True if they cannot be read.
fn is_in_executable(address: usize) -> bool {
    let (Ok(maps), Ok(path)) = (fs::read("/proc/self/maps"), fs::read_link(EXECUTABLE)) else { return true };
    let maps = String::from_utf8_lossy(&maps);
    let Some(line) = maps.lines().find(|line| covers(line, address)) else { return true };
    let mut fields = line.split_ascii_whitespace().skip(4);
    let inode = fields.next().and_then(|inode| inode.parse().ok());
    let same_inode = fs::metadata(EXECUTABLE).is_ok_and(|file| inode == Some(file.ino()));
    same_inode || line.ends_with(&*path.to_string_lossy())
}

/// Whether a line of `/proc/self/maps` (`proc_pid_maps(5)`), such as `5581-6000 r-xp …`, has `address` in its range.
fn covers(line: &str, address: usize) -> bool {
    let range = || {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
    };
    range().is_some_and(|range| range.contains(&address))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn this_program_can_start_workers() {
        check().unwrap();
    }

    #[test]
    fn code_of_a_shared_library_is_not_in_the_executable() {
        assert!(is_in_executable(check as *const () as usize));
        assert!(!is_in_executable(libc::getpid as *const () as usize));
    }
}

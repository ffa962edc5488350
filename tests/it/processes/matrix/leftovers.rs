//! Counts a process's resources before and after: a pool must leave none behind. For tests that run alone in their process.

use std::env;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::super::orphans::{children, descriptors};
use super::super::{pid, pool, worker_of};
use crate::support::system::tasks_of;
use crate::support::{Directory, eventually};

pub(super) struct Leftovers {
    threads: usize,
    descriptors: usize,
    mappings: usize,
    /// For temporary files, of this process and its workers.
    directory: Directory,
}

impl Leftovers {
    /// Counts what there is when no pool is.
    pub(super) fn count() -> Self {
        let directory = Directory::new();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
        // SAFETY: the test is alone in its process, and no other thread of it reads the environment now.
        unsafe { env::set_var("TMPDIR", directory.path()) };
        // The first pool leaves what a process needs once.
        worker_of(&pool(1));
        Self { threads: threads(), descriptors: descriptors().len(), mappings: mappings().len(), directory }
    }

    /// Fails if there is more now.
    pub(super) fn assert_none(&self) {
        assert_eq!(children(), Vec::<String>::new(), "no process, and no zombie");
        eventually("what its workers have started is gone", || self.heirs().is_empty());
        // The kernel may list a thread that was joined for a moment longer.
        eventually("its threads are gone", || threads() == self.threads);
        assert_eq!(descriptors().len(), self.descriptors, "{:?}", descriptors());
        assert_eq!(mappings().len(), self.mappings, "{:?}", mappings());
        let files: Vec<PathBuf> =
            fs::read_dir(self.directory.path()).expect("it is there").flatten().map(|entry| entry.path()).collect();
        assert_eq!(files, Vec::<PathBuf>::new());
    }

    /// Processes that have the directory's path from a worker, whichever process is their parent now.
    fn heirs(&self) -> Vec<PathBuf> {
        let path = self.directory.path().as_os_str().as_bytes();
        let has_it = |process: &PathBuf| {
            fs::read(process.join("environ")).is_ok_and(|text| text.windows(path.len()).any(|part| part == path))
        };
        fs::read_dir("/proc").expect("it is there").flatten().map(|entry| entry.path()).filter(has_it).collect()
    }
}

fn threads() -> usize {
    tasks_of(pid()).len()
}

/// Memory that is shared with other processes.
fn mappings() -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").expect("a process has memory");
    let is_shared = |line: &&str| line.split(' ').nth(1).is_some_and(|rights| rights.ends_with('s'));
    maps.lines().filter(is_shared).map(ToOwned::to_owned).collect()
}

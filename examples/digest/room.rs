//! How much may be done at once with the files that this process may have open (`ulimit -n`).

use std::fs;

use rustix::process::{Resource, getrlimit};

/// The most parts in flight: those to be read, and those to be added. Each holds its file open.
const IN_FLIGHT: usize = 64;
/// The most files that a worker process takes: its channels, and memory that parts go through.
const FOR_WORKER: usize = 12;
/// Files for everything else: workers that start, and directories that are read.
const FOR_REST: usize = 24;

/// The numbers that there is room for: at least one of each.
pub(crate) struct Room {
    pub(crate) workers: usize,
    pub(crate) in_flight: usize,
}

impl Room {
    /// Room for up to `workers`.
    pub(crate) fn for_workers(workers: usize) -> Self {
        let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
        Self::within(limit.map_or(usize::MAX, |limit| limit.saturating_sub(open)), workers)
    }

    /// Half of the `files` at most is for workers.
    fn within(files: usize, workers: usize) -> Self {
        let workers = workers.min(files / 2 / FOR_WORKER).max(1);
        let in_flight = files.saturating_sub(workers * FOR_WORKER + FOR_REST).clamp(1, IN_FLIGHT);
        Self { workers, in_flight }
    }
}

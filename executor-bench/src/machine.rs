//! Where it was measured, as far as that explains the numbers.

use std::fs;
use std::thread;
use std::time::SystemTime;

/// The machine at the beginning of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// Cores, kernel and compiler, in one sentence each.
    pub(crate) machine: String,
    /// How many threads wanted to run, on average over a minute. Systems other than Linux do not tell.
    pub(crate) load: Option<f64>,
    /// When: in seconds since 1970.
    pub(crate) time: u64,
}

impl Facts {
    pub(crate) fn now() -> Self {
        let cores = thread::available_parallelism().map_or_else(|_| "unknown".to_owned(), |cores| cores.to_string());
        let system = rustix::system::uname();
        let (name, release) = (system.sysname().to_string_lossy(), system.release().to_string_lossy());
        let machine = format!("Cores: {cores}. Kernel: {name} {release}. Compiler: {}.", env!("BENCH_RUSTC"));
        let load = fs::read_to_string("/proc/loadavg").ok();
        let load = load.and_then(|load| load.split(' ').next()?.parse().ok());
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Self { machine, load, time }
    }
}

/// The size that a file of the kernel's gives behind `name`, in KiB. `None` where the system does not say.
pub(crate) fn kibibytes(file: &str, name: &str) -> Option<u64> {
    let facts = fs::read_to_string(file).ok()?;
    let line = facts.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

//! Where it was measured, as far as that explains the numbers.

use std::fs;
use std::thread;

/// Cores, kernel, compiler, and how much else was going on, in one sentence each.
pub(crate) fn facts() -> String {
    let cores = thread::available_parallelism().map_or_else(|_| "unknown".to_owned(), |cores| cores.to_string());
    let system = rustix::system::uname();
    let (name, release) = (system.sysname().to_string_lossy(), system.release().to_string_lossy());
    let facts = format!("Cores: {cores}. Kernel: {name} {release}. Compiler: {}.", env!("BENCH_RUSTC"));
    // Other systems have no such file, and nothing is said there.
    if let Ok(load) = fs::read_to_string("/proc/loadavg")
        && let Some(load) = load.split(' ').next()
    {
        return format!("{facts} Load before: {load}.");
    }
    facts
}

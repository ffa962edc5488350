//! The memory of workers that all read one large table.

use std::fs;

use executor_core::{call, current, try_join_all};
use executor_process::{ProcessPool, ProcessPoolBuilder};

use super::{Contender, Ours};
use crate::machine::kibibytes;
use crate::rounds::Entrant;
use crate::works::float;

/// The table alone, in the tables.
pub(crate) const ONE_TABLE: &str = "the table alone";

const MIB: u64 = 1 << 20;

/// Without a zero, so that each page is memory of its own.
fn load(mebibytes: u64) -> Vec<u64> {
    (1..=mebibytes * MIB / 8).collect()
}

/// Reads a number of each page.
fn look((): ()) -> u64 {
    let table = current::state::<Vec<u64>>().expect("it was loaded");
    table.iter().step_by(512).sum()
}

/// In MiB: all memory of the pool's processes. Of what several share, each has a part.
fn measure(builder: ProcessPoolBuilder, workers: usize) -> f64 {
    let pool = builder.processes(workers).build().expect("this program can start workers");
    let sums = try_join_all(pool.broadcast(call(look, ((),)))).expect("no job of a benchmark fails");
    assert!(sums.len() == workers && sums.iter().all(|&sum| sum == sums[0]), "a table is wrong");
    let kibibytes = children().map(memory_of).sum();
    drop(pool);
    float(kibibytes) / 1024.0
}

/// The processes that this one has started.
fn children() -> impl Iterator<Item = u32> {
    let own = std::process::id().to_string();
    let is_child = move |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)) == Some(&own)
    };
    let processes = fs::read_dir("/proc").expect("there are processes").flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_child)
}

/// In KiB: its part of the memory, and the kernel's tables of its pages.
fn memory_of(pid: u32) -> u64 {
    let line = |file: &str, name: &str| kibibytes(&format!("/proc/{pid}/{file}"), name).unwrap_or_default();
    line("smaps_rollup", "Pss:") + line("status", "VmPTE:")
}

/// Workers forked from a template that has the table, and the table alone.
pub(super) fn entrants(workers: usize, mebibytes: u64) -> Vec<Entrant<'static>> {
    vec![
        Entrant::new(Ours::NAME, move || measure(ProcessPool::builder().template(call!(load(mebibytes))), workers)),
        Entrant::new(ONE_TABLE, move || float(mebibytes)),
    ]
}

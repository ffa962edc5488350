//! The works of process pools.

use super::{Goal, Plan, Scale, cores, counted};
use crate::machine::kibibytes;
use crate::processes::{BLOB, CHANNEL, Contender, Kind, MEMCPY, Ours, PYTHON, Procspawn, SOCKET, SPAWNED};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The works that have goals, with every peer. As many processes as cores, where there are several.
pub(crate) fn processes(scale: Scale) -> Vec<Plan> {
    let plan = |label: &str, unit, work, numbers, rounds| Plan::new(label.to_owned(), unit, work, numbers, rounds);
    let (jobs, items) = (scale.size(20_000), scale.size(100_000));
    let (rounds, more) = (scale.rounds, scale.more_rounds(10));
    let bytes = if scale.is_quick { MIB } else { 16 * MIB };
    let repeats = if scale.is_quick { 2 } else { 8 };
    let (queued, handles, limit) = (scale.size(10_000), scale.size(1_000_000), 20);
    let executor = Kind::Executor.name();
    let plans = vec![
        plan("process ping-pong", "ns/trip", "process ping-pong", vec![scale.size(4000)], scale.more_rounds(3))
            .goals([Goal::Against(CHANNEL, 0.5), Goal::Against(executor, 0.05)]),
        plan(
            &format!("process jobs, {}", counted(jobs, "submit")),
            "ns/job",
            "process jobs",
            vec![cores(), jobs],
            rounds,
        )
        .goals([Goal::Against(executor, 0.05)]),
        plan(
            &format!("process map, {}", counted(items, "item")),
            "ns/item",
            "process map",
            vec![cores(), items],
            rounds,
        )
        .goals([Goal::AgainstBest(executor, 0.2), Goal::AgainstBest(Kind::Pool.name(), 0.2)]),
        plan("process start to first result", "µs", "process start", vec![2 * repeats, 0], rounds)
            .goals([Goal::Against(SPAWNED, 1.0), Goal::Against(Procspawn::NAME, 1.0)]),
        plan("worker of a template to first result", "µs", "process fork", vec![2 * repeats], rounds)
            .goals([Goal::Against(SPAWNED, 0.35)]),
        plan(&format!("{} there and back, Blob", amount(bytes)), "µs", "process blob", vec![bytes, repeats], rounds)
            .goals([Goal::Against(MEMCPY, 2.5)]),
        plan(
            &format!("{} there and back, Vec<u8>", amount(bytes)),
            "µs",
            "process bytes",
            vec![bytes, repeats],
            rounds,
        ),
        plan(
            &format!("{} there and back, Vec<f64>", amount(bytes)),
            "µs",
            "process numbers",
            vec![bytes, repeats],
            rounds,
        )
        .goals([Goal::Against(MEMCPY, 2.5)]),
        plan(&format!("a timeout of {limit} ms, late by"), "ms", "process timeout", vec![limit], more)
            .goals([Goal::AtMost(2.0)]),
        plan(&format!("descriptors of {}", counted(queued, "queued job")), "", "process descriptors", vec![queued], 1)
            .goals([Goal::AtMost(0.0)])
            .counted(),
        plan(
            &format!("descriptors left by {}, half of which fail", counted(handles, "ipc-channel handle")),
            "",
            "process handles",
            vec![handles],
            1,
        )
        .goals([Goal::AtMost(0.0)])
        .counted(),
    ];
    with_loky(plans.into_iter().chain(managers(scale)).collect(), scale)
}

/// The steps of a manager's client, each measured alone.
fn managers(scale: Scale) -> [Plan; 4] {
    let works = [
        ("a value read", "manager get", vec![Goal::Against(SOCKET, 1.5), Goal::Against(PYTHON, 0.5)]),
        ("a value updated", "manager update", vec![Goal::Against(PYTHON, 0.25)]),
        ("a lock taken and freed", "manager lock", vec![Goal::Against(PYTHON, 0.5)]),
        ("an item put and got", "manager queue", vec![Goal::Against(PYTHON, 0.5)]),
    ];
    works.map(|(label, work, goals)| {
        Plan::new(format!("manager, {label}"), "ns", work, vec![scale.size(4000)], scale.more_rounds(3)).goals(goals)
    })
}

fn with_loky(plans: Vec<Plan>, scale: Scale) -> Vec<Plan> {
    plans.into_iter().map(|plan| Plan { loky: Some(!scale.is_quick), ..plan }).collect()
}

/// How the cost grows with workers, bytes, and the memory of the parent.
pub(crate) fn process_growth(scale: Scale) -> Vec<Plan> {
    let Scale { rounds, is_quick, .. } = scale;
    let jobs = scale.size(20_000);
    let by_workers = [1, 2, 4, 8, 16, 32, 64].into_iter().filter(|&processes| !is_quick || processes <= 4);
    let by_workers = by_workers.map(|processes| {
        let label = format!("{}, {}", counted(processes, "worker"), counted(jobs, "job"));
        Plan::new(label, "jobs/s", "process rate", vec![processes, jobs], rounds)
    });
    let sizes = [0, KIB, 32 * KIB, 64 * KIB, 128 * KIB, MIB, 16 * MIB, 256 * MIB];
    let by_bytes = sizes.into_iter().filter(|&bytes| !is_quick || bytes <= MIB).map(|bytes| {
        let (repeats, rounds) = if bytes > 16 * MIB { (1, scale.few_rounds()) } else { (8, rounds) };
        let label = format!("{} there and back", amount(bytes));
        Plan::new(label, "µs", "process bytes", vec![bytes, repeats], rounds).only([
            Ours::NAME,
            BLOB,
            MEMCPY,
            CHANNEL,
            Kind::Executor.name(),
        ])
    });
    let by_memory =
        [64, 256, 1024, 4096].into_iter().filter(|&mebibytes| !is_quick || mebibytes <= 64).map(|mebibytes| {
            let label = format!("start, parent of {}", amount(mebibytes * MIB));
            let plan = Plan::new(label, "µs", "process start", vec![8, mebibytes], rounds);
            let left_out = too_large(mebibytes * MIB, available());
            Plan { left_out, ..plan.only([Ours::NAME, SPAWNED]) }
        });
    by_workers.chain(by_bytes).chain(by_memory).chain(tables(scale)).collect()
}

/// The memory of workers that are forked from a template with a table.
fn tables(scale: Scale) -> impl Iterator<Item = Plan> {
    let table = if scale.is_quick { 16 } else { 1024 };
    [1, 10, 50].into_iter().filter(move |&workers| !scale.is_quick || workers == 1).map(move |workers| {
        let label = format!("memory, {}, table of {}", counted(workers, "worker"), amount(table * MIB));
        let plan = Plan::new(label, "MiB", "process table", vec![workers, table], 1).counted();
        Plan { left_out: too_large(table * MIB, available()), ..plan }
    })
}

fn amount(bytes: u64) -> String {
    match bytes {
        0 => "0 B".to_owned(),
        _ if bytes.is_multiple_of(KIB * MIB) => format!("{} GiB", bytes / (KIB * MIB)),
        _ if bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        _ if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        _ => format!("{bytes} B"),
    }
}

/// The memory that programs may have without swapping, in bytes, as Linux estimates it.
fn available() -> Option<u64> {
    kibibytes("/proc/meminfo", "MemAvailable:").map(|available| available * KIB)
}

/// The reason why no process here should have `bytes`, if there is one.
fn too_large(bytes: u64, available: Option<u64>) -> Option<String> {
    let needed = bytes + bytes / 2;
    let has = available.filter(|&has| has < needed)?;
    Some(format!("{} MiB of free memory are needed, and there are {}", needed / MIB, has / MIB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        let amounts = [0, 100, KIB, 64 * KIB, 16 * MIB, 4096 * MIB].map(amount);
        assert_eq!(amounts, ["0 B", "100 B", "1 KiB", "64 KiB", "16 MiB", "4 GiB"]);
    }

    #[test]
    fn plans_larger_than_memory_are_refused() {
        assert_eq!(too_large(2 * MIB, Some(3 * MIB)), None);
        assert_eq!(too_large(2 * MIB, None), None, "nobody knows");
        let reason = too_large(2 * MIB, Some(2 * MIB));
        assert_eq!(reason.as_deref(), Some("3 MiB of free memory are needed, and there are 2"));
    }
}

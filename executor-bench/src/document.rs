//! `BENCHMARKS.md`, made from the file of measurements: a picture, the rows that we lose, and a table for each section.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::busy::Beside;
use crate::measurements::{Entry, Measurements};
use crate::picture;
use crate::plans::{SECTIONS, Scale};
use crate::report::Report;
use crate::stats::Samples;

const HEAD: &str = "\
# Benchmarks

![Bars of our time divided by a peer's, for the ten rows that matter][picture]

**Only ratios mean something.** Times depend on the machine and on what else it does. Each work is measured twice: on a machine that does
nothing else (quiet), and beside two loops that never sleep (busy).
";

const LOST: &str = "
## Rows that we lose

`ours / it` is above 1.05 in these rows: the peer is faster, or takes less. [Performance](docs/PERFORMANCE.md#where-others-are-faster) says
why, and how to avoid it. Lower bounds that are no peers, such as a `memcpy` inside of one process, stand in the tables only.
";

const READING: &str = "
## How to read the tables

- Every round runs each contender once, in a rotating order. `quiet` and `busy` are the medians of the rounds.
- `ours / it` is the median of the rounds' ratios. Below 1, ours is better. In brackets: the median of endless rounds would most likely be
  between these two. A goal between them is called unsure.
- `goal` is an upper bound of the ratio or, in our own row, of our median.

Written by `cargo run --profile bench -p executor-bench --features nats -- all --write`, from `executor-bench/measurements.tsv`, which has every
single measurement. With `threads`, `processes`, `nats` or `growth` instead of `all`, or with `--only`, fewer works are measured again; the
others stay. Each work is described where it is written, in [executor-bench/src/works](executor-bench/src/works) for threads,
[executor-bench/src/processes](executor-bench/src/processes) for processes and [executor-bench/src/nats](executor-bench/src/nats) for NATS.
";

/// The facts that a reader needs to understand a section.
fn introduction(title: &str) -> &'static str {
    match title {
        "Thread pool" => {
            "All contenders have the same number of threads, which have started and are idle, and run the same jobs."
        }
        "Process pool" => {
            "A raw pipe and a bare ipc-channel are this program, started again, that sends back what it gets: the least that a worker \
            can cost. CPython's executor is `concurrent.futures.ProcessPoolExecutor`, its Pool `multiprocessing.Pool`. Workers have \
            started before, but where their start is measured."
        }
        "NATS" => {
            "One server with its store on disk, and two connections for each contender. Bare request/reply stores nothing; publish, fetch \
            and ack brings no outcome back. \"By hand\" sends the messages that our guarantees need, and does nothing else."
        }
        "Growth of the thread pool" => {
            "The cost of a job among many; each number around it is changed while the others stay. Memory is that of a job which waits \
            in the queue, with its future."
        }
        _ => {
            "Trivial jobs by more and more workers; bytes there and back, of which ours sends up to 64 KiB in a message, and more in \
            shared memory; the start of a worker by a process that uses much memory; and the memory of a template and its workers, which all read \
            one table (the kernel's page tables included)."
        }
    }
}

/// The page.
fn page(file: &Measurements) -> String {
    let (mut lost, mut tables) = (Report::default(), String::new());
    for (title, plans) in SECTIONS {
        let (mut report, mut entries) = (Report::default(), Vec::new());
        for plan in plans(Scale::whole(file.threads)) {
            let both = Beside::ALL.map(|beside| file.find(title, &plan.label, beside));
            entries.extend(both.iter().flatten());
            let both = both.map(|entry| entry.map_or(&[][..], |entry| &entry.measured));
            report.add(&plan, both);
            lost.add(&plan, both);
        }
        if !report.is_empty() {
            let (introduction, conditions, table) = (introduction(title), conditions(&entries), report.table());
            write!(tables, "\n## {title}\n\n{introduction}\n\n{conditions}\n\n{table}").expect("a string takes all");
        }
    }
    let lost = match lost.lost() {
        none if none.is_empty() => none,
        table => format!("{LOST}\n{table}"),
    };
    format!("{HEAD}{lost}{READING}{tables}\n[picture]: docs/pictures/benchmarks.svg\n")
}

/// Where and how often it was measured.
fn conditions(entries: &[&Entry]) -> String {
    let machines: BTreeSet<_> = entries.iter().map(|entry| &*entry.facts.machine).collect();
    let loads = entries.iter().filter_map(|entry| entry.facts.load);
    let mut text = machines.into_iter().collect::<Vec<_>>().join(" Or: ");
    if let Some(loads) = range(loads) {
        write!(text, " Load before: {loads}.").expect("a string takes all");
    }
    for (beside, name) in Beside::ALL.into_iter().zip(["Rounds", "Rounds when busy"]) {
        let entries = entries.iter().filter(|entry| entry.beside == beside);
        let counts = entries.flat_map(|entry| &entry.measured).filter_map(|(_, samples)| samples.as_ref().ok());
        if let Some(rounds) = range(counts.map(count)) {
            write!(text, " {name}: {rounds}.").expect("a string takes all");
        }
    }
    text
}

fn count(Samples(values): &Samples) -> f64 {
    f64::from(u32::try_from(values.len()).expect("there are few rounds"))
}

/// The least and the most, or the one that is both.
fn range(values: impl Iterator<Item = f64>) -> Option<String> {
    let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), value| (value.min(l), value.max(m)));
    if least > most {
        return None;
    }
    Some(if (most - least).abs() < 1e-9 { least.to_string() } else { format!("{least}–{most}") })
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

const DATA: &str = "executor-bench/measurements.tsv";

/// All files of measurements, by path, and their texts.
fn files(file: &Measurements) -> [(&'static str, String); 3] {
    [(DATA, file.text()), ("BENCHMARKS.md", page(file)), ("docs/pictures/benchmarks.svg", picture::draw(file))]
}

/// The measurements so far. Empty if there is no file.
pub(crate) fn read() -> Result<Measurements, Box<dyn std::error::Error>> {
    match fs::read_to_string(path(DATA)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Measurements::default()),
        text => Measurements::parse(&text?),
    }
}

/// Writes the measurements, the page and the picture.
pub(crate) fn write(file: &Measurements) -> io::Result<()> {
    files(file).into_iter().try_for_each(|(name, text)| fs::write(path(name), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Facts;

    #[test]
    fn page_and_picture_show_the_measurements() {
        for (name, text) in files(&read().unwrap()) {
            let there = fs::read_to_string(path(name)).unwrap();
            assert!(there == text, "{name} is not current; run: cargo run -p executor-bench -- page");
        }
    }

    #[test]
    fn page_has_each_section_that_was_measured() {
        let measured = |name: &str, value| (name.to_owned(), Ok(Samples(vec![value; 3])));
        let entry = |load| Entry {
            section: "Thread pool".into(),
            label: "ping-pong".into(),
            beside: Beside::Nothing,
            facts: Facts { machine: "Cores: 2.".into(), load: Some(load), time: 0 },
            measured: vec![measured("ours", 5.0), measured("bare channel", 4.0)],
        };
        let mut file = Measurements { threads: 2, entries: vec![entry(0.5)] };
        let text = page(&file);
        assert!(text.contains("\n## Thread pool\n") && !text.contains("\n## NATS\n"));
        assert!(text.contains("Cores: 2. Load before: 0.5. Rounds: 3.\n"));
        assert!(text.contains("\n| ping-pong | bare channel |  1.25 |      |\n"), "{text}");
        file.entries[0].measured[0] = measured("ours", 4.0);
        assert!(!page(&file).contains("Rows that we lose"));
        assert_eq!(conditions(&[&entry(0.5), &entry(2.0)]), "Cores: 2. Load before: 0.5–2. Rounds: 3.");
    }
}

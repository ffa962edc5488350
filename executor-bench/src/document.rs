//! `BENCHMARKS.md`: a head, and a section for each table, which stays as it is while others are measured again.

use std::fmt::Write;

const HEAD: &str = "\
# Benchmarks

Written by `cargo run --release -p executor-bench -- all --write`. With `threads`, `processes`, `nats` or `growth` instead of `all`, only
their sections are measured and written again. Each row is described where it is written, in
[executor-bench/src/works](executor-bench/src/works) for threads, [executor-bench/src/processes](executor-bench/src/processes) for
processes and [executor-bench/src/nats](executor-bench/src/nats) for NATS.

**Only ratios mean something.** Times depend on the machine and on what else it does: each section says with how many cores, which
kernel, and under which load it was measured.

- Every round runs each contender once, in a rotating order. `median`, `min` and `max` are of the rounds.
- `ours / it` is the median of the rounds' ratios. Below 1, ours is better.
- `95 %` is where that median would most likely be after endless rounds; a goal within is called unsure.
- `of minima` is the ratio of both best rounds: on a machine that is never quiet it says more about what the code can do.
- `goal` is an upper bound of the ratio or, in our own row, of our median.
";

/// In this order, under these titles.
pub(crate) const TITLES: [&str; 5] =
    ["Thread pool", "Process pool", "NATS", "Growth of the thread pool", "Growth of the process pool"];

/// The facts that a reader needs to understand a section.
fn introduction(title: &str) -> &'static str {
    match title {
        "Thread pool" => {
            "All contenders have the same number of threads, which have started and are idle, and run the same jobs.\n\n"
        }
        "Process pool" => {
            "A raw pipe and a bare ipc-channel are this program, started again, that sends back what it gets: the least that a worker \
            can cost. CPython's executor is `concurrent.futures.ProcessPoolExecutor`, its Pool `multiprocessing.Pool`. Workers have \
            started before, but where their start is measured.\n\n"
        }
        "NATS" => {
            "One server with its store on disk, and two connections for each contender. Bare request/reply stores nothing; publish, fetch \
            and ack brings no outcome back. \"By hand\" sends the messages that our guarantees need, and does nothing else.\n\n"
        }
        "Growth of the thread pool" => {
            "The cost of a job among many; each number around it is changed while the others stay. Memory is that of a job which waits \
            in the queue, with its future.\n\n"
        }
        _ => {
            "Trivial jobs by more and more workers; bytes there and back, of which ours sends up to 64 KiB in a message, and more in \
            shared memory; and the start of a worker by a process that uses much memory.\n\n"
        }
    }
}

/// A section with what was measured.
pub(crate) fn section(title: &'static str, machine: &str, table: &str) -> (&'static str, String) {
    (title, format!("{}{machine}\n\n{table}", introduction(title)))
}

/// The file's new text: these sections in place of those of `old`, and the others as they are there.
pub(crate) fn document(old: &str, new: &[(&'static str, String)]) -> String {
    let mut text = HEAD.to_owned();
    for title in TITLES {
        let measured = new.iter().find(|(name, _)| *name == title).map(|(_, body)| body.as_str());
        if let Some(body) = measured.or_else(|| section_of(old, title)) {
            write!(text, "\n## {title}\n\n{}\n", body.trim()).expect("a string takes everything");
        }
    }
    text
}

fn section_of<'a>(text: &'a str, title: &str) -> Option<&'a str> {
    let sections = text.split("\n## ").skip(1);
    sections.filter_map(|section| section.split_once('\n')).find(|(name, _)| *name == title).map(|(_, body)| body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmeasured_sections_stay() {
        let [threads, processes, ..] = TITLES;
        let first = document("", &[(threads, "| a |\n".to_owned()), (processes, "| b |\n".to_owned())]);
        assert!(first.starts_with(HEAD));
        let second = document(&first, &[(processes, "| c |".to_owned())]);
        assert_eq!(section_of(&second, threads).map(str::trim), Some("| a |"));
        assert_eq!(section_of(&second, processes).map(str::trim), Some("| c |"));
        assert_eq!(section_of(&second, TITLES[2]), None);
        assert_eq!(document(&second, &[]), second, "nothing piles up");
    }
}

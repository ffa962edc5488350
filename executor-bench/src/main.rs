//! Benchmarks of the executors against their peers.
//!
//! ```sh
//! cargo run --release -p executor-bench -- threads
//! ```
//!
//! prints a table with a row for each work and contender. How to read it:
//!
//! - `median`, `min` and `max` are of the rounds' measurements. They depend on the machine and on what else it does:
//!   compare them within one run only, and trust none that spreads wide.
//! - `ours / it` is what counts: the median, over the rounds, of our measurement divided by the contender's of the same
//!   round. Below 1, ours is better.
//! - `95 %` is where that median would be after endless rounds, with that chance.
//! - `of minima` is the ratio of the two best rounds: on a machine that is never quiet it says more about what the
//!   code can do, and less about what one gets.
//! - `goal` is the most that ratio may be, or, in our own row, our median; `verdict` says whether it is. What is
//!   unsure needs another run, with more `--rounds`, or a quieter machine.
//!
//! What keeps it fair: every contender has the same number of threads, all started and idle before a measurement; runs
//! the same jobs, submitted and awaited by the same code, compiled for it; and has its results checked. A round runs each
//! once, in rotating order. A work has a process of its own, so that none inherits memory or threads.

mod child;
mod machine;
mod peers;
mod plans;
mod python;
mod report;
mod rounds;
mod stats;
mod works;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use lexopt::{Arg, Parser, ValueExt};

use crate::plans::{Plan, Scale};
use crate::report::Report;

const HELP: &str = "\
Usage: executor-bench <PART> [OPTIONS]

Parts:
  threads       the thread pool against its peers and goals, and `growth`
  growth        only how a job's cost grows with threads, jobs and submitters

Options:
  --threads <N> of the pools, where a work does not say it itself (as many as cores)
  --only <TEXT> only works whose label contains this
  --rounds <N>  how often each contender is measured (11); what is short and varies much, some times as often
  --quick       small sizes and one round, to see that everything runs
  --csv         comma-separated values instead of tables
  --write       with `threads`: also write BENCHMARKS.md
  --help        this text";

const ROUNDS: usize = 11;

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Threads,
    Growth,
}

struct Options {
    part: Part,
    scale: Scale,
    only: String,
    is_csv: bool,
    writes: bool,
}

enum Command {
    Help,
    Benchmark(Options),
    /// What another process of this program has asked for.
    Measure {
        work: String,
        rounds: usize,
        only: String,
        numbers: String,
    },
}

fn parse(mut parser: Parser) -> Result<Command, lexopt::Error> {
    let (mut part, mut rounds, mut is_quick, mut is_csv, mut writes) = (None, None, false, false, false);
    let (mut threads, mut only) = (plans::cores(), String::new());
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("help") | Arg::Short('h') => return Ok(Command::Help),
            Arg::Long("rounds") => rounds = Some(parser.value()?.parse::<usize>()?),
            Arg::Long("threads") => threads = parser.value()?.parse()?,
            Arg::Long("only") => only = parser.value()?.string()?,
            Arg::Long("quick") => is_quick = true,
            Arg::Long("csv") => is_csv = true,
            Arg::Long("write") => writes = true,
            Arg::Value(name) if part.is_none() && name == "threads" => part = Some(Part::Threads),
            Arg::Value(name) if part.is_none() && name == "growth" => part = Some(Part::Growth),
            Arg::Value(name) if part.is_none() && name == child::COMMAND => {
                let (work, rounds) = (parser.value()?.string()?, parser.value()?.parse()?);
                let (only, numbers) = (parser.value()?.string()?, parser.value()?.string()?);
                return Ok(Command::Measure { work, rounds, only, numbers });
            }
            arg => return Err(arg.unexpected()),
        }
    }
    let Some(part) = part else { return Ok(Command::Help) };
    if rounds == Some(0) || threads == 0 {
        return Err("--rounds and --threads: nothing is measured with 0; take at least 1".into());
    }
    if writes && (part == Part::Growth || is_quick || !only.is_empty()) {
        return Err("--write needs everything: take it with `threads`, without --quick and --only".into());
    }
    let rounds = rounds.unwrap_or(if is_quick { 1 } else { ROUNDS });
    Ok(Command::Benchmark(Options { part, scale: Scale { threads, rounds, is_quick }, only, is_csv, writes }))
}

fn measure(plans: &[Plan], only: &str) -> Result<Report, Box<dyn Error>> {
    let mut report = Report::default();
    for plan in plans.iter().filter(|plan| plan.label.contains(only)) {
        eprintln!("measuring: {}", plan.label);
        report.add(plan, &child::measure(plan)?);
    }
    Ok(report)
}

fn benchmark(options: &Options) -> Result<(), Box<dyn Error>> {
    let machine = machine::facts();
    let print = |report: &Report| match report {
        report if report.is_empty() => {}
        report if options.is_csv => print!("{}", report.csv()),
        report => println!("{}", report.table()),
    };
    if options.is_csv {
        println!("{}", report::csv_head());
    } else {
        println!("{machine} Rounds: {}.\n", options.scale.rounds);
    }
    let works = match options.part {
        Part::Threads => Some(measure(&plans::threads(options.scale), &options.only)?),
        Part::Growth => None,
    };
    works.iter().for_each(print);
    let growth = measure(&plans::growth(options.scale), &options.only)?;
    print(&growth);
    if growth.is_empty() && works.as_ref().is_none_or(Report::is_empty) {
        return Err(format!("no work's label contains {:?}; the tables have the labels", options.only).into());
    }
    if let (true, Some(works)) = (options.writes, works) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../BENCHMARKS.md");
        fs::write(
            path,
            report::document(
                &works,
                &growth,
                &format!("{machine} Rounds: {}, and more of what is short.", options.scale.rounds),
            ),
        )?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let done = match parse(Parser::from_env()) {
        Ok(Command::Help) => {
            println!("{HELP}");
            Ok(())
        }
        Ok(Command::Benchmark(options)) => benchmark(&options),
        Ok(Command::Measure { work, rounds, only, numbers }) => child::main(&work, rounds, &only, &numbers),
        Err(error) => {
            eprintln!("{error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

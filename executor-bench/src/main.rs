//! Benchmarks of the executors against their peers.
//!
//! ```sh
//! cargo run --release -p executor-bench -- processes
//! ```
//!
//! prints tables with a row for each work and contender. How to read them:
//!
//! - `median`, `min` and `max` are of the rounds' measurements. They depend on the machine and on what else it does:
//!   compare them within one run only, and trust none that spreads wide.
//! - `ours / it` is what counts: the median, over the rounds, of our measurement divided by the contender's of the same
//!   round. Below 1, ours is better.
//! - `95 %` is where that median would be after endless rounds, with that chance.
//! - `of minima` is the ratio of the two best rounds: on a machine that is never quiet it says more about what the
//!   code can do, and less about what one gets.
//! - `goal` is the most that ratio may be, or, in our own row, our median; `verdict` says whether it is, or what multiple of
//!   the goal it is. An unsure verdict needs another run, with more `--rounds`, or a quieter machine.
//!
//! For fairness, every contender has the same number of threads or processes, all started and idle before a measurement, except
//! where their start is measured; runs the same jobs, submitted and awaited by the same code, compiled for it; and has its
//! results checked. A round runs each contender once, in rotating order. Each work has its own process, so that no work inherits
//! memory or threads.

#![deny(unsafe_code)]

mod child;
mod document;
mod machine;
#[cfg(feature = "nats")]
mod nats;
#[cfg(not(feature = "nats"))]
#[path = "nats/absent.rs"]
mod nats;
mod peers;
mod plans;
mod processes;
mod python;
mod report;
mod rounds;
mod stats;
mod works;

use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use lexopt::{Arg, Parser, ValueExt};

use crate::document::TITLES;
use crate::peers::{Contender, Ours};
use crate::plans::{Plan, Scale};
use crate::processes::echo;
use crate::report::Report;

const HELP: &str = "\
Usage: executor-bench <PART> [OPTIONS]

Parts:
  threads       the thread pool against its peers and goals, and how its costs grow
  processes     the process pool, likewise
  nats          jobs over a NATS server, against the client library alone
  growth        only how costs grow: with threads, processes, jobs, submitters, bytes and memory
  all           everything

Options:
  --threads <N> of the thread pools, where a work does not say it itself (as many as cores)
  --only <TEXT> only works whose label contains this
  --rounds <N>  how often each contender is measured (11); what is short and varies much, some times as often
  --quick       small sizes and one round, to see that everything runs; installs nothing
  --csv         comma-separated values instead of tables
  --write       also write what was measured to BENCHMARKS.md
  --help        this text

Without --quick, `processes` puts the Python package loky into a virtual environment beside this program, if it can.
`nats` needs the feature `nats`, and starts the program NATS_SERVER, or the `nats-server` on PATH.";

const ROUNDS: usize = 11;

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Threads,
    Processes,
    Nats,
    Growth,
    All,
}

impl Part {
    fn named(name: &str) -> Option<Self> {
        match name {
            "threads" => Some(Self::Threads),
            "processes" => Some(Self::Processes),
            "nats" => Some(Self::Nats),
            "growth" => Some(Self::Growth),
            "all" => Some(Self::All),
            _ => None,
        }
    }

    /// Whether each of the sections of `BENCHMARKS.md` is in this part.
    fn sections(self) -> [bool; TITLES.len()] {
        match self {
            Self::Threads => [true, false, false, true, false],
            Self::Processes => [false, true, false, false, true],
            Self::Nats => [false, false, true, false, false],
            Self::Growth => [false, false, false, true, true],
            Self::All => [true; TITLES.len()],
        }
    }
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
    /// The measurement that another process of this program has asked for.
    Measure {
        work: String,
        rounds: usize,
        only: String,
        numbers: String,
    },
    /// To be a peer's worker.
    Echo {
        what: String,
        server: String,
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
            Arg::Value(name) if part.is_none() && name == child::COMMAND => {
                let (work, rounds) = (parser.value()?.string()?, parser.value()?.parse()?);
                let (only, numbers) = (parser.value()?.string()?, parser.value()?.string()?);
                return Ok(Command::Measure { work, rounds, only, numbers });
            }
            Arg::Value(name) if part.is_none() && name == echo::COMMAND => {
                return Ok(Command::Echo { what: parser.value()?.string()?, server: parser.value()?.string()? });
            }
            Arg::Value(name) if part.is_none() => {
                let known = name.to_str().and_then(Part::named);
                part = Some(known.ok_or_else(|| Arg::Value(name).unexpected())?);
            }
            arg => return Err(arg.unexpected()),
        }
    }
    let Some(part) = part else { return Ok(Command::Help) };
    if rounds == Some(0) || threads == 0 {
        return Err("--rounds and --threads: nothing is measured with 0; take at least 1".into());
    }
    if writes && (is_quick || !only.is_empty()) {
        return Err("--write needs whole tables of real sizes: take it without --quick and --only".into());
    }
    let rounds = rounds.unwrap_or(if is_quick { 1 } else { ROUNDS });
    Ok(Command::Benchmark(Options { part, scale: Scale { threads, rounds, is_quick }, only, is_csv, writes }))
}

/// A contender that fails is shown in the table, and the others are still measured. Failures of ours are returned too.
fn measure(plans: &[Plan], only: &str) -> (Report, Vec<String>) {
    let (mut report, mut failures) = (Report::default(), Vec::new());
    for plan in plans.iter().filter(|plan| plan.label.contains(only)) {
        eprintln!("measuring: {}", plan.label);
        let measured = child::measure(plan);
        let measured = measured.unwrap_or_else(|error| vec![(Ours::NAME.to_owned(), Err(error.to_string()))]);
        let failed = measured.iter().filter(|(name, _)| name == Ours::NAME && plan.left_out.is_none());
        failures.extend(
            failed.filter_map(|(_, samples)| Some(format!("{}: ours: {}", plan.label, samples.as_ref().err()?))),
        );
        report.add(plan, &measured);
    }
    (report, failures)
}

const PLANS: [fn(Scale) -> Vec<Plan>; TITLES.len()] =
    [plans::threads, plans::processes, plans::nats, plans::growth, plans::process_growth];

fn benchmark(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.is_csv {
        println!("{}", report::csv_head());
    }
    let (mut sections, mut failures) = (Vec::new(), Vec::new());
    for ((title, plans), is_asked) in TITLES.into_iter().zip(PLANS).zip(options.part.sections()) {
        if !is_asked {
            continue;
        }
        let machine = format!("{} Rounds: {}, and more of what is short.", machine::facts(), options.scale.rounds);
        let (report, failed) = measure(&plans(options.scale), &options.only);
        failures.extend(failed);
        if report.is_empty() {
            continue;
        }
        if options.is_csv {
            print!("{}", report.csv());
        } else {
            println!("{title}. {machine}\n\n{}", report.table());
        }
        sections.push(document::section(title, &machine, &report.table()));
    }
    if sections.is_empty() {
        return Err(format!("no work's label contains {:?}; the tables have the labels", options.only).into());
    }
    if options.writes {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../BENCHMARKS.md");
        let old = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            old => old?,
        };
        fs::write(path, document::document(&old, &sections))?;
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn main() -> ExitCode {
    // One of its peers' workers, if it is one, goes no further.
    procspawn::init();
    let done = match parse(Parser::from_env()) {
        Ok(Command::Help) => {
            println!("{HELP}");
            Ok(())
        }
        Ok(Command::Benchmark(options)) => benchmark(&options),
        Ok(Command::Measure { work, rounds, only, numbers }) => child::main(&work, rounds, &only, &numbers),
        Ok(Command::Echo { what, server }) => echo::main(&what, &server),
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

//! The command line.

use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::busy::{self, Beside};
use crate::child;
use crate::plans::{self, SECTIONS, Scale};
use crate::processes::echo;

pub(crate) const HELP: &str = "\
Usage: executor-bench <PART> [OPTIONS]

Parts:
  threads       the thread pool against its peers and goals, and how its costs grow
  processes     the process pool, likewise
  nats          jobs over a NATS server, against the client library alone
  growth        only how costs grow: with threads, processes, jobs, submitters, bytes and memory
  all           everything
  page          nothing; writes BENCHMARKS.md and its picture again from the measurements that there are

Options:
  --threads <N> of the thread pools, where a work does not say it itself (as many as cores)
  --only <TEXT> only works whose label contains this
  --beside <quiet|busy>  only on a machine that does nothing else, or only beside two busy loops (both)
  --rounds <N>  how often each contender is measured (11); what is short and varies much, some times as often;
                beside busy loops, a third as often
  --for <SECONDS>  begins no work after this time; those measured longest ago come first
  --quick       small sizes, one round, no busy loops, to see that everything runs; installs nothing
  --csv         comma-separated values instead of tables
  --write       writes each work that was measured to executor-bench/measurements.tsv, and BENCHMARKS.md again from that
  --help        this text

Without --quick, `processes` puts the Python package loky into a virtual environment beside this program, if it can.
`nats` needs the feature `nats`, and starts the program NATS_SERVER, or the `nats-server` on PATH.";

const ROUNDS: usize = 11;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Part {
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
    pub(crate) fn sections(self) -> [bool; SECTIONS.len()] {
        match self {
            Self::Threads => [true, false, false, true, false],
            Self::Processes => [false, true, false, false, true],
            Self::Nats => [false, false, true, false, false],
            Self::Growth => [false, false, false, true, true],
            Self::All => [true; SECTIONS.len()],
        }
    }
}

pub(crate) struct Options {
    pub(crate) part: Part,
    pub(crate) scale: Scale,
    pub(crate) only: String,
    pub(crate) beside: Vec<Beside>,
    pub(crate) time: Option<Duration>,
    pub(crate) is_csv: bool,
    pub(crate) writes: bool,
}

pub(crate) enum Command {
    Help,
    Benchmark(Options),
    Page,
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
    /// To keep the machine busy.
    Busy,
}

pub(crate) fn parse(mut parser: Parser) -> Result<Command, lexopt::Error> {
    let (mut part, mut rounds, mut is_quick, mut is_csv, mut writes) = (None, None, false, false, false);
    let (mut threads, mut only, mut beside, mut time) = (plans::cores(), String::new(), None, None);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("help") | Arg::Short('h') => return Ok(Command::Help),
            Arg::Long("rounds") => rounds = Some(parser.value()?.parse::<usize>()?),
            Arg::Long("threads") => threads = parser.value()?.parse()?,
            Arg::Long("only") => only = parser.value()?.string()?,
            Arg::Long("beside") => {
                let name = parser.value()?.string()?;
                beside = Some(Beside::named(&name).ok_or("--beside: either quiet or busy")?);
            }
            Arg::Long("for") => time = Some(Duration::from_secs(parser.value()?.parse()?)),
            Arg::Long("quick") => is_quick = true,
            Arg::Long("csv") => is_csv = true,
            Arg::Long("write") => writes = true,
            Arg::Value(name) if part.is_none() => match name.to_str() {
                Some(child::COMMAND) => {
                    let (work, rounds) = (parser.value()?.string()?, parser.value()?.parse()?);
                    let (only, numbers) = (parser.value()?.string()?, parser.value()?.string()?);
                    return Ok(Command::Measure { work, rounds, only, numbers });
                }
                Some(echo::COMMAND) => {
                    return Ok(Command::Echo { what: parser.value()?.string()?, server: parser.value()?.string()? });
                }
                Some(busy::COMMAND) => return Ok(Command::Busy),
                Some("page") => return Ok(Command::Page),
                known => {
                    part = Some(known.and_then(Part::named).ok_or_else(|| Arg::Value(name.clone()).unexpected())?);
                }
            },
            arg => return Err(arg.unexpected()),
        }
    }
    let Some(part) = part else { return Ok(Command::Help) };
    if rounds == Some(0) || threads == 0 {
        return Err("--rounds and --threads: nothing is measured with 0; take at least 1".into());
    }
    if writes && is_quick {
        return Err("--write needs works of real sizes: take it without --quick".into());
    }
    let rounds = rounds.unwrap_or(if is_quick { 1 } else { ROUNDS });
    let both = if is_quick { vec![Beside::Nothing] } else { Beside::ALL.to_vec() };
    let beside = beside.map_or(both, |beside| vec![beside]);
    let scale = Scale { threads, rounds, is_quick };
    Ok(Command::Benchmark(Options { part, scale, only, beside, time, is_csv, writes }))
}

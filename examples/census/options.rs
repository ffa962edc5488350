//! The command line.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

use crate::survey::READERS;

pub(crate) const HELP: &str = "\
Counts what is in the Rust sources below a directory: lines, functions, unsafe
blocks, calls that can panic, and how deep blocks nest.

Usage: census [OPTIONS] [DIR]

  DIR               where to look for .rs files, through symbolic links too.
                    Default: the sources that cargo has unpacked
                    ($CARGO_HOME/registry/src, or ~/.cargo/registry/src)

Options:
  --seconds N       take no new file after N seconds. The tables are then those
                    of a part, and say so. Default: 10 without DIR, and no limit
                    with DIR
  --all             no time limit
  --with PLACE      where files are parsed:
                      processes  in worker processes (the default)
                      threads    on a thread pool; a file that overflows
                                 the stack ends the whole program
                      rayon      the same, on rayon's threads
                      none       on the main thread, one after the other
                      nats       in worker processes of several programs, here
                                 or on other machines, over a NATS server
  --workers N       how many files are parsed at once, except with `none`; with
                    `nats`, by each host. Default: as many as there are cores;
                    with `nats`, the hosts of this machine share them
  --cold            drop each file from the page cache before it is read
  --json            print one JSON document instead of tables
  --timeline FILE   record which worker did what, and when: a picture if FILE ends
                    with .svg, otherwise a trace for https://ui.perfetto.dev;
                    with processes or threads only
  --verbose         name each file that is not Rust, and why, on stderr
  --help            print this

Options of `--with nats` (built with the feature `nats`):
  --server URL      the NATS server; `start` starts the one that NATS_SERVER names,
                    or `nats-server`. Default: nats://127.0.0.1:4222
  --hosts N         how many hosts to start on this machine. Default: 3. With 0,
                    hosts that were started by `--serve` do the work
  --kill N          kill one of them once N files were submitted
  --serve           be a host: parse what others submit, until SIGTERM or Ctrl-C
  --ends-with-input with `--serve`: end when standard input does, too

Progress goes to stderr: bars on a terminal, elsewhere a line now and then.

A path that cannot be walked, read or parsed without a crash is one line on
stderr, and so is a file that is not UTF-8 or larger than 16 MiB. Everything
else is counted. A file that the parser refuses is counted as \"unparsed\", and
is no failure.

Exit status: 0 if nothing failed, 1 if something did, 2 if the command line
makes no sense.
";

/// The sources that cargo has unpacked may be gigabytes: a first look should end before a reader loses interest.
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);

/// The command to run.
pub(crate) enum Command {
    Help,
    Survey(Options),
    /// Be a host with this many workers.
    Serve(Nats, usize),
}

/// How to do it.
pub(crate) struct Options {
    pub(crate) directory: PathBuf,
    pub(crate) with: With,
    pub(crate) workers: usize,
    /// After this time, no new file is taken.
    pub(crate) limit: Option<Duration>,
    pub(crate) cold: bool,
    pub(crate) json: bool,
    pub(crate) verbose: bool,
    /// The file to draw what the pools did.
    pub(crate) timeline: Option<PathBuf>,
    pub(crate) nats: Nats,
}

/// How hosts are reached, and started.
pub(crate) struct Nats {
    /// A URL, or `start`.
    pub(crate) server: String,
    pub(crate) hosts: usize,
    pub(crate) kill_after: Option<usize>,
    pub(crate) ends_with_input: bool,
}

impl Default for Nats {
    fn default() -> Self {
        Self { server: "nats://127.0.0.1:4222".to_owned(), hosts: 3, kill_after: None, ends_with_input: false }
    }
}

/// Where files are parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    Processes,
    Threads,
    Rayon,
    None,
    Nats,
}

impl With {
    const ALL: [Self; 5] = [Self::Processes, Self::Threads, Self::Rayon, Self::None, Self::Nats];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Threads => "threads",
            Self::Rayon => "rayon",
            Self::None => "none",
            Self::Nats => "nats",
        }
    }

    fn from_name(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|with| with.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`--with` takes one of {names}")
        })
    }
}

impl Options {
    /// Where files are parsed, in words.
    pub(crate) fn place(&self) -> String {
        match (self.with, self.workers) {
            (With::None, _) => "the main thread".to_owned(),
            (With::Rayon, n) => format!("{n} of rayon's threads"),
            (With::Nats, _) if self.nats.hosts == 0 => "hosts that serve already".to_owned(),
            (With::Nats, n) => format!("{} hosts × {n} processes", self.nats.hosts),
            (other, n) => format!("{n} {}", other.name()),
        }
    }

    /// How many files may be read or parsed at once, so that no worker waits for the next one.
    pub(crate) fn in_flight(&self) -> usize {
        match self.with {
            // Jobs on their way to a host and back are in flight, too; and hosts that serve already are not counted here.
            With::Nats => READERS + 16 * self.workers * self.nats.hosts.max(8),
            _ => READERS + 4 * self.workers,
        }
    }
}

impl Command {
    pub(crate) fn from_args() -> Result<Self, lexopt::Error> {
        let mut parser = lexopt::Parser::from_env();
        let mut directory: Option<OsString> = None;
        let mut with = With::Processes;
        let (mut workers, mut seconds, mut all) = (None, None, false);
        let (mut cold, mut json, mut verbose) = (false, false, false);
        let (mut timeline, mut nats, mut serves) = (None, Nats::default(), false);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("with") => with = parser.value()?.parse_with(With::from_name)?,
                Long("seconds") => seconds = Some(parser.value()?.parse_with(number_of_seconds)?),
                Long("all") => all = true,
                Long("workers") => workers = Some(parser.value()?.parse_with(number_of_workers)?),
                Long("cold") => cold = true,
                Long("json") => json = true,
                Long("verbose") => verbose = true,
                Long("server") => nats.server = parser.value()?.string()?,
                Long("hosts") => nats.hosts = parser.value()?.parse()?,
                Long("kill") => nats.kill_after = Some(parser.value()?.parse()?),
                Long("serve") => serves = true,
                Long("ends-with-input") => nats.ends_with_input = true,
                Long("timeline") => timeline = Some(PathBuf::from(parser.value()?)),
                Short('h') | Long("help") => return Ok(Self::Help),
                Value(value) if directory.is_none() => directory = Some(value),
                _ => return Err(argument.unexpected()),
            }
        }
        if timeline.is_some() && matches!(with, With::Rayon | With::None | With::Nats) {
            return Err("`--timeline` records pools: use it with processes or threads".into());
        }
        let limit = match seconds {
            _ if all => None,
            None if directory.is_none() => Some(DEFAULT_LIMIT),
            seconds => seconds,
        };
        let directory = directory.map_or_else(unpacked_sources, |directory| Ok(PathBuf::from(directory)))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = match workers {
            _ if with == With::None => 1,
            Some(workers) => workers,
            None if with == With::Nats && !serves => (cores / nats.hosts.max(1)).max(1),
            None => cores,
        };
        if serves {
            return Ok(Self::Serve(nats, workers));
        }
        Ok(Self::Survey(Options { directory, with, workers, limit, cold, json, verbose, timeline, nats }))
    }
}

fn number_of_workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers @ 1..=1024) => Ok(workers),
        _ => Err("`--workers` takes a number from 1 to 1024".to_owned()),
    }
}

fn number_of_seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => Err("`--seconds` takes a whole number of seconds".to_owned()),
    }
}

fn unpacked_sources() -> Result<PathBuf, String> {
    let home = match env::var_os("CARGO_HOME").filter(|home| !home.is_empty()) {
        Some(home) => PathBuf::from(home),
        None => {
            env::home_dir().ok_or("there is no home directory to look in: name one to look in instead")?.join(".cargo")
        }
    };
    Ok(home.join("registry").join("src"))
}

//! The command line.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
Counts what is in the Rust sources below a directory: lines, functions, unsafe
blocks, calls that can panic, and how deep blocks nest.

Usage: census [OPTIONS] [DIR]

  DIR               where to look for .rs files, through symbolic links too.
                    Default: the sources that cargo has unpacked
                    ($CARGO_HOME/registry/src, or ~/.cargo/registry/src)

Options:
  --seconds N       take no new file after N seconds. The tables are then those
                    of a part, and say so. Default: 20 without DIR, and no limit
                    with DIR
  --all             no time limit
  --with PLACE      where files are parsed:
                      processes  in worker processes (the default)
                      threads    on a thread pool; a file that overflows
                                 the stack ends the whole program
                      rayon      the same, on rayon's threads
                      none       on the main thread, one after the other
  --workers N       how many files are parsed at once, except with `none`.
                    Default: as many as there are cores
  --cold            drop each file from the page cache before it is read
  --json            print one JSON document instead of tables
  --timeline FILE   record which worker did what, and when: a picture if FILE ends
                    with .svg, otherwise a trace for https://ui.perfetto.dev;
                    with processes or threads only
  --verbose         name each file that is not Rust, and why, on stderr
  --help            print this

Progress goes to stderr: bars on a terminal, elsewhere a line now and then.

A path that cannot be walked, read or parsed without a crash is one line on
stderr, and so is a file that is not UTF-8 or larger than 16 MiB. Everything
else is counted. A file that the parser refuses is counted as \"unparsed\", and
is no failure.

Exit status: 0 if nothing failed, 1 if something did, 2 if the command line
makes no sense.
";

/// The sources that cargo has unpacked may be gigabytes: a first look should end before a reader loses interest.
const DEFAULT_LIMIT: Duration = Duration::from_secs(20);

/// The command to run.
pub(crate) enum Command {
    Help,
    Survey(Options),
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
}

/// Where files are parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    Processes,
    Threads,
    Rayon,
    None,
}

impl With {
    const ALL: [Self; 4] = [Self::Processes, Self::Threads, Self::Rayon, Self::None];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Threads => "threads",
            Self::Rayon => "rayon",
            Self::None => "none",
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
            (other, n) => format!("{n} {}", other.name()),
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
        let mut timeline = None;
        while let Some(argument) = parser.next()? {
            match argument {
                Long("with") => with = parser.value()?.parse_with(With::from_name)?,
                Long("seconds") => seconds = Some(parser.value()?.parse_with(number_of_seconds)?),
                Long("all") => all = true,
                Long("workers") => workers = Some(parser.value()?.parse_with(number_of_workers)?),
                Long("cold") => cold = true,
                Long("json") => json = true,
                Long("verbose") => verbose = true,
                Long("timeline") => timeline = Some(PathBuf::from(parser.value()?)),
                Short('h') | Long("help") => return Ok(Self::Help),
                Value(value) if directory.is_none() => directory = Some(value),
                _ => return Err(argument.unexpected()),
            }
        }
        if timeline.is_some() && matches!(with, With::Rayon | With::None) {
            return Err("`--timeline` records pools: use it with processes or threads".into());
        }
        let limit = match seconds {
            _ if all => None,
            None if directory.is_none() => Some(DEFAULT_LIMIT),
            seconds => seconds,
        };
        let directory = directory.map_or_else(unpacked_sources, |directory| Ok(PathBuf::from(directory)))?;
        let workers = match workers {
            _ if with == With::None => 1,
            Some(workers) => workers,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        Ok(Self::Survey(Options { directory, with, workers, limit, cold, json, verbose, timeline }))
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

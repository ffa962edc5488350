//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
Prints the SHA-256 of every regular file below a directory, as sha256sum does,
and a summary on stderr: how many files are the same, and how far they could be
compressed.

Usage: digest [OPTIONS] [DIR]

  DIR             where to look, through symbolic links too; by default `.`

Options:
  --workers N     how many processes compute; by default as many as there are
                  cores
  --crash NAME    abort the process that computes the digest of each file of
                  this name, to see what becomes of the others
  --timeline FILE record which worker did what, and when: a picture if FILE ends
                  with .svg, otherwise a trace for https://ui.perfetto.dev
  --help          print this

`sha256sum --check` reads the output in the same directory. Lines are in the
order of the paths' bytes. A path that cannot be visited, read or digested is
one line on stderr; everything else is done.

Exit status: 0 if nothing failed, 1 if something did, 2 if the command line
makes no sense.
";

/// The command to run.
pub(crate) enum Command {
    Help,
    Digest(Options),
}

/// How to do it.
pub(crate) struct Options {
    pub(crate) directory: PathBuf,
    pub(crate) workers: usize,
    /// The name of the files whose job is to abort.
    pub(crate) crash: Option<OsString>,
    /// The file to draw what the pools did.
    pub(crate) timeline: Option<PathBuf>,
}

impl Command {
    pub(crate) fn from_args() -> Result<Self, lexopt::Error> {
        let mut parser = lexopt::Parser::from_env();
        let mut directory: Option<OsString> = None;
        let mut workers = std::thread::available_parallelism().map_or(1, usize::from);
        let (mut crash, mut timeline) = (None, None);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("workers") => workers = parser.value()?.parse_with(number_of_workers)?,
                Long("crash") => crash = Some(parser.value()?),
                Long("timeline") => timeline = Some(PathBuf::from(parser.value()?)),
                Short('h') | Long("help") => return Ok(Self::Help),
                Value(value) if directory.is_none() => directory = Some(value),
                _ => return Err(argument.unexpected()),
            }
        }
        let directory = directory.map_or_else(|| PathBuf::from("."), PathBuf::from);
        Ok(Self::Digest(Options { directory, workers, crash, timeline }))
    }
}

fn number_of_workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers @ 1..=1024) => Ok(workers),
        _ => Err("`--workers` takes a number from 1 to 1024".to_owned()),
    }
}

//! A census of Rust sources: what is in every `.rs` file below a directory, by crate.
//!
//! It is the library's showcase. Files are read on a [`ThreadPool`](executor::ThreadPool), because reading waits, and
//! parsed in a [`ProcessPool`](executor::ProcessPool), because parsing computes and may crash: a file that nests deeper
//! than the parser's stack is one line on stderr, and every other file is counted.
//!
//! In each file that parses, it counts:
//!
//! - lines, as `str::lines` sees them;
//! - functions with or without a body: free, in `impl` blocks and in traits, nested ones too, but no closures and nothing
//!   from `extern` blocks;
//! - `unsafe` blocks, not `unsafe fn` or `unsafe impl`;
//! - calls that can panic: the methods `unwrap`, `expect`, `unwrap_err` and `expect_err`, and the macros `panic`,
//!   `unreachable`, `todo`, `unimplemented`, `assert`, `assert_eq` and `assert_ne`;
//! - how deep blocks nest.
//!
//! It does not look into the parentheses of a macro call: they are only tokens to the parser.
//!
//! | module | has |
//! |---|---|
//! | `options` | the command line |
//! | `walk` | which files there are, and to which crate each belongs |
//! | `read` | the job of the threads |
//! | `analyse` | the job of the processes |
//! | `places` | where else that job can run |
//! | `hosts`, `table`, `server` | other programs, here or on other machines, that run that job: with the feature `nats` |
//! | `survey` | the pipeline from a path to a count |
//! | `tally` | the sums |
//! | `report` | the tables, and JSON |
//! | `console` | stderr: progress, and one line for each file that failed |

mod analyse;
mod console;
#[cfg(feature = "nats")]
mod hosts;
mod options;
mod places;
mod read;
mod report;
#[cfg(feature = "nats")]
mod server;
mod survey;
#[cfg(feature = "nats")]
mod table;
mod tally;
mod walk;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use std::error::Error;

use executor::call;

use crate::console::{Console, complain};
use crate::options::{Command, HELP, Nats, Options};
use crate::survey::{Survey, survey};

/// Something failed, and was reported; the rest was done.
const SOME_FAILED: u8 = 1;
/// The command line makes no sense.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match Command::from_args() {
        Ok(Command::Help) => written(print(|out| out.write_all(HELP.as_bytes())), 0),
        Ok(Command::Survey(options)) => match run(&options) {
            Ok(survey) => {
                let is_drawn = draw(&options, &survey);
                let status = if survey.tally.totals.failed == 0 && is_drawn { 0 } else { SOME_FAILED };
                written(print(|out| report::write(out, &options, &survey)), status)
            }
            Err(error) => {
                complain(error);
                ExitCode::from(SOME_FAILED)
            }
        },
        Ok(Command::Serve(nats, workers)) => match serve(&nats, workers) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(error);
                ExitCode::from(SOME_FAILED)
            }
        },
        Err(error) => {
            complain(format_args!("census: {error}\nTry `census --help`."));
            ExitCode::from(USAGE)
        }
    }
}

fn run(options: &Options) -> Result<Survey, Box<dyn Error>> {
    let console = Console::new(options);
    let parsers = places::parsers(options, &console)?;
    Ok(survey(options, &parsers, |text| call!(analyse::analyse(text)), &console)?)
}

/// Runs jobs for others.
fn serve(nats: &Nats, workers: usize) -> Result<(), Box<dyn Error>> {
    #[cfg(feature = "nats")]
    return hosts::host(nats, workers);
    #[cfg(not(feature = "nats"))]
    Err(places::no_nats(nats, workers))
}

/// Writes the file of `--timeline`. False if that failed.
fn draw(options: &Options, survey: &Survey) -> bool {
    let Some((recording, path)) = survey.recording.as_ref().zip(options.timeline.as_ref()) else { return true };
    let saved = recording.save(path);
    if let Err(error) = &saved {
        complain(format_args!("census: cannot write {}: {error}", path.display()));
    }
    saved.is_ok()
}

fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    write(&mut out)?;
    out.flush()
}

/// The exit status. A reader that has seen enough (`census | head`) is no failure.
fn written(outcome: io::Result<()>, status: u8) -> ExitCode {
    match outcome {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(format_args!("census: cannot write to stdout: {error}"));
            ExitCode::from(SOME_FAILED)
        }
        _ => ExitCode::from(status),
    }
}

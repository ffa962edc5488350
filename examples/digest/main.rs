//! Prints the SHA-256 of every file below a directory, in the format of `sha256sum --check`, then duplicates and compressibility.
//!
//! Files are read on a [`ThreadPool`], part by part; digests and compressibility are computed in a
//! [`ProcessPool`]. If a job crashes its process (try `--crash NAME`), only the digest of its
//! file is missing.
//!
//! Lines are printed in the order of `LC_ALL=C sort`, each as soon as possible. Memory is bounded by the parts in flight, plus the names of
//! the largest directory and one entry for each distinct digest.
//!
//! | module | has |
//! |---|---|
//! | `options` | the command line |
//! | `walk` | which files there are, in order |
//! | `room` | the limit of parts in flight |
//! | `parts` | both jobs: read a file's next part, and compute its digest |
//! | `pipeline` | the files in flight |
//! | `lines` | the lines on stdout and stderr |
//! | `summary` | duplicates and compressibility |

mod lines;
mod options;
mod parts;
mod pipeline;
mod room;
mod summary;
mod walk;

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use executor::{BuildError, Pool, ProcessPool, Recording, ThreadPool};

use crate::lines::{complain, report, write_digest};
use crate::options::{Command, HELP, Options};
use crate::pipeline::Pipeline;
use crate::room::Room;
use crate::summary::Summary;
use crate::walk::walk;

/// Something failed, and was reported; the rest was done.
const SOME_FAILED: u8 = 1;
/// The command line makes no sense.
const USAGE: u8 = 2;

/// How many files are read at once. Reading waits, so this has little to do with the number of cores.
const READERS: usize = 8;

fn main() -> ExitCode {
    match Command::from_args() {
        Ok(Command::Help) => ended(io::stdout().write_all(HELP.as_bytes()), 0),
        Ok(Command::Digest(options)) => match run(&options) {
            Ok(Done { summary, written, is_drawn }) => {
                let status = if summary.failed() == 0 && is_drawn { 0 } else { SOME_FAILED };
                if written.is_ok() {
                    complain(summary);
                }
                ended(written, status)
            }
            Err(error) => {
                complain(format_args!("digest: {error}"));
                ExitCode::from(SOME_FAILED)
            }
        },
        Err(error) => {
            complain(format_args!("digest: {error}\nTry `digest --help`."));
            ExitCode::from(USAGE)
        }
    }
}

/// The sums, and whether all could be written.
struct Done {
    summary: Summary,
    written: io::Result<()>,
    is_drawn: bool,
}

fn run(options: &Options) -> Result<Done, BuildError> {
    let measures = options.timeline.is_some();
    let readers = ThreadPool::builder().threads(READERS).name("read").measure(measures).build()?;
    let room = Room::for_workers(options.workers);
    let processes = ProcessPool::builder().processes(room.workers).threads_per_process(1).name("digest");
    let workers = processes.measure(measures).build()?;
    let pools = [&readers as &dyn Pool, &workers];
    let recording = measures.then(|| Recording::of(&pools).expect("both are built with `measure(true)`"));
    let mut summary = Summary::default();
    let mut out = io::stdout().lock();
    let pipeline = Pipeline::new(walk(&options.directory), &readers, &workers, room.in_flight, options.crash.clone());
    for (path, outcome) in pipeline {
        match outcome {
            Ok(whole) => {
                summary.add(&path, &whole);
                if let Err(error) = write_digest(&mut out, &whole.digest, &path) {
                    let is_drawn = draw(options, recording.as_ref());
                    return Ok(Done { summary, written: Err(error), is_drawn });
                }
            }
            Err(reason) => {
                summary.add_failed();
                report(&path, &reason);
            }
        }
    }
    let written = out.flush();
    let is_drawn = draw(options, recording.as_ref());
    Ok(Done { summary, written, is_drawn })
}

/// Writes the file of `--timeline`. False if that failed.
fn draw(options: &Options, recording: Option<&Recording>) -> bool {
    let Some((recording, path)) = recording.zip(options.timeline.as_ref()) else { return true };
    let saved = recording.save(path);
    if let Err(error) = &saved {
        complain(format_args!("digest: cannot write {}: {error}", path.display()));
    }
    saved.is_ok()
}

/// The exit status. A reader that has seen enough (`digest | head`) is no failure.
fn ended(written: io::Result<()>, status: u8) -> ExitCode {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(format_args!("digest: cannot write to stdout: {error}"));
            ExitCode::from(SOME_FAILED)
        }
        _ => ExitCode::from(status),
    }
}

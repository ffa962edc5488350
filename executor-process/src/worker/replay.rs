//! A failed job, run again from its file: in the foreground, with signals, stdin and descriptors as anybody's who starts a program, so
//! that a debugger finds what it expects.

use std::fmt;
use std::path::Path;
use std::process::exit;

use executor_core::JobId;
use executor_core::current::{self, Worker};
use executor_core::panics::{catch, drop_catching};

use super::process_setup::fill_standard_streams;
use crate::ipc::payload::{Body, Data};
use crate::ipc::socket;
use crate::protocol::answer::Answer;
use crate::protocol::replay_file::{Contents, Input, VARIABLE, decode, read};
use crate::protocol::status_page::Page;
use crate::transport::WorkerEnd;

/// The exit code where there is nothing to run (`EX_DATAERR` of sysexits.h). Stderr says why.
const CANNOT_RUN: i32 = 65;

/// The exit code of a program that panics.
const FAILED: i32 = 101;

/// The rest of the process's life.
pub(super) fn run(path: &Path) -> ! {
    fill_standard_streams()
        .unwrap_or_else(|error| refuse(path, format_args!("cannot be run without standard streams: {error}")));
    let bytes = read(path).unwrap_or_else(|reason| refuse(path, format_args!("{reason}")));
    let (contents, mut blobs) = match catch(|| decode(&bytes)) {
        Ok(Ok(found)) => found,
        Ok(Err(reason)) => refuse(path, format_args!("{reason}")),
        Err(panic) => refuse(path, format_args!("cannot be read: {panic}")),
    };
    let Contents { codec, initializer, entry, name, id, attempt, why, job, .. } = contents;
    let Some(work) = entry.job_entry() else {
        refuse(path, format_args!("names a function that is not in this program"))
    };
    eprintln!("executor: job {id}, `{name}`, runs again from {}; it failed before: {why}", path.display());
    // The other end is closed: the result is only counted.
    let end_of_nobody = match socket::pair() {
        Ok((socket, _)) => WorkerEnd::new(socket),
        Err(error) => refuse(path, format_args!("cannot be run: {error}")),
    };
    current::set_worker(Some(Worker { name: Some("executor-replay".into()), state: None, host: None }));
    let mut whole = |input: &Input| {
        input.take_blobs(&mut blobs).and_then(|blobs| {
            let mut opened = end_of_nobody.open(Body { data: Data::Inline(input.bytes.clone()), packet: None })?;
            opened.descriptors = blobs;
            Ok(opened)
        })
    };
    if let Some((offset, input)) = initializer {
        let Some(prepare) = offset.init_entry() else {
            refuse(path, format_args!("names an initializer that is not in this program"))
        };
        match whole(&input).and_then(|opened| prepare(codec, opened)) {
            Ok(state) => current::set_state(Some(state)),
            Err(reason) => end(FAILED, format_args!("its initializer failed: {reason}")),
        }
    }
    let id = JobId::from_number(id);
    let scope = current::enter(current::Job { id, attempt, deadline: None, control: None, label: None });
    let (page, _) =
        Page::new().unwrap_or_else(|error| refuse(path, format_args!("cannot be run without shared memory ({error})")));
    let mut outcomes = page.growing(0, 0);
    let answer = match whole(&job) {
        Ok(opened) => catch(|| work(codec, opened, None, &end_of_nobody, &mut outcomes)),
        Err(reason) => refuse(path, format_args!("cannot be opened: {reason}")),
    };
    drop(scope);
    match answer {
        Ok(Answer::Done(result)) => end(0, format_args!("the job returned: {} bytes encoded", result.len())),
        // A panic of an item is told by the panic hook.
        Ok(Answer::Items) => end(0, format_args!("the item ran, {} bytes of outcome", outcomes.len())),
        Ok(Answer::Panicked(panic)) => end(FAILED, format_args!("{:#}", panic.of(name, None))),
        Ok(Answer::Codec { step, cause } | Answer::NoRoom { step, cause }) => {
            end(FAILED, format_args!("could not {}: {cause}", step.text()))
        }
        Err(panic) => end(FAILED, format_args!("{panic}")),
    }
}

fn end(code: i32, outcome: fmt::Arguments<'_>) -> ! {
    println!("executor: {outcome}");
    // The initializer's state has no later time to go.
    drop_catching(catch(|| current::set_worker(None)));
    exit(code)
}

fn refuse(path: &Path, reason: fmt::Arguments<'_>) -> ! {
    eprintln!("executor: {VARIABLE}: {} {reason}", path.display());
    exit(CANNOT_RUN)
}

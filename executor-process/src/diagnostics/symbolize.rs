//! Names for the places where a worker was. It is the same program, so that the distance from the base of its image leads to the
//! same function here.

use std::env;
use std::path::{Path, PathBuf};

use executor_core::{Backtrace, Frame};

use crate::protocol::crash_record::{Place, Trace};
use crate::protocol::program_image;
use crate::worker::entry_point::JobEntry;
use crate::worker::stack_walk;

/// How many of the innermost and of the outermost functions are shown: more would not help.
const MOST_INNER: usize = 16;
const MOST_OUTER: usize = 8;

/// The functions that run a job in a worker, or start a thread in the standard library: their callers are no concern of the job's.
const ENTRIES: [&str; 3] = [
    "executor_process::worker::run_job::work",
    "executor_process::worker::run_chunk::work",
    "std::sys::backtrace::__rust_begin_short_backtrace",
];

const OWN: &str = env!("CARGO_PKG_NAME");

/// The functions between those and the user's code: by name if they have a path, and by file if not, as for functions that were inlined.
const PLUMBING: [&str; 12] = [
    "executor_core::",
    "executor_process::",
    "<executor_core::",
    "<executor_process::",
    "std::panic",
    "std::sys::",
    "<std::sys::",
    "std::thread::",
    "core::ops::function::",
    "<core::panic::",
    "<alloc::boxed::Box",
    "__rust_",
];
const PLUMBING_FILES: [&str; 7] = [
    "library/std/src/panic.rs",
    "library/std/src/panicking.rs",
    "library/std/src/sys/",
    "library/std/src/thread/",
    "library/core/src/panic/unwind_safe.rs",
    "library/core/src/ops/function.rs",
    "library/alloc/src/boxed.rs",
];

/// The standard library, by name and by file.
const LIBRARY: [&str; 9] =
    ["std::", "core::", "alloc::", "<std::", "<core::", "<alloc::", "__rust", "rust_begin_unwind", "rust_panic"];
const LIBRARY_SOURCE: &str = "/library/";

fn is_in_library(frame: &Frame) -> bool {
    LIBRARY.iter().any(|name| frame.function().starts_with(name))
        || frame.file().is_some_and(|file| file.starts_with(&LIBRARY_SOURCE[1..]))
}

fn is_entry(frame: &Frame) -> bool {
    let is_begin = frame.function().starts_with("__rust_begin_short_backtrace");
    let is_work = frame.function().starts_with("work<") && frame.file().is_some_and(|file| is_of_crate(file, OWN));
    is_begin || is_work || ENTRIES.iter().any(|name| frame.function().starts_with(name))
}

fn is_plumbing(frame: &Frame) -> bool {
    let is_file = |file: &str| {
        PLUMBING_FILES.iter().any(|name| file.starts_with(name))
            || ["executor-core", OWN].iter().any(|name| is_of_crate(file, name))
    };
    PLUMBING.iter().any(|name| frame.function().starts_with(name)) || frame.file().is_some_and(is_file)
}

/// Whether a source file is of the crate `name`: of a workspace, or from a registry.
fn is_of_crate(file: &str, name: &str) -> bool {
    let version = env!("CARGO_PKG_VERSION");
    [format!("{name}/src/"), format!("{name}-{version}/src/")]
        .iter()
        .any(|directory| file.starts_with(&**directory) || file.contains(&format!("/{directory}")))
}

/// The functions that were called by a job of this kind, or by a thread, named when somebody looks. `None` if nothing of the
/// program's own was.
pub(crate) fn backtrace(mut trace: Trace, entry: JobEntry, name: &'static str) -> Option<Backtrace> {
    let is_job = truncate(&mut trace, entry);
    let has_own = trace.inner.iter().chain(&trace.outer).any(|place| own(*place).is_some());
    has_own.then(|| Backtrace::new(move || named(&trace, is_job.then_some(name))))
}

/// The functions that a worker that lives was in. `None` if nothing of the program's own was.
pub(crate) fn stack(trace: Trace) -> Option<Backtrace> {
    let has_own = trace.inner.iter().chain(&trace.outer).any(|place| own(*place).is_some());
    has_own.then(|| Backtrace::new(move || named(&trace, None)))
}

/// Leaves out what called `work`, known by its address: it may have no name. The user's code may be inlined into `work` itself.
/// Says whether it was there.
fn truncate(trace: &mut Trace, work: JobEntry) -> bool {
    let is_work = |place: &Place| own(*place).and_then(stack_walk::function_around) == Some(work as usize);
    if let Some(at) = trace.inner.iter().position(is_work) {
        trace.inner.truncate(at + 1);
        trace.outer.clear();
        return true;
    }
    let at = trace.outer.iter().position(is_work);
    trace.outer.truncate(at.map_or(usize::MAX, |at| at + 1));
    at.is_some()
}

/// The address in this process.
fn own(place: Place) -> Option<usize> {
    match place {
        Place::Own(distance) => program_image::address_of(usize::try_from(distance).ok()?),
        Place::Foreign(_) => None,
    }
}

/// `job` is the full name of the outermost function, where it is known.
fn named(trace: &Trace, job: Option<&str>) -> Vec<Frame> {
    let inner: Vec<_> = trace.inner.iter().copied().flat_map(names).collect();
    let outer: Vec<_> = trace.outer.iter().copied().flat_map(names).collect();
    let (mut inner, mut outer) = trimmed(inner, outer);
    if let (Some(job), Some(last)) = (job, outer.last_mut().or_else(|| inner.last_mut())) {
        name_in_full(last, job);
    }
    let omitted = if outer.is_empty() { 0 } else { trace.omitted };
    shortened(folded(inner), omitted, folded(outer))
}

/// At most [`MOST_INNER`] innermost and [`MOST_OUTER`] outermost functions.
fn shortened(inner: Vec<Frame>, omitted: usize, outer: Vec<Frame>) -> Vec<Frame> {
    let calls = |frames: &[Frame]| frames.iter().map(Frame::calls).sum::<usize>();
    let (mut frames, outer) = if omitted > 0 { (inner, outer) } else { ([inner, outer].concat(), Vec::new()) };
    let is_short = omitted == 0 && frames.len() <= MOST_INNER + MOST_OUTER;
    if is_short {
        return folded(frames);
    }
    let middle = frames.split_off(frames.len().min(MOST_INNER));
    let rest = [middle, outer].concat();
    let (left_out, last) = rest.split_at(rest.len().saturating_sub(MOST_OUTER));
    let more = omitted.saturating_add(calls(left_out));
    frames.push(Frame::new(format!("({more} more)")));
    frames.extend_from_slice(last);
    frames
}

/// The functions at a place, innermost first: those that were inlined too.
fn names(place: Place) -> Vec<Frame> {
    let Some(address) = own(place) else { return Vec::new() };
    let mut frames = Vec::new();
    backtrace::resolve(std::ptr::without_provenance_mut(address), |symbol| {
        // The alternate form leaves the hash out.
        let Some(name) = symbol.name().map(|name| format!("{name:#}")) else { return };
        frames.push(match symbol.filename() {
            Some(file) => placed(&name, &shown(file), symbol.lineno()),
            None => Frame::new(name),
        });
    });
    if frames.is_empty()
        && let Place::Own(distance) = place
    {
        // For users that have the symbols in another file: `addr2line -e`. The place is behind the instruction.
        frames.push(Frame::new(format!("program+{:#x}", distance.saturating_sub(1))));
    }
    frames
}

/// A function that was inlined has no path, and all its types, which are long where it is the standard library's.
fn placed(name: &str, file: &str, line: Option<u32>) -> Frame {
    let is_library = file.starts_with(&LIBRARY_SOURCE[1..]);
    let short = name.split_once('<').map(|(short, _)| short).filter(|short| is_library && is_identifier(short));
    Frame::new(short.unwrap_or(name)).at(file, line)
}

/// Line tables may have the last part of a path only.
fn name_in_full(frame: &mut Frame, path: &str) {
    if path.rsplit("::").next() == Some(frame.function()) {
        let named = Frame::new(path).called(frame.calls());
        *frame = match frame.file() {
            Some(file) => named.at(file, frame.line()),
            None => named,
        };
    }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// As the standard library shows it: from the working directory on, if it is below that.
fn shown(file: &Path) -> String {
    let text = file.display().to_string();
    let is_library = text.starts_with("/rustc/") || text.contains("/rustlib/src/rust/library/");
    if let Some(at) = text.find(LIBRARY_SOURCE).filter(|_| is_library) {
        return text[at + 1..].to_owned();
    }
    // Of a crate from a registry, its name and version say enough.
    if let Some((_, path)) = text.split_once("/registry/src/")
        && let Some((_, path)) = path.split_once('/')
    {
        return path.to_owned();
    }
    let below = env::current_dir().ok().and_then(|here| file.strip_prefix(here).map(PathBuf::from).ok());
    below.map_or(text, |below| below.display().to_string())
}

/// Without what is ours and the standard library's, around the user's code; unless there is nothing else.
fn trimmed(mut inner: Vec<Frame>, mut outer: Vec<Frame>) -> (Vec<Frame>, Vec<Frame>) {
    let all = inner.clone();
    if let Some(entry) = inner.iter().position(is_entry) {
        inner.truncate(entry);
        outer.clear();
    }
    if let Some(entry) = outer.iter().position(is_entry) {
        outer.truncate(entry);
    }
    while let Some(frames) = [&mut outer, &mut inner].into_iter().find(|frames| !frames.is_empty())
        && frames.last().is_some_and(is_plumbing)
    {
        frames.pop();
    }
    if inner.is_empty() && outer.is_empty() {
        return (all, outer);
    }
    // The last of them is what the user's code called.
    let library = inner.iter().take_while(|frame| is_in_library(frame)).count();
    if library < inner.len() {
        inner.drain(..library.saturating_sub(1));
    }
    (inner, outer)
}

/// A function that calls itself, once.
fn folded(frames: Vec<Frame>) -> Vec<Frame> {
    let mut folded: Vec<Frame> = Vec::new();
    for frame in frames {
        match folded.last_mut() {
            Some(last) if last.function() == frame.function() => {
                *last = last.clone().called(last.calls() + frame.calls());
            }
            _ => folded.push(frame),
        }
    }
    folded
}

#[cfg(all(test, not(loom)))]
mod tests;

//! Names for the places where a worker was. It is the same program, so that the distance from the base of its image leads to the
//! same function here.

use std::env;
use std::path::{Path, PathBuf};

use executor_core::{Backtrace, Frame};

use crate::trace::{Place, Trace};
use crate::worker::image;

/// So many of the innermost functions are told, and of the outermost. More say no more.
const MOST_INNER: usize = 16;
const MOST_OUTER: usize = 8;

/// What runs a job in a worker, and what the standard library starts a thread with: what is around it is no concern of the job's.
const ENTRIES: [&str; 2] = ["executor_process::kind::work", "std::sys::backtrace::__rust_begin_short_backtrace"];

/// What stands between those and the user's code: names where there are paths, and files where there are none, as for functions that
/// were inlined.
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
    is_begin || ENTRIES.iter().any(|name| frame.function().starts_with(name))
}

fn is_plumbing(frame: &Frame) -> bool {
    let is_file = |file: &str| {
        PLUMBING_FILES.iter().any(|name| file.starts_with(name))
            || ["executor-core", "executor-process"].iter().any(|name| is_of_crate(file, name))
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

/// The functions that were called, named when somebody looks. `None` if nothing of the program's own was.
pub(crate) fn backtrace(trace: Trace) -> Option<Backtrace> {
    let has_own = trace.inner.iter().chain(&trace.outer).any(|place| own(*place).is_some());
    has_own.then(|| Backtrace::new(move || named(&trace)))
}

/// The address in this process.
fn own(place: Place) -> Option<usize> {
    match place {
        Place::Own(distance) => image::address_of(usize::try_from(distance).ok()?),
        Place::Foreign(_) => None,
    }
}

fn named(trace: &Trace) -> Vec<Frame> {
    let inner: Vec<_> = trace.inner.iter().copied().flat_map(names).collect();
    let outer: Vec<_> = trace.outer.iter().copied().flat_map(names).collect();
    let (inner, outer) = trimmed(inner, outer);
    let omitted = if outer.is_empty() { 0 } else { trace.omitted };
    shortened(folded(inner), omitted, folded(outer))
}

/// At most so many of each end.
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
        let frame = Frame::new(name);
        frames.push(match symbol.filename() {
            Some(file) => frame.at(shown(file), symbol.lineno()),
            None => frame,
        });
    });
    if frames.is_empty()
        && let Place::Own(distance) = place
    {
        // Of use to whoever has the symbols apart: `addr2line -e`. The place is behind the instruction.
        frames.push(Frame::new(format!("program+{:#x}", distance.saturating_sub(1))));
    }
    frames
}

/// As the standard library shows it: from the working directory on, if it is below that.
fn shown(file: &Path) -> String {
    let text = file.display().to_string();
    let is_library = text.starts_with("/rustc/") || text.contains("/rustlib/src/rust/library/");
    if let Some(at) = text.find(LIBRARY_SOURCE).filter(|_| is_library) {
        return text[at + 1..].to_owned();
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trace::Facts;

    fn frames(names: &[&str]) -> Vec<Frame> {
        names.iter().map(|name| Frame::new(*name)).collect()
    }

    fn texts(frames: &[Frame]) -> Vec<String> {
        frames.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_around_the_users_code_is_left_out() {
        let inner = frames(&[
            "std::sys::pal::unix::abort_internal",
            "std::process::abort",
            "app::parse",
            "core::iter::Iterator::map",
            "app::job",
            "core::ops::function::Fn::call",
            "<executor_core::call::Call<F,A> as executor_core::job::Job>::run",
            "executor_process::kind::work::{{closure}}",
            "std::panicking::try",
            "executor_process::kind::work",
            "main",
        ]);
        let (inner, outer) = trimmed(inner, frames(&["_start"]));
        assert_eq!(texts(&inner), ["std::process::abort", "app::parse", "core::iter::Iterator::map", "app::job"]);
        assert!(outer.is_empty());
    }

    #[test]
    fn a_deep_stack_is_trimmed_at_its_outer_end() {
        let (inner, outer) = (frames(&["app::deeper"]), frames(&["app::deeper", "app::job", "std::panicking::try"]));
        let (inner, outer) = trimmed(inner, outer);
        assert_eq!(
            (texts(&inner), texts(&outer)),
            (vec!["app::deeper".into()], vec!["app::deeper".into(), "app::job".into()])
        );
        let (inner, outer) =
            trimmed(frames(&["app::job", "std::panicking::try"]), frames(&["std::sys::x", "std::thread::y"]));
        assert_eq!((texts(&inner), outer), (vec!["app::job".into()], Vec::new()));
        let (inner, _) = trimmed(frames(&["std::process::abort"]), Vec::new());
        assert_eq!(texts(&inner), ["std::process::abort"], "nothing of the user's is known: better than nothing");
    }

    #[test]
    fn a_function_of_this_program_is_named_by_its_distance() {
        let address = own_address();
        let distance = image::own(address).expect("it is in this program") as u64;
        let trace =
            Trace { facts: Facts::default(), inner: vec![Place::Own(distance + 1); 3], outer: Vec::new(), omitted: 0 };
        let text = backtrace(trace).expect("it is in this program").to_string();
        assert!(text.starts_with("at executor_process::symbols::tests::own_address"), "{text}");
        assert!(text.ends_with(", 3 times"), "{text}");
        let foreign = Trace { facts: Facts::default(), inner: vec![Place::Foreign(7)], outer: Vec::new(), omitted: 0 };
        assert!(backtrace(foreign).is_none());
    }

    #[test]
    fn a_long_backtrace_is_shortened_in_the_middle() {
        let names: Vec<_> = (0..40).map(|n| Frame::new(n.to_string())).collect();
        let all = |frames: &[Frame]| frames.to_vec();
        assert_eq!(shortened(all(&names[..20]), 0, all(&names[20..24])), names[..24]);
        let text = |frames: &[Frame]| texts(frames).join(" ");
        let expected = "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (16 more) 32 33 34 35 36 37 38 39";
        assert_eq!(text(&shortened(all(&names[..20]), 0, all(&names[20..]))), expected);
        assert_eq!(text(&shortened(all(&names[..2]), 7, all(&names[2..4]))), "0 1 (7 more) 2 3");
        let twice = folded(frames(&["a", "a", "b"]));
        assert_eq!(text(&shortened(twice.clone(), 0, frames(&["b", "c"]))), "a, 2 times b, 2 times c");
    }

    #[test]
    fn functions_without_a_path_are_known_by_their_files() {
        let inner = vec![
            Frame::new("read<u8>").at("library/core/src/ptr/mod.rs", Some(1)),
            Frame::new("parse").at("src/main.rs", Some(2)),
            Frame::new("call<fn(), ()>").at("library/core/src/ops/function.rs", Some(3)),
            Frame::new("run<u8>").at("/cargo/registry/executor-core-0.1.0/src/call.rs", Some(4)),
            Frame::new("try<u8>").at("library/std/src/panicking.rs", Some(5)),
        ];
        let (inner, _) = trimmed(inner, Vec::new());
        assert_eq!(texts(&inner), ["read<u8> (library/core/src/ptr/mod.rs:1)", "parse (src/main.rs:2)"]);
    }

    /// Trimmed names would not do: this one is ours.
    #[inline(never)]
    fn own_address() -> usize {
        own_address as *const () as usize
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn any_places_have_a_text(places in prop::collection::vec(any::<u64>(), 0..64), near in 0_u64..10_000_000) {
            let mut inner: Vec<_> = places.into_iter().map(Place::Own).collect();
            inner.push(Place::Own(near));
            let trace = Trace { facts: Facts::default(), outer: inner.clone(), inner, omitted: usize::MAX };
            let _ = backtrace(trace).map(|backtrace| backtrace.to_string());
        }
    }
}

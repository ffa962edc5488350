use proptest::prelude::*;

use executor_core::Frame;
use executor_core::wrap::Context;

use super::*;
use crate::ipc::codec::Codec;
use crate::protocol::answer::Answer;
use crate::protocol::crash_record::CrashFacts;
use crate::protocol::status_page::Appender;
use crate::transport::{Opened, Outgoing, WorkerEnd};

fn frames(names: &[&str]) -> Vec<Frame> {
    names.iter().map(|name| Frame::new(*name)).collect()
}

fn texts(frames: &[Frame]) -> Vec<String> {
    frames.iter().map(ToString::to_string).collect()
}

#[test]
fn frames_around_user_code_are_omitted() {
    let inner = frames(&[
        "std::sys::pal::unix::abort_internal",
        "std::process::abort",
        "app::parse",
        "core::iter::Iterator::map",
        "app::job",
        "core::ops::function::Fn::call",
        "<executor_core::call::Call<F,A> as executor_core::job::Job>::run",
        "executor_process::worker::run_job::work::{{closure}}",
        "std::panicking::try",
        "executor_process::worker::run_job::work",
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
    let distance = program_image::own(address).expect("it is in this program") as u64;
    let trace =
        Trace { facts: CrashFacts::default(), inner: vec![Place::Own(distance + 1); 3], outer: Vec::new(), omitted: 0 };
    let text = backtrace(trace, work, NAME).expect("it is in this program").to_string();
    assert!(text.starts_with("at executor_process::diagnostics::symbolize::tests::own_address"), "{text}");
    assert!(text.ends_with(", 3 times"), "{text}");
    let foreign = Trace { facts: CrashFacts::default(), inner: vec![Place::Foreign(7)], outer: Vec::new(), omitted: 0 };
    assert!(backtrace(foreign, work, NAME).is_none());
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

fn work(_: Codec, _: Opened, _: Option<&Context>, _: &WorkerEnd, _: &mut Appender<'_>) -> Answer<Outgoing> {
    Answer::Items
}

#[test]
fn files_are_told_from_where_they_are_known() {
    let text = |file: &str| shown(Path::new(file));
    assert_eq!(text("/rustc/5980/library/core/src/a.rs"), "library/core/src/a.rs");
    assert_eq!(text("/x/lib/rustlib/src/rust/library/std/src/a.rs"), "library/std/src/a.rs");
    assert_eq!(text("/x/cargo/registry/src/index.crates.io-19/syn-3.0.10/src/a.rs"), "syn-3.0.10/src/a.rs");
    assert_eq!(text("/x/library/src/a.rs"), "/x/library/src/a.rs");
    let own = env::current_dir().expect("it is there").join("src/a.rs");
    assert_eq!(text(own.to_str().expect("it is text")), "src/a.rs");
}

#[test]
fn types_of_the_standard_librarys_functions_are_left_out() {
    let text = |name: &str, file: &str| placed(name, file, Some(1)).to_string();
    assert_eq!(text("sort<a::B, c::D>", "library/core/src/slice.rs"), "sort (library/core/src/slice.rs:1)");
    assert_eq!(text("a::B<T>::c", "library/core/src/a.rs"), "a::B<T>::c (library/core/src/a.rs:1)");
    assert_eq!(text("<T as A>::b", "library/core/src/a.rs"), "<T as A>::b (library/core/src/a.rs:1)");
    assert_eq!(text("app::parse<u8>", "src/main.rs"), "app::parse<u8> (src/main.rs:1)");
}

const NAME: &str = "tests::work";

#[test]
fn the_job_has_its_full_name() {
    let text = |name: &str, path: &str| {
        let mut frame = Frame::new(name).at("src/main.rs", Some(3)).called(2);
        name_in_full(&mut frame, path);
        frame.to_string()
    };
    assert_eq!(text("parse", "app::parse"), "app::parse (src/main.rs:3), 2 times");
    assert_eq!(text("se", "app::parse"), "se (src/main.rs:3), 2 times");
}

#[test]
fn callers_of_the_entry_are_cut() {
    let place = |address: usize| Place::Own(program_image::own(address).expect("it is in this program") as u64 + 1);
    let (inside, around) = (place(own_address as *const () as usize), place(trimmed as *const () as usize));
    let entry = place(work as *const () as usize);
    let trace = |inner: &[Place], outer: &[Place]| {
        let (inner, outer) = (inner.to_vec(), outer.to_vec());
        let mut trace = Trace { facts: CrashFacts::default(), inner, outer, omitted: 0 };
        truncate(&mut trace, work);
        (trace.inner, trace.outer)
    };
    assert_eq!(trace(&[inside, entry, around], &[around]), (vec![inside, entry], vec![]));
    assert_eq!(trace(&[inside], &[inside, entry, around]), (vec![inside], vec![inside, entry]));
    assert_eq!(trace(&[inside], &[around]), (vec![inside], vec![around]));
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
        let trace = Trace { facts: CrashFacts::default(), outer: inner.clone(), inner, omitted: usize::MAX };
        let _ = backtrace(trace, work, NAME).map(|backtrace| backtrace.to_string());
    }
}

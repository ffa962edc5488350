//! Where a worker starts: before `main`, so that programs need no `init()` call. Unsafe, because it is called by the
//! loader, and calls what the loader would have called next.
#![allow(unsafe_code)]

use std::env;
use std::ffi::{OsString, c_char, c_int};
use std::ptr::fn_addr_eq;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{replay, serve};
use crate::protocol::replay_file::{VARIABLE as REPLAY, is_for_other_copy};
use crate::protocol::start_info::{StartInfo, variable};

type Constructor = extern "C" fn(c_int, *const *const c_char, *const *const c_char);

/// The loader calls every function in this section before `main` (System V ABI, "Initialization and Termination Functions").
#[used]
// SAFETY: the section holds pointers to functions of this very type.
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: Constructor = start;

/// As early as the linker lets anybody but the compiler's own runtime be: what constructors after it open or block is theirs, and one
/// that hangs ends with the parent.
#[used]
// SAFETY: the section holds pointers to functions of this very type.
#[unsafe(link_section = ".init_array.00101")]
static FIRST: Constructor = arrive;

/// Whether the loader called `start`: it does not where the linker dropped it.
static WAS_CALLED: AtomicBool = AtomicBool::new(false);

/// Whether a worker of this program would find its way here.
pub(crate) fn is_linked() -> bool {
    // Relaxed: set before `main`, when there was one thread. Naming `CONSTRUCTOR` keeps its object file in the program.
    std::hint::black_box(&raw const CONSTRUCTOR);
    WAS_CALLED.load(Ordering::Relaxed)
}

extern "C" fn arrive(_: c_int, _: *const *const c_char, _: *const *const c_char) {
    let start_info = variable().and_then(|variable| wish(&variable));
    if let Some(start_info) = start_info.and_then(|text| StartInfo::parse(&text)) {
        serve::arrive(&start_info);
    }
}

extern "C" fn start(count: c_int, arguments: *const *const c_char, environment: *const *const c_char) {
    WAS_CALLED.store(true, Ordering::Relaxed);
    let Some(variable) = variable() else { return };
    if let Some(text) = wish(&variable) {
        remove(&variable);
        run_the_rest(count, arguments, environment);
        serve::serve(StartInfo::parse(&text))
    }
    if let Some(path) = wish(REPLAY).filter(|path| !is_for_other_copy(path.as_ref())) {
        remove(REPLAY);
        run_the_rest(count, arguments, environment);
        replay::run(path.as_ref())
    }
}

/// The value of a variable that says what this process is to be.
fn wish(name: &str) -> Option<OsString> {
    if has_borrowed_rights() { None } else { env::var_os(name) }
}

/// Takes a variable out of the environment, so that what jobs start is not invited.
fn remove(name: &str) {
    // SAFETY: the loader runs constructors one after the other, mostly before there is a second thread. Where a library's constructor has
    // started one, it may call getenv(3) now: glibc and musl move pointers here and free no text that the kernel has put there.
    unsafe { env::remove_var(name) };
}

/// Whether the program has rights that its starter lacks (setuid, file capabilities): then its environment must not decide what
/// code it runs.
pub(crate) fn has_borrowed_rights() -> bool {
    // SAFETY: it reads what the kernel left for this process, and any number may be asked for.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Runs the constructors of this image that come after ours: since we do not return, the loader never would.
fn run_the_rest(count: c_int, arguments: *const *const c_char, environment: *const *const c_char) {
    // SAFETY: linkers of ELF define both ("default linker script" of ld, and lld after it), as addresses without a value.
    unsafe extern "C" {
        /// The linker puts these around the section.
        static __init_array_start: [Word; 0];
        static __init_array_end: [Word; 0];
    }
    let (first, end) = ((&raw const __init_array_start).cast::<Word>(), (&raw const __init_array_end).cast::<Word>());
    let len = (end.addr() - first.addr()) / size_of::<Word>();
    // SAFETY: the linker put the section's words, relocated by now, between these two. Each is zero or no null pointer, so it may be read
    // as this type, and is called only if it is a function: the loader would call it so next, and never will, since we do not return.
    let functions = unsafe { std::slice::from_raw_parts(first, len) };
    for function in after(functions, start) {
        function(count, arguments, environment);
    }
}

/// A word of the section.
type Word = Option<Constructor>;

/// The functions behind `ours`. 0 and -1 are what some linkers leave for "none".
fn after(functions: &[Word], ours: Constructor) -> impl Iterator<Item = Constructor> {
    let is_ours = move |word: &Word| word.is_some_and(|function| fn_addr_eq(function, ours));
    let behind = functions.iter().copied().skip_while(move |word| !is_ours(word)).skip(1);
    behind.flatten().filter(|&function| function as usize != usize::MAX)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::ptr::without_provenance;

    use super::*;

    #[test]
    fn the_rest_is_what_comes_behind_ours() {
        extern "C" fn other(_: c_int, _: *const *const c_char, _: *const *const c_char) {}
        extern "C" fn last(count: c_int, _: *const *const c_char, _: *const *const c_char) {
            assert_eq!(count, 1, "or it would be the same function as the other one");
        }
        let (ours, other, last): (Word, Word, Word) = (Some(start), Some(other), Some(last));
        // SAFETY: a pointer that is not null.
        let none = Some(unsafe { std::mem::transmute::<*const (), Constructor>(without_provenance(usize::MAX)) });
        let after = |functions: &[Word]| after(functions, start).map(Some).collect::<Vec<_>>();
        assert_eq!(after(&[last, ours, None, other, none, last]), [other, last]);
        assert!(after(&[ours]).is_empty());
        assert!(after(&[other, last]).is_empty(), "without ours, the loader has called them all");
    }

    #[test]
    fn the_section_holds_ours() {
        assert!(is_linked());
    }
}

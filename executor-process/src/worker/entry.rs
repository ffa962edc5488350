//! Where a worker starts: before `main`, so that programs need no `init()` call. Unsafe, because it is called by the
//! loader, and calls what the loader would have called next.
#![allow(unsafe_code)]

use std::env;
use std::ffi::{OsString, c_char, c_int};
use std::sync::atomic::{AtomicBool, Ordering};

use super::invitation::{Invitation, VARIABLE};
use super::{rerun, serve};
use crate::replay::VARIABLE as REPLAY;

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
    if let Some(invitation) = invitation().and_then(|text| Invitation::parse(&text)) {
        serve::arrive(&invitation);
    }
}

extern "C" fn start(count: c_int, arguments: *const *const c_char, environment: *const *const c_char) {
    WAS_CALLED.store(true, Ordering::Relaxed);
    if let Some(text) = take_variable(VARIABLE) {
        run_the_rest(count, arguments, environment);
        serve::serve(Invitation::parse(&text))
    }
    if let Some(path) = take_variable(REPLAY) {
        run_the_rest(count, arguments, environment);
        rerun::run(path.as_ref())
    }
}

/// `None` in a process that is not to be what the variable says.
fn take_variable(name: &str) -> Option<OsString> {
    let value = if has_borrowed_rights() { None } else { env::var_os(name) }?;
    // SAFETY: the loader runs constructors one after the other, before there is a second thread to read the environment
    // (a constructor that has started one before us, and reads it there, could not be told from us by anyone).
    unsafe { env::remove_var(name) };
    Some(value)
}

/// `None` in a process that is no worker.
fn invitation() -> Option<OsString> {
    if has_borrowed_rights() { None } else { env::var_os(VARIABLE) }
}

/// Whether the program has rights that who started it has not (setuid, file capabilities): whoever sets its variables must not
/// decide what code it runs.
pub(crate) fn has_borrowed_rights() -> bool {
    // SAFETY: it reads what the kernel left for this process, and any number may be asked for.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Runs the constructors of this image that come after ours: since we do not return, the loader never would.
fn run_the_rest(count: c_int, arguments: *const *const c_char, environment: *const *const c_char) {
    // SAFETY: linkers of ELF define both ("default linker script" of ld, and lld after it), as addresses without a value.
    unsafe extern "C" {
        /// The linker puts these around the section.
        static __init_array_start: [usize; 0];
        static __init_array_end: [usize; 0];
    }
    let (first, end) = ((&raw const __init_array_start).cast::<usize>(), (&raw const __init_array_end).cast::<usize>());
    let len = (end.addr() - first.addr()) / size_of::<usize>();
    // SAFETY: the linker put the section's words, relocated by now, between these two.
    let functions = unsafe { std::slice::from_raw_parts(first, len) };
    for function in after(functions, start as Constructor as usize) {
        // SAFETY: the loader would call this word as this type, with these arguments, next. It never will, since we do not
        // return, so each is called once.
        let function = unsafe { std::mem::transmute::<usize, Constructor>(function) };
        function(count, arguments, environment);
    }
}

/// The functions behind `ours`. 0 and -1 are what some linkers leave for "none".
fn after(functions: &[usize], ours: usize) -> impl Iterator<Item = usize> {
    let behind = functions.iter().skip_while(move |&&function| function != ours).skip(1);
    behind.copied().filter(|&function| function != 0 && function != usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_what_comes_behind_ours() {
        let after = |functions: &[usize]| after(functions, 7).collect::<Vec<_>>();
        assert_eq!(after(&[3, 7, 0, 4, usize::MAX, 5]), [4, 5]);
        assert!(after(&[7]).is_empty());
        assert!(after(&[3, 4]).is_empty(), "without ours, the loader has called them all");
    }

    #[test]
    fn the_section_holds_ours() {
        assert!(is_linked());
    }
}

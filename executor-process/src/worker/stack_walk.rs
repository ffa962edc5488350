//! A walk over the stack of this thread, from the inside out. Unsafe, because the unwinder of the C runtime does it.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

/// One function on the stack.
#[derive(Clone, Copy)]
pub(super) struct Found {
    /// The address at which it continues.
    pub(super) address: usize,
    /// It made no call: a signal interrupted it at that very instruction.
    pub(super) is_interrupted: bool,
}

type Visit<'a> = dyn FnMut(Found) -> bool + 'a;

// SAFETY: as the ABI has them (Itanium C++ ABI, "Exception Handling", and `unwind.h`). They are linked into every Rust program.
unsafe extern "C" {
    fn _Unwind_Backtrace(visit: extern "C" fn(*mut c_void, *mut c_void) -> c_int, argument: *mut c_void) -> c_int;
    fn _Unwind_FindEnclosingFunction(address: *mut c_void) -> *mut c_void;
    fn _Unwind_GetIPInfo(frame: *mut c_void, is_before: *mut c_int) -> usize;
}

const GO_ON: c_int = 0;
const STOP: c_int = 5;

/// Calls `visit` for each frame, while it says true. Async-signal-safe if `visit` is, once it was called before; see
/// [`crash`](super::crash_handler) for what that rests on.
pub(super) fn walk(mut visit: &mut Visit<'_>) {
    // SAFETY: `step` is called during this call only, with the pointer that is passed here.
    unsafe { _Unwind_Backtrace(step, (&raw mut visit).cast::<c_void>()) };
}

/// The start of the function that a call returns to at `address`. It is known without symbols.
pub(crate) fn function_around(address: usize) -> Option<usize> {
    // SAFETY: it looks the address up in the tables of the unwinder, and reads nothing there. Any will do.
    let function = unsafe { _Unwind_FindEnclosingFunction(std::ptr::without_provenance_mut(address)) };
    (!function.is_null()).then_some(function.addr())
}

extern "C" fn step(frame: *mut c_void, visit: *mut c_void) -> c_int {
    let mut is_before = 0;
    // SAFETY: `frame` is the unwinder's own, and `visit` is what `walk` passed.
    let (address, visit) =
        unsafe { (_Unwind_GetIPInfo(frame, &raw mut is_before), &mut *visit.cast::<&mut Visit<'_>>()) };
    if visit(Found { address, is_interrupted: is_before != 0 }) { GO_ON } else { STOP }
}

//! Functions made again from their types, in the worker. Unsafe, because nothing is what they are made from.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use executor_core::Remake;

/// Makes the function of a [`Call`](executor_core::Call) again. Private to this crate: whoever had it could forge values of
/// types that safe code cannot make.
pub(crate) struct Remaker;

impl Remake for Remaker {
    fn remake<F: Copy + 'static>(&self) -> F {
        const { assert!(size_of::<F>() == 0, "only a zero-sized function can be made again from its type") };
        // SAFETY: `F` has no bytes, so any aligned pointer may be read from. It is inhabited: it is the function of a `Call` that the
        // submitting process, which is this very program, was given a value of, and encoded. It is `Copy`, so one more value of it
        // is nothing that the program could not have made itself; and `'static`, so it does not outlive what it borrows.
        unsafe { NonNull::<F>::dangling().read() }
    }
}

//! Functions made again in the worker, from their types or from where they lie. Unsafe, because types alone, or numbers, are what they
//! are made from.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use executor_core::__private::is_function;
use executor_core::Remake;

use crate::protocol::program_image;

/// Makes the function of a [`Call`](executor_core::Call) again. Private to this crate: with it, other code could forge values
/// of types that safe code cannot make.
pub(crate) struct Remaker;

impl Remake for Remaker {
    fn remake<F: Copy + 'static>(&self) -> F {
        const { assert!(size_of::<F>() == 0, "only a zero-sized function can be made again from its type") };
        assert!(is_function::<F>(), "a closure cannot be made again from its type");
        // SAFETY: `F` has no bytes, so any aligned pointer may be read from. `Call`, which is sealed, asks for types that can be
        // called alone, and this one is that of a function: it holds no value of anything, so any process that runs this program can make it.
        unsafe { NonNull::<F>::dangling().read() }
    }

    fn distance(&self, address: usize) -> Option<usize> {
        program_image::own(address)
    }

    fn pointer<P: Copy + 'static>(&self, distance: usize) -> Option<P> {
        const { assert!(size_of::<P>() == size_of::<usize>(), "a `fn` pointer is an address") };
        // SAFETY: `P` is a `fn` pointer, by the callers, which are sealed: `ClosureCall`, and chunks of this crate. The address is in the
        // program's code, and the sender, which runs the same build, made the distance from a `P`; see `program_image::Offset`.
        program_image::address_of(distance)
            .map(|address| unsafe { std::mem::transmute_copy::<*const (), P>(&program_image::code(address)) })
    }
}

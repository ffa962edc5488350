//! What is said of a crash: where it was, why, and how much memory there was.

use std::thread;

use executor::{Crashed, Exit, Future, JobError, call};

use super::deaths::crash;
use super::pool;

#[inline(never)]
fn read_from(address: usize) -> u8 {
    // SAFETY: none. It is to crash, in a process of its own.
    unsafe { std::ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}

#[inline(never)]
fn follow_a_wild_pointer(address: usize) -> u8 {
    std::hint::black_box(read_from(address)) + 1
}

#[test]
fn segv() {
    let crash = crash(pool(1).submit(call!(follow_a_wild_pointer(16))));
    println!("{crash}");
}

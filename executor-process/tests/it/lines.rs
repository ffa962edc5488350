//! The lines of a crash's backtrace. This package is compiled with line tables, the tests of `executor` are not.

use executor::{JobError, call};

use crate::support::pool;

#[inline(never)]
fn read_from(address: usize) -> u8 {
    // SAFETY: none. It is to crash, in a process of its own.
    unsafe { std::ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}

/// Of the only line of the function below.
const LINE: u32 = line!() + 3;

fn follow_a_wild_pointer(address: usize) -> u8 {
    std::hint::black_box(read_from(address)).wrapping_add(1)
}

#[test]
fn crash_tells_files_and_lines() {
    let Err(JobError::Crashed(crash)) = pool(1).submit(call!(follow_a_wild_pointer(16))).result() else {
        panic!("it does not crash")
    };
    let text = format!("{crash:#}");
    let last = text.lines().next_back().expect("a backtrace");
    assert_eq!(last, format!("    at it::lines::follow_a_wild_pointer (tests/it/lines.rs:{LINE})"), "{text}");
}

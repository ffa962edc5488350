//! What runs before `main` runs in a worker too, although it never comes to `main`.

use std::sync::atomic::{AtomicU32, Ordering};

use executor::call;

use super::pool;

static CALLS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count() {
    // Relaxed: there is one thread.
    CALLS.fetch_add(1, Ordering::Relaxed);
}

// More than one, so that some come after the library's own, wherever the linker puts that.
#[used]
// SAFETY: the section holds pointers to functions, which may ignore what they are called with.
#[unsafe(link_section = ".init_array")]
static FIRST: [extern "C" fn(); 3] = [count, count, count];

#[used]
// SAFETY: the section holds pointers to functions, which may ignore what they are called with.
#[unsafe(link_section = ".init_array.65000")]
static EARLY: extern "C" fn() = count;

#[test]
fn each_constructor_runs_once_in_a_worker() {
    assert_eq!(CALLS.load(Ordering::Relaxed), 4, "in the parent");
    assert_eq!(pool(1).submit(call(|| CALLS.load(Ordering::Relaxed), ())).result().unwrap(), 4, "in the worker");
}

//! Drops of users' values that catch panics.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// Drops a value, and catches a panic of its drop.
pub fn drop_catching<T>(value: T) {
    if !std::mem::needs_drop::<T>() {
        return;
    }
    let mut unwound = panic::catch_unwind(AssertUnwindSafe(|| drop(value)));
    // A payload's own drop may panic, and so may the payload of that. Three are bad luck; more are malice, and leak.
    for _ in 0..3 {
        match unwound {
            Ok(()) => return,
            Err(payload) => unwound = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))),
        }
    }
    std::mem::forget::<Result<(), Box<dyn Any + Send>>>(unwound);
}

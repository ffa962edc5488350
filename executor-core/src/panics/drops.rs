//! Drops of users' values that catch panics.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// Drops a value, and catches a panic of its drop.
pub fn drop_catching<T>(value: T) {
    if std::mem::needs_drop::<T>() {
        clear_catching(&mut Some(value));
    }
}

/// Drops a value behind a pointer: then the code that catches is compiled once, rather than for each type.
trait Clear {
    fn clear(&mut self);
}

impl<T> Clear for Option<T> {
    fn clear(&mut self) {
        *self = None;
    }
}

fn clear_catching(value: &mut dyn Clear) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| value.clear())) {
        drop_payload(payload);
    }
}

/// A payload's own drop may panic, and so may the payload of that. Three are bad luck; more are malice, and leak.
#[cold]
fn drop_payload(mut payload: Box<dyn Any + Send>) {
    for _ in 0..3 {
        match panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    std::mem::forget(payload);
}

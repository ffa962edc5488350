//! A closure that runs while ipc-channel decodes a message. Unsafe, because ipc-channel passes nothing on to the types that it decodes:
//! the closure is reached through a thread-local, which forgets how long the closure lives.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::mem;
use std::ptr::NonNull;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

type Lent = NonNull<dyn FnMut()>;

thread_local! {
    static LENT: Cell<Option<Lent>> = const { Cell::new(None) };
}

/// Decoding this runs the closure that is [lent](lend) on this thread, and reads nothing.
pub(super) struct RunsLent;

impl<'de> Deserialize<'de> for RunsLent {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        // Taken out, so the closure cannot run a second time while it runs.
        if let Some(mut lent) = LENT.take() {
            // SAFETY: `lend` has put it there, on this thread, and takes it away before the closure's borrow ends. It is not in use:
            // only this line uses it, once.
            unsafe { lent.as_mut()() };
        }
        Ok(Self)
    }
}

/// ipc-channel wants this of what it decodes.
impl Serialize for RunsLent {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_unit()
    }
}

/// Runs `around`, within which the first [`RunsLent`] that is decoded on this thread runs `closure`.
pub(super) fn lend<T>(closure: &mut dyn FnMut(), around: impl FnOnce() -> T) -> T {
    struct Restore(Option<Lent>);
    impl Drop for Restore {
        fn drop(&mut self) {
            LENT.set(self.0);
        }
    }
    let closure: NonNull<dyn FnMut() + '_> = NonNull::from(closure);
    // SAFETY: only the lifetime changes. The pointer is gone when this function returns or unwinds, and `closure` is borrowed until then.
    let closure = unsafe { mem::transmute::<NonNull<dyn FnMut() + '_>, Lent>(closure) };
    let _restore = Restore(LENT.replace(Some(closure)));
    around()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use executor_core::panics::catch;

    use super::*;

    fn decode() {
        let RunsLent = postcard::from_bytes(&[]).unwrap();
    }

    #[test]
    fn closure_runs_once_and_within() {
        let mut ran = 0;
        lend(&mut || ran += 1, || {
            decode();
            decode();
        });
        decode();
        assert_eq!(ran, 1);
    }

    #[test]
    fn nothing_is_lent_after_a_panic() {
        let mut ran = false;
        assert!(catch(|| lend(&mut || ran = true, || panic!("before it is decoded"))).is_err());
        decode();
        assert!(!ran);
    }
}

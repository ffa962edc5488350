//! One place catches the panics of users' code, and finds out where they were raised.
//!
//! `catch_unwind` gives the payload only. The place is told to the panic hook, so the first job puts a hook in front of
//! the program's: it notes the place if a job is running on the thread, and hands on.

pub(crate) mod drops;

use std::any::type_name;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::current;
use crate::error::{JobError, Panicked};
use crate::job::Job;

pub use self::drops::drop_catching;

thread_local! {
    static CATCHING: Cell<usize> = const { Cell::new(0) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Whether there is one. This costs less to look at, for every job, than what has a destructor.
    static HAS_PLACE: Cell<bool> = const { Cell::new(false) };
    /// The name of the code that a panic has left by `named`.
    static NAME: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Runs `f`; its panic becomes [`JobError::Panicked`], with the place where it was raised.
///
/// For authors of executors. The panic hook has run by then, so the message is on stderr as usual.
///
/// # Errors
///
/// [`JobError::Panicked`] if `f` panics.
pub fn catch<T>(f: impl FnOnce() -> T) -> Result<T, JobError> {
    note_places();
    CATCHING.set(CATCHING.get() + 1);
    // A panic that is under way keeps its place: `f` may be called by a drop while it unwinds.
    let under_way = if HAS_PLACE.get() { swap_place(None) } else { None };
    let outcome = panic::catch_unwind(AssertUnwindSafe(f));
    // There is one also where `f` itself has caught a panic.
    let place = if HAS_PLACE.get() || under_way.is_some() { swap_place(under_way) } else { None };
    CATCHING.set(CATCHING.get() - 1);
    outcome.map_err(|payload| {
        let panicked = Panicked::new(payload, place);
        JobError::Panicked(match NAME.take() {
            Some(name) => panicked.with_job(name, None),
            None => panicked,
        })
    })
}

/// Runs a job; its panic becomes [`JobError::Panicked`], which names the job.
///
/// For authors of executors without a [cell](crate::cell) for each job.
///
/// # Errors
///
/// [`JobError::Panicked`] if the job panics.
pub fn run<J: Job>(job: J) -> Result<J::Output, JobError> {
    catch(|| job.run()).map_err(|error| match error {
        JobError::Panicked(panicked) => JobError::Panicked(panicked.with_job(type_name::<J>(), current::name())),
        other => other,
    })
}

/// Runs `f`, a part of a job that wraps code called `N`: a panic, which goes on, is then told as that of `N`. Costs nothing without one.
///
/// For authors of executors.
pub fn named<N: ?Sized, T>(f: impl FnOnce() -> T) -> T {
    named_as(type_name::<N>, f)
}

/// As [`named`], of code that is called `name`.
pub(crate) fn named_as<T>(name: impl Fn() -> &'static str, f: impl FnOnce() -> T) -> T {
    struct Name<N: Fn() -> &'static str>(N);
    impl<N: Fn() -> &'static str> Drop for Name<N> {
        fn drop(&mut self) {
            // The innermost one has been there before.
            NAME.set(NAME.get().or_else(|| Some((self.0)())));
        }
    }
    let name = Name(name);
    let value = f();
    std::mem::forget(name);
    value
}

/// Notes a place, or that there is none, and returns what was noted. A thread that is ending has no note any more.
#[cold]
fn swap_place(place: Option<String>) -> Option<String> {
    HAS_PLACE.set(place.is_some());
    PLACE.try_with(|noted| noted.replace(place)).ok().flatten()
}

fn note_places() {
    static HOOK: Once = Once::new();
    // Replacing the hook panics on a thread that is unwinding; the next job does it then.
    if HOOK.is_completed() || std::thread::panicking() {
        return;
    }
    HOOK.call_once(|| {
        let program = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.get() > 0 {
                swap_place(info.location().map(ToString::to_string));
            }
            program(info);
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_has_message_and_place() {
        let error = catch(|| -> () { panic!("no {}", "luck") }).unwrap_err();
        let JobError::Panicked(panicked) = error else { panic!("{error}") };
        assert_eq!(panicked.message(), "no luck");
        assert!(panicked.place().unwrap().contains("panics.rs:"), "{panicked}");
    }

    #[test]
    fn drops_that_panic_again_and_again_end() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic::panic_any(Bomb);
            }
        }
        drop_catching(Bomb);
    }
}

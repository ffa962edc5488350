//! Catches panics of user code, with the place where they were raised. For authors of executors.
//!
//! `catch_unwind` returns only the payload. Only the panic hook gets the place, so the first job installs a hook in front of the
//! program's own hook. It records the place if a job is running on the thread, then calls the program's hook.

pub(crate) mod drops;

use std::any::{Any, type_name};
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::task::Waker;

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

/// Calls `f`, and converts a panic into [`JobError::Panicked`], with the place where it was raised. The panic hook still runs, so the
/// message is on stderr as usual.
///
/// ```
/// use executor::extend::panics::catch;
///
/// let error = catch(|| panic!("no luck")).map(|(): ()| ()).unwrap_err();
/// let panicked = error.into_panic()?;
/// assert_eq!(panicked.message(), "no luck");
/// assert!(panicked.place().is_some());
/// # Ok::<(), executor::JobError>(())
/// ```
///
/// # Errors
///
/// [`JobError::Panicked`] if `f` panics.
pub fn catch<T>(f: impl FnOnce() -> T) -> Result<T, JobError> {
    let under_way = begin_catching();
    let outcome = panic::catch_unwind(AssertUnwindSafe(f));
    let place = end_catching(under_way);
    match outcome {
        Ok(value) => Ok(value),
        Err(payload) => Err(panicked(payload, place)),
    }
}

/// Returns the place of a panic that is under way, which keeps it: `f` may be called by a drop while it unwinds.
#[inline]
fn begin_catching() -> Option<String> {
    if !HOOK.is_completed() {
        note_places();
    }
    CATCHING.set(CATCHING.get() + 1);
    if HAS_PLACE.get() { swap_place(None) } else { None }
}

/// Returns the place of a panic that was caught. There is one also where the code itself has caught a panic.
#[inline]
fn end_catching(under_way: Option<String>) -> Option<String> {
    let place = if HAS_PLACE.get() || under_way.is_some() { swap_place(under_way) } else { None };
    CATCHING.set(CATCHING.get() - 1);
    place
}

#[cold]
fn panicked(payload: Box<dyn Any + Send>, place: Option<String>) -> JobError {
    let panicked = Panicked::new(payload, place);
    JobError::Panicked(match NAME.take() {
        Some(name) => panicked.with_job(name, None),
        None => panicked,
    })
}

/// Wakes a task. A waker is a user's code: if it panics, the panic hook has reported that.
pub(crate) fn wake_catching(waker: Waker) {
    drop_catching(catch(|| waker.wake()));
}

/// Calls a callback. If it panics, the panic hook has reported that; no caller is left to be told.
pub(crate) fn call_catching<T>(callback: Box<dyn FnOnce(T) + Send>, outcome: T) {
    drop_catching(catch(|| callback(outcome)));
}

/// Calls `f`. If it panics, returns the payload, with which the caller continues the panic: it keeps its place.
pub(crate) fn catch_to_continue(f: &mut dyn FnMut()) -> std::thread::Result<()> {
    panic::catch_unwind(AssertUnwindSafe(f))
}

/// Runs a job, and converts a panic into [`JobError::Panicked`], which names the job. For executors without a [cell](crate::cell) for each
/// job.
///
/// # Errors
///
/// [`JobError::Panicked`] if the job panics.
pub fn run<J: Job>(job: J) -> Result<J::Output, JobError> {
    match catch(|| job.run()) {
        Ok(output) => Ok(output),
        Err(error) => Err(with_job(error, type_name::<J>())),
    }
}

#[cold]
fn with_job(error: JobError, job: &'static str) -> JobError {
    match error {
        JobError::Panicked(panicked) => JobError::Panicked(panicked.with_job(job, current::name())),
        other => other,
    }
}

/// Calls `f`, which is the part of a job that runs the code `N`. If it panics, the panic continues, and the job's error names `N`. Costs
/// nothing otherwise.
pub fn named<N: ?Sized, T>(f: impl FnOnce() -> T) -> T {
    named_as(type_name::<N>, f)
}

/// Like [`named`], with a name that a function returns.
pub fn named_as<T>(name: impl Fn() -> &'static str, f: impl FnOnce() -> T) -> T {
    struct Name<N: Fn() -> &'static str>(N);
    impl<N: Fn() -> &'static str> Drop for Name<N> {
        fn drop(&mut self) {
            // The innermost one has been there before.
            if NAME.get().is_none() {
                NAME.set(Some((self.0)()));
            }
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

static HOOK: Once = Once::new();

#[cold]
fn note_places() {
    // Replacing the hook panics on a thread that is unwinding; the next job does it then.
    if std::thread::panicking() {
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

//! Code around the jobs of a pool, with a context that is captured where each job is submitted. For authors of executors.
//!
//! A pool keeps the [`Wrapper`] that `wrap_jobs` sets. A submit [captures](Wrapper::capture) a [`Context`], which travels with the job, and
//! the job [runs](run) inside of the context:
//!
//! ```
//! use executor::extend::JobPath;
//! use executor::extend::wrap::{self, Wrapper};
//!
//! let wrapper = Wrapper::new(|| |run: &mut dyn FnMut()| {
//!     println!("before");
//!     run();
//!     println!("after");
//! });
//! let context = wrapper.capture()?;
//! let name = JobPath::of::<u32>().into();
//! assert_eq!(wrap::run(Some((&context, &name)), || 6 * 7), 42);
//! # Ok::<(), executor::JobError>(())
//! ```

use std::fmt;
use std::mem;
use std::panic::resume_unwind;
use std::sync::Arc;

use crate::error::{JobError, JobName};
use crate::future::Future;
use crate::job::Job;
use crate::options::JobOptions;
use crate::panics::{catch, catch_to_continue, drop_catching};

type Around = dyn Fn(&JobName, &mut dyn FnMut()) + Send + Sync;

/// Captures a context for each job of a pool. Cheap to clone.
#[derive(Clone)]
pub struct Wrapper(Arc<dyn Fn() -> Context + Send + Sync>);

impl Wrapper {
    /// Creates a wrapper. `capture` runs where a job is submitted, and returns the code around that job.
    pub fn new<C, A>(capture: C) -> Self
    where
        C: Fn() -> A + Send + Sync + 'static,
        A: Fn(&mut dyn FnMut()) + Send + Sync + 'static,
    {
        Self::of(move || Context::new(capture()))
    }

    /// Creates a wrapper from a function that captures a whole context.
    pub fn of(capture: impl Fn() -> Context + Send + Sync + 'static) -> Self {
        Self(Arc::new(capture))
    }

    /// Returns a wrapper whose code runs inside of the code of `outer`.
    #[must_use]
    pub fn inside(self, outer: Option<Self>) -> Self {
        let Some(outer) = outer else { return self };
        Self(Arc::new(move || (outer.0)().around((self.0)())))
    }

    /// Captures the context of a job that is submitted now. Runs user code, so no lock may be held.
    ///
    /// # Errors
    ///
    /// [`JobError::Panicked`] if the user code panics.
    pub fn capture(&self) -> Result<Context, JobError> {
        catch(|| (self.0)())
    }
}

impl fmt::Debug for Wrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wrapper").finish_non_exhaustive()
    }
}

/// The code around a job, with the values that it captured. Clones share the values.
#[derive(Clone)]
pub struct Context(Arc<Around>);

impl Context {
    /// Creates a context of code that gets the rest of the job as its argument.
    pub fn new(around: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static) -> Self {
        Self::named(move |_, run| around(run))
    }

    /// Creates a context of code that gets the name of the job, and the rest of the job.
    pub fn named(around: impl Fn(&JobName, &mut dyn FnMut()) + Send + Sync + 'static) -> Self {
        let around = DropCatching(Some(around));
        Self(Arc::new(move |name, run| {
            // As a whole: a field alone would be captured without its drop.
            let DropCatching(around) = &around;
            if let Some(around) = around {
                around(name, run);
            }
        }))
    }

    /// Calls the code with the rest of a job.
    fn run(&self, name: &JobName, run: &mut dyn FnMut()) -> std::thread::Result<()> {
        catch_to_continue(&mut || (self.0)(name, run))
    }

    /// Returns a context whose code runs outside of the code of `inner`.
    #[must_use]
    pub fn around(self, inner: Self) -> Self {
        Self::named(move |name, run| {
            let mut is_first = true;
            (self.0)(name, &mut || {
                if mem::take(&mut is_first) {
                    (inner.0)(name, run);
                }
            });
        })
    }
}

/// Catches a panic of the value's drop, which may happen while a job's panic unwinds.
struct DropCatching<T>(Option<T>);

impl<T> Drop for DropCatching<T> {
    fn drop(&mut self) {
        drop_catching(self.0.take());
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// Returns the future of a job whose context could not be captured: it ends as `error`, which gets the job's name. Drops the job.
pub fn not_captured<J: Job>(job: J, options: &JobOptions, error: JobError) -> Future<J::Output> {
    let path = J::job_name(Some(&job)).as_str().to_owned();
    drop_catching(job);
    let name = options.values().label.as_ref().and_then(|label| label.name.clone());
    Future::failed(match error {
        JobError::Panicked(panicked) => JobError::Panicked(panicked.with_job(path, name)),
        error => error,
    })
}

/// Runs `job`, inside of a context if there is one, which gets the name of the job.
///
/// # Panics
///
/// If `job` or the code of the context panics; then what the job returned is dropped. Also if that code returns, and the job did not run or
/// its panic was caught.
pub fn run<T>(context: Option<(&Context, &JobName)>, job: impl FnOnce() -> T) -> T {
    let (mut job, mut result) = (Some(job), None);
    let mut run = || {
        if let Some(job) = job.take() {
            result = Some(job());
        }
    };
    let ran = match context {
        None => {
            run();
            Ok(())
        }
        Some((context, name)) => context.run(name, &mut run),
    };
    match (ran, job, result) {
        (Ok(()), _, Some(result)) => result,
        (Ok(()), Some(job), None) => {
            // Not by an unwinding, where a second panic would end the program.
            drop_catching(job);
            panic!("the closure of `wrap_jobs` returned without running the job; let it call its argument");
        }
        (Ok(()), None, None) => {
            panic!("the closure of `wrap_jobs` caught the panic of the job; let it continue the panic");
        }
        (Err(panic), job, result) => {
            drop_catching(job);
            drop_catching(result);
            resume_unwind(panic)
        }
    }
}

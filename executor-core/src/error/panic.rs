//! The error of a job that panicked.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::crash::Named;
use super::line::line_or_all;
use super::saved::{Saved, SavedNote};
use crate::panics::drops::drop_catching;

type Payload = Box<dyn Any + Send>;

/// A job panicked. No other job is affected, and the worker that ran it goes on.
///
/// `{}` writes one line: the job, the place and the message. `{:#}` keeps the line breaks of the message, and adds the file that the job was
/// [saved](Panicked::saved) to.
///
/// ```
/// use executor::{JobError, JobOptions, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// let named = pool.with(JobOptions::new().name("page 12"));
/// let Err(JobError::Panicked(panicked)) = named.submit(|| panic!("no luck")).result() else { panic!("it panicked") };
/// assert_eq!((panicked.name(), panicked.message()), (Some("page 12"), "no luck"));
/// ```
#[derive(Clone)]
pub struct Panicked(Arc<Parts>);

struct Parts {
    job: Option<Cow<'static, str>>,
    name: Option<Arc<str>>,
    message: String,
    place: Option<String>,
    payload: Mutex<Option<Payload>>,
    saved: Option<Saved>,
}

impl Drop for Parts {
    /// Catches a panic in the payload's drop: code that drops an error, such as this library, does not expect one.
    fn drop(&mut self) {
        drop_catching(self.payload.get_mut().take());
    }
}

impl Panicked {
    /// For authors of executors: a panic with what `catch_unwind` returned, and the place where it was raised.
    pub fn new(payload: Payload, place: Option<String>) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "(a payload that is not text)".to_owned());
        Self::of(message, place, Some(payload))
    }

    /// For authors of executors: a panic in another process, where the payload stayed.
    pub fn remote(message: impl Into<String>, place: Option<String>) -> Self {
        Self::of(message.into(), place, None)
    }

    fn of(message: String, place: Option<String>, payload: Option<Payload>) -> Self {
        let (job, name, payload, saved) = (None, None, Mutex::new(payload), None);
        Self(Arc::new(Parts { job, name, message, place, payload, saved }))
    }

    /// For authors of executors: the path of the job's function or type, and its name. Values set before stay.
    #[must_use]
    pub fn with_job(self, job: impl Into<Cow<'static, str>>, name: Option<Arc<str>>) -> Self {
        self.with(|parts| {
            parts.job.get_or_insert_with(|| job.into());
            parts.name = parts.name.take().or(name);
        })
    }

    /// For authors of executors: sets the file that the job was saved to, or why there is none.
    #[must_use]
    pub fn with_saved(self, saved: Option<Saved>) -> Self {
        self.with(|parts| parts.saved = saved)
    }

    fn with(self, change: impl FnOnce(&mut Parts)) -> Self {
        // An executor that adds to the error is its only owner. Any other caller gets a copy, and the payload moves to that copy.
        let mut parts = Arc::try_unwrap(self.0).unwrap_or_else(|shared| Parts {
            job: shared.job.clone(),
            name: shared.name.clone(),
            message: shared.message.clone(),
            place: shared.place.clone(),
            payload: Mutex::new(shared.payload.lock().take()),
            saved: shared.saved.clone(),
        });
        change(&mut parts);
        Self(Arc::new(parts))
    }

    /// Returns the path of the job's function or type. `None` if other user code panicked, such as an initializer.
    pub fn job(&self) -> Option<&str> {
        self.0.job.as_deref()
    }

    /// Returns the name that the job was given with [`JobOptions::name`](crate::JobOptions::name).
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Returns the panic message. From another process, it is cut off after 64 KiB.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns where the panic was raised: file, line and column, such as `src/main.rs:3:5`. `None` if the program's own panic hook hides it.
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// Returns the file that the job was saved to, if the pool was built with `keep_failed`.
    pub fn saved(&self) -> Option<&Path> {
        self.0.saved.as_ref().and_then(Saved::path)
    }

    /// Continues the panic on this thread. The payload is the original payload, or the message if the panic came from another process or was
    /// resumed before.
    ///
    /// # Panics
    ///
    /// Always.
    pub fn resume(self) -> ! {
        let payload = self.0.payload.lock().take();
        std::panic::resume_unwind(payload.unwrap_or_else(|| Box::new(self.0.message.clone())))
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.job() {
            Some(job) => line_or_all(f, format_args!("{} panicked", Named(job, self.name())))?,
            None => f.write_str("the job panicked")?,
        }
        if let Some(place) = self.place() {
            write!(f, " at {place}")?;
        }
        line_or_all(f, format_args!(": {}", self.message()))?;
        if f.alternate() { SavedNote(self.0.saved.as_ref()).fmt(f) } else { Ok(()) }
    }
}

impl fmt::Debug for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panicked")
            .field("job", &self.job())
            .field("name", &self.name())
            .field("message", &self.message())
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}

impl Error for Panicked {}

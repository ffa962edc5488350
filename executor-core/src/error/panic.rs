//! A panic in a job: what it said, where, and its payload.

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

/// A job panicked. Only that job is affected: the worker that ran it goes on.
///
/// `{}` is one line. `{:#}` has the message as it is, and the file that [keeps](Panicked::saved) the job.
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
    /// For those who write executors: a panic with what `catch_unwind` returned, and the place where it was raised.
    pub fn new(payload: Payload, place: Option<String>) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "(a payload that is not text)".to_owned());
        Self::of(message, place, Some(payload))
    }

    /// For those who write executors: a panic in another process, where the payload stayed.
    pub fn remote(message: impl Into<String>, place: Option<String>) -> Self {
        Self::of(message.into(), place, None)
    }

    fn of(message: String, place: Option<String>, payload: Option<Payload>) -> Self {
        let (job, name, payload, saved) = (None, None, Mutex::new(payload), None);
        Self(Arc::new(Parts { job, name, message, place, payload, saved }))
    }

    /// For those who write executors: the path of the job's function or type, and its name. Values set before stay.
    #[must_use]
    pub fn with_job(self, job: impl Into<Cow<'static, str>>, name: Option<Arc<str>>) -> Self {
        self.with(|parts| {
            parts.job.get_or_insert_with(|| job.into());
            parts.name = parts.name.take().or(name);
        })
    }

    /// For those who write executors: what became of keeping the job.
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

    /// The path of the job's function, or of its type: `None` where no job panicked but another piece of a user's code, such as an
    /// initializer.
    pub fn job(&self) -> Option<&str> {
        self.0.job.as_deref()
    }

    /// The name that the job was given, if it was.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The panic's message. If the panic was in another process, the message is cut off after 64 KiB.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it was raised, as `src/main.rs:3:5`. `None` where the program's own panic hook hides it.
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// The file that keeps the job, where the pool keeps those that fail.
    pub fn saved(&self) -> Option<&Path> {
        self.0.saved.as_ref().and_then(Saved::path)
    }

    /// Goes on with the panic in this thread, with its own payload where that is here and not taken yet, or its message.
    ///
    /// # Panics
    ///
    /// Always: that is what it is for.
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

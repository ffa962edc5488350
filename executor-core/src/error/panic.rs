//! A panic in a job: what it said, where, and its payload.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::saved::{Clause, Saved};
use crate::panics::drop_quietly;

type Payload = Box<dyn Any + Send>;

/// A job panicked. Only that job is affected: the worker that ran it goes on.
#[derive(Clone)]
pub struct Panicked(Arc<Parts>);

struct Parts {
    message: String,
    place: Option<String>,
    payload: Mutex<Option<Payload>>,
    saved: Option<Saved>,
}

impl Drop for Parts {
    /// Whoever drops an error, this library included, is no place for a panic in the drop of the payload.
    fn drop(&mut self) {
        drop_quietly(self.payload.get_mut().take());
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
        Self(Arc::new(Parts { message, place, payload: Mutex::new(Some(payload)), saved: None }))
    }

    /// For those who write executors: a panic in another process, where the payload stayed.
    pub fn remote(message: impl Into<String>, place: Option<String>) -> Self {
        Self(Arc::new(Parts { message: message.into(), place, payload: Mutex::new(None), saved: None }))
    }

    /// For those who write executors: what became of keeping the job.
    #[must_use]
    pub fn with_saved(self, saved: Option<Saved>) -> Self {
        let (message, place) = (self.0.message.clone(), self.0.place.clone());
        let payload = Mutex::new(self.0.payload.lock().take());
        Self(Arc::new(Parts { message, place, payload, saved }))
    }

    /// What the panic said; of one in another process that says more, the first 64 KiB.
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
        match self.place() {
            Some(place) => write!(f, "the job panicked at {place}: {}", self.message())?,
            None => write!(f, "the job panicked: {}", self.message())?,
        }
        Clause(self.0.saved.as_ref()).fmt(f)
    }
}

impl fmt::Debug for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panicked")
            .field("message", &self.message())
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}

impl Error for Panicked {}

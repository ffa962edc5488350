//! A `tracing` span for each job of a pool. For authors of executors.

use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tracing::{Level, Span, error, field, span};

use crate::current;
use crate::panics::{catch, catch_to_continue, drop_catching};
use crate::status::JobId;
use crate::wrap::{Context, Wrapper};

/// The span in which a job was submitted, and when that was. All runs of one call share it; only the wait of the first is known.
#[derive(Debug)]
pub struct Submission {
    span: Caught<Span>,
    executor: Arc<str>,
    submitted_at: Instant,
    /// Whether the time is that of a run that has begun.
    is_used: AtomicBool,
}

impl Submission {
    /// The span that this thread is in now. `executor` is the name of the pool.
    pub fn here(executor: Arc<str>) -> Self {
        let (span, submitted_at) = (Caught(Some(Span::current())), Instant::now());
        Self { span, executor, submitted_at, is_used: AtomicBool::new(false) }
    }

    /// Returns the span in which the job was submitted.
    pub fn span(&self) -> &Span {
        self.span.get()
    }

    /// Creates the span of a job that begins now, for the attempt of this number. `None` if the subscriber panics.
    pub fn begin(&self, id: JobId, name: &str, attempt: u32) -> Option<JobSpan> {
        // Relaxed: the time was there before the job could begin.
        let is_first = !self.is_used.swap(true, Ordering::Relaxed);
        let waited = is_first.then(|| milliseconds(self.submitted_at.elapsed()));
        catch(|| self.job_span(id, name, attempt, waited)).ok()
    }

    fn job_span(&self, id: JobId, name: &str, attempt: u32, waited_ms: Option<f64>) -> JobSpan {
        let span = span!(
            target: "executor",
            parent: self.span(),
            Level::INFO,
            "job",
            id = id.get(),
            name,
            executor = &*self.executor,
            waited_ms,
            attempt,
            outcome = field::Empty,
        );
        // The events of the job are still a part of the work of its submitter.
        let is_own = !span.is_disabled();
        JobSpan { span: Caught(Some(if is_own { span } else { self.span().clone() })), is_own }
    }
}

/// In whole microseconds, so that the number is short.
fn milliseconds(time: Duration) -> f64 {
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1e3
}

/// The span of a job.
#[derive(Debug)]
pub struct JobSpan {
    span: Caught<Span>,
    /// False if the subscriber does not want it: then it is the submitter's.
    is_own: bool,
}

impl JobSpan {
    /// Returns the span, or that of the submitter if the subscriber does not want spans of jobs.
    pub fn span(&self) -> &Span {
        self.span.get()
    }

    /// Ends the span. `outcome` is a word such as `completed`, and `failure` the text of an error, which becomes an event. A panic of the
    /// subscriber is caught.
    pub fn end(self, outcome: &str, failure: Option<&dyn fmt::Display>) {
        drop_catching(catch(|| {
            if self.is_own {
                self.span().record("outcome", outcome);
            }
            if let Some(failure) = failure {
                error!(target: "executor", parent: self.span(), error = %failure, "the job has {outcome}");
            }
        }));
    }
}

/// A value of the subscriber's, whose drop may panic.
struct Caught<T>(Option<T>);

impl<T> Caught<T> {
    fn get(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T> Drop for Caught<T> {
    fn drop(&mut self) {
        drop_catching(self.0.take());
    }
}

impl<T: fmt::Debug> fmt::Debug for Caught<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Returns the wrapper that runs each job in a span, as a child of the span in which it was submitted. `executor` is the name of the pool.
pub fn wrapper(executor: Arc<str>) -> Wrapper {
    Wrapper::of(move || {
        let submission = Submission::here(executor.clone());
        Context::named(move |name, run| {
            let attempt = current::attempt().unwrap_or(1);
            let span = current::id().and_then(|id| submission.begin(id, name.as_str(), attempt));
            let entered = span.as_ref().and_then(|span| catch(|| span.span().enter()).ok());
            let ran = catch_to_continue(run);
            drop_catching(entered);
            if let Some(span) = span {
                end(span, ran.as_ref().err());
            }
            if let Err(panic) = ran {
                resume_unwind(panic);
            }
        })
    })
}

fn end(span: JobSpan, panic: Option<&Box<dyn Any + Send>>) {
    let text = panic.map(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(|text| &**text));
        text.unwrap_or("(a payload that is not text)")
    });
    match text {
        Some(text) => span.end("panicked", Some(&text)),
        None if current::deadline().is_some_and(|deadline| deadline <= Instant::now()) => span.end("timed out", None),
        None => span.end("completed", None),
    }
}

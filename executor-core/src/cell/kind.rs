//! The functions of a job: those of its type, which take no room in the cell, or those that an executor gives.

use crate::error::{JobError, JobName};
use crate::job::Job;
use crate::job_counters::Moment;
use crate::observe::job::JobDescription;
use crate::panics;

use super::NamesJob;

/// How a job with payload `P` and raw outcome `O` runs, and how its result `T` and its name are made.
pub trait Kind<P, O, T>: Send + Sync {
    /// Runs the payload, where that is done in place.
    const RUN: Option<fn(P) -> Result<O, JobError>>;

    /// Makes the result from the raw outcome, on the thread that takes the result. Does not panic.
    ///
    /// # Errors
    ///
    /// The outcome, if the raw one cannot be decoded, or if decoding panics.
    fn decode(&self, raw: O) -> Result<T, JobError>;

    /// Returns the job's name, for an error; without the payload, as far as its type tells. It runs under the cell's lock.
    fn name(&self, payload: Option<&P>) -> Option<JobName>;

    /// Returns the place where the payload keeps since when it waits, if it has one. It runs under the cell's lock.
    #[doc(hidden)]
    fn since<'a>(&self, payload: &'a mut P) -> Option<&'a mut Moment> {
        let _ = payload;
        None
    }

    /// Returns the job's name, tag and place of submission. It may run under the cell's lock.
    fn describe(&self, payload: &P) -> Option<JobDescription>;
}

/// The kind of a [`Job`] that runs on the thread that takes it from the queue: all is known by its type.
#[derive(Clone, Copy, Debug)]
pub struct JobKind;

impl<J: Job> Kind<J, J::Output, J::Output> for JobKind {
    const RUN: Option<fn(J) -> Result<J::Output, JobError>> = Some(panics::run::<J>);

    fn decode(&self, raw: J::Output) -> Result<J::Output, JobError> {
        Ok(raw)
    }

    fn name(&self, job: Option<&J>) -> Option<JobName> {
        Some(J::job_name(job))
    }

    fn since<'a>(&self, job: &'a mut J) -> Option<&'a mut Moment> {
        J::since(job)
    }

    fn describe(&self, job: &J) -> Option<JobDescription> {
        Some(J::describe(job))
    }
}

/// The kind of a payload that runs elsewhere.
#[derive(Debug)]
pub struct PayloadKind<P: 'static, O, T> {
    decode_fn: fn(O) -> Result<T, JobError>,
    names: &'static Names<P>,
}

/// The functions that name a payload.
#[derive(Debug)]
struct Names<P> {
    name_fn: fn(Option<&P>) -> Option<JobName>,
    describe: fn(&P) -> Option<JobDescription>,
}

impl<P: 'static, O, T> PayloadKind<P, O, T> {
    /// Of payloads without a name.
    pub(super) fn of(decode_fn: fn(O) -> Result<T, JobError>) -> Self {
        Self { decode_fn, names: const { &Names { name_fn: |_| None, describe: |_| None } } }
    }

    pub(super) fn named(self) -> Self
    where
        P: NamesJob,
    {
        Self { names: const { &Names { name_fn: P::job_name, describe: P::describe } }, ..self }
    }
}

impl<P: 'static, O, T> Kind<P, O, T> for PayloadKind<P, O, T> {
    const RUN: Option<fn(P) -> Result<O, JobError>> = None;

    fn decode(&self, raw: O) -> Result<T, JobError> {
        decode_catching(self.decode_fn, raw)
    }

    fn name(&self, payload: Option<&P>) -> Option<JobName> {
        (self.names.name_fn)(payload)
    }

    fn describe(&self, payload: &P) -> Option<JobDescription> {
        (self.names.describe)(payload)
    }
}

/// For all payloads `P` alike, so that it is compiled once for them.
fn decode_catching<O, T>(decode_fn: fn(O) -> Result<T, JobError>, raw: O) -> Result<T, JobError> {
    match panics::catch(|| decode_fn(raw)) {
        Ok(decoded) => decoded,
        Err(error) => Err(error),
    }
}

//! The facts that a job's type alone decides: its names, and the function that a worker runs for it.

use std::any::type_name;

use executor_core::{JobError, JobPath, PortableJob};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ipc::codec::Step;
use crate::worker::entry_point::JobEntry;
use crate::worker::{run_chunk, run_job};

/// A type of job.
#[derive(Clone, Copy)]
pub(crate) struct JobType {
    pub(crate) work: JobEntry,
    /// The path of its function or type.
    pub(crate) path: JobPath,
    /// Its codec errors, which have its name and that of the type that it returns.
    pub(crate) codec_error: fn(&str, Step, String) -> JobError,
}

impl JobType {
    pub(crate) fn of<J: PortableJob>() -> Self {
        let codec_error = |name: &str, step: Step, cause| step.named(name, type_name::<J::Output>(), cause);
        Self { work: run_job::work::<J>, path: JobPath::by(J::type_name), codec_error }
    }

    /// Of `job`, whose path may be another than that of its type.
    pub(crate) fn of_job<J: PortableJob>(job: &J) -> Self {
        let of_type = Self::of::<J>();
        Self { path: J::job_name(Some(job)).path().unwrap_or(of_type.path), ..of_type }
    }

    /// The path, in errors.
    pub(crate) fn name(&self) -> &'static str {
        self.path.as_str()
    }

    /// Of a chunk of a `map` that is called `path`.
    pub(crate) fn of_chunk<A, R>(path: JobPath) -> Self
    where
        A: DeserializeOwned + 'static,
        R: Serialize + 'static,
    {
        let codec_error = |name: &str, step: Step, cause| step.named(name, type_name::<R>(), cause);
        Self { work: run_chunk::work::<A, R>, path, codec_error }
    }
}

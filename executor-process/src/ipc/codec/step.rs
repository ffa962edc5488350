//! The steps of a job that encode or decode.

use std::any::type_name;

use executor_core::{CodecError, JobError, PortableJob};
use serde::{Deserialize, Serialize};

use super::Cause;

/// Which of the four steps failed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Step {
    EncodeJob,
    DecodeJob,
    EncodeResult,
    DecodeResult,
}

impl Step {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::EncodeJob => "encode the job",
            Self::DecodeJob => "decode the job in the worker process",
            Self::EncodeResult => "encode the result in the worker process",
            Self::DecodeResult => "decode the result",
        }
    }

    /// The error of a `J` at this step.
    pub(crate) fn error<J: PortableJob>(self, cause: Cause) -> JobError {
        self.named(J::type_name(), type_name::<J::Output>(), cause)
    }

    /// The error of a job of that name, with that output, at this step.
    pub(crate) fn named(self, job: &str, output: &str, cause: Cause) -> JobError {
        JobError::Codec(CodecError::new(self.text(), job, output, cause))
    }
}

//! What is known of a job by its type alone: its names, and the function that a worker runs for it.

use std::any::{Any, type_name};
use std::rc::Rc;

use executor_core::panics::{catch, drop_quietly};
use executor_core::{JobError, Panicked, Portable, PortableJob};
use serde::{Deserialize, Serialize};

use crate::codec::{Codec, Step};
use crate::frame::Bytes;

/// Decodes a job, runs it, and encodes its result: the entry of a job type in a worker.
pub(crate) type Work = fn(Codec, &[u8]) -> Answer;

/// Decodes an initializer, runs it, and keeps what it made: the entry of an initializer in a worker.
pub(crate) type Prepare = fn(Codec, &[u8]) -> Result<Rc<dyn Any>, String>;

/// How a job ended in a worker that lives.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done(Bytes),
    Panicked(RemotePanic),
    Codec { step: Step, cause: String },
}

/// What of a panic can leave its process: all but the payload.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RemotePanic {
    message: String,
    place: Option<String>,
}

impl From<JobError> for RemotePanic {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Panicked(panic) => {
                Self { message: panic.message().to_owned(), place: panic.place().map(ToOwned::to_owned) }
            }
            other => Self { message: other.to_string(), place: None },
        }
    }
}

impl From<RemotePanic> for JobError {
    fn from(panic: RemotePanic) -> Self {
        Self::Panicked(Panicked::remote(panic.message, panic.place))
    }
}

/// A type of job.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) work: Work,
    /// The path of its function or type.
    pub(crate) name: &'static str,
    /// Its codec errors, which name both types.
    pub(crate) codec_error: fn(Step, String) -> JobError,
}

impl Kind {
    pub(crate) fn of<J: PortableJob>() -> Self {
        Self { work: work::<J>, name: J::type_name(), codec_error: |step, cause| step.error::<J>(cause) }
    }
}

fn work<J: PortableJob>(codec: Codec, bytes: &[u8]) -> Answer {
    let job: J = match codec.decode_job(bytes) {
        Ok(job) => job,
        Err(cause) => return Answer::Codec { step: Step::DecodeJob, cause },
    };
    match catch(|| job.run()) {
        Ok(output) => {
            let encoded = codec.encode(&output);
            drop_quietly(output);
            match encoded {
                Ok(bytes) => Answer::Done(bytes.into()),
                Err(cause) => Answer::Codec { step: Step::EncodeResult, cause },
            }
        }
        Err(panic) => Answer::Panicked(panic.into()),
    }
}

pub(crate) fn prepare<P: Portable>(codec: Codec, bytes: &[u8]) -> Result<Rc<dyn Any>, String> {
    let job: P =
        codec.decode_job(bytes).map_err(|cause| format!("`{}` could not be decoded: {cause}", type_name::<P>()))?;
    match catch(|| job.run()) {
        Ok(state) => Ok(Rc::new(state)),
        Err(panic) => Err(panic.to_string()),
    }
}

//! What is known of a job by its type alone: its names, and the function that a worker runs for it.

use std::any::{Any, type_name};
use std::rc::Rc;

use executor_core::panics::{catch, drop_quietly};
use executor_core::{JobError, Panicked, Portable, PortableJob};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::chunk;
use crate::codec::{Codec, Step};
use crate::frame::Bytes;

/// Decodes a job, runs it, and encodes its result: the entry of a job type in a worker.
pub(crate) type Work = fn(Codec, &[u8], &mut Items<'_>) -> Answer;

/// Where a chunk says the outcomes of its items.
pub(crate) struct Items<'a>(pub(crate) &'a mut dyn FnMut(&[u8]) -> bool);

impl Items<'_> {
    /// Replaces what was published by `outcomes`, which are the same and one more. False if there is no room for it.
    pub(crate) fn publish(&mut self, outcomes: &[u8]) -> bool {
        (self.0)(outcomes)
    }
}

/// Decodes an initializer, runs it, and keeps what it made: the entry of an initializer in a worker.
pub(crate) type Prepare = fn(Codec, &[u8]) -> Result<Rc<dyn Any>, String>;

/// How a job ended in a worker that lives.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done(Bytes),
    /// All outcomes were published.
    Items,
    Panicked(RemotePanic),
    Codec {
        step: Step,
        cause: String,
    },
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

    /// Of a chunk of a `map` by an `F`.
    pub(crate) fn of_chunk<F, A, R>() -> Self
    where
        F: Fn(A) -> R + Copy + 'static,
        A: DeserializeOwned,
        R: Serialize,
    {
        let codec_error = |step: Step, cause| step.named(type_name::<F>(), type_name::<R>(), cause);
        Self { work: chunk::work::<F, A, R>, name: type_name::<F>(), codec_error }
    }
}

fn work<J: PortableJob>(codec: Codec, bytes: &[u8], _: &mut Items<'_>) -> Answer {
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

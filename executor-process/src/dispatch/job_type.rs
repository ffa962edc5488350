//! What is known of a job by its type alone: its names, and the function that a worker runs for it.

use std::any::{Any, type_name};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use executor_core::panics::{catch, drop_quietly};
use executor_core::{JobError, Panicked, Portable, PortableJob};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::dispatch::chunk;
use crate::ipc::codec::{Codec, Step};
use crate::ipc::payload::Body;
use crate::protocol::limits::{MOST_NAME, MOST_SAID, cut};
use crate::protocol::status_page::Growing;
use crate::transport::{Opened, Outgoing, WorkerEnd};
use crate::worker::end_copy;

/// Decodes a job, runs it, and encodes its result: the entry of a job type in a worker. A chunk says the outcomes of its items as they
/// come.
pub(crate) type Work = fn(Codec, Opened, &WorkerEnd, &mut Growing<'_>) -> Answer<Outgoing>;

/// Decodes an initializer, runs it, and keeps what it made: the entry of an initializer in a worker.
pub(crate) type Prepare = fn(Codec, Opened) -> Result<Rc<dyn Any>, String>;

/// The exit code of a Rust program that panics.
pub(crate) const PANICKED: i32 = 101;

/// An answer in a message.
pub(crate) type Answered = Answer<Body>;

/// How a job ended in a worker that lives, with its result in one of its forms.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer<T> {
    Done(T),
    /// All outcomes were published.
    Items,
    Panicked(RemotePanic),
    Codec {
        step: Step,
        cause: String,
    },
    /// The worker has no descriptor or no memory left for what this step needs, and may have none for the next job.
    NoRoom {
        step: Step,
        cause: String,
    },
}

impl<T> Answer<T> {
    /// What a process exits with that has run nothing since.
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Self::Done(_) | Self::Items => 0,
            Self::Panicked(_) | Self::Codec { .. } | Self::NoRoom { .. } => PANICKED,
        }
    }
}

impl Answered {
    /// The bytes of an answer that may be short enough for the page. What descriptors came with goes in a message: they are taken in
    /// the order in which they were sent.
    pub(crate) fn short(&self) -> Option<Vec<u8>> {
        match self {
            // What is to be run elsewhere is not done, as what is on the page is.
            Self::Done(Body { packet: Some(_), .. }) | Self::NoRoom { .. } => None,
            answer => postcard::to_stdvec(answer).ok(),
        }
    }
}

/// What of a panic can leave its process: all but the payload.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RemotePanic {
    message: String,
    place: Option<String>,
}

impl RemotePanic {
    /// As much of it as can be sent.
    pub(crate) fn cut(self) -> Self {
        Self { message: cut(self.message, MOST_SAID), place: self.place.map(|place| cut(place, MOST_NAME)) }
    }

    /// The error of the job that panicked so.
    pub(crate) fn of(self, job: impl Into<Cow<'static, str>>, name: Option<Arc<str>>) -> JobError {
        JobError::Panicked(Panicked::remote(self.message, self.place).with_job(job, name))
    }
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

/// A type of job.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) work: Work,
    /// The path of its function or type.
    pub(crate) name: &'static str,
    /// Its codec errors, which have its name and that of the type that it returns.
    pub(crate) codec_error: fn(&str, Step, String) -> JobError,
}

impl Kind {
    pub(crate) fn of<J: PortableJob>() -> Self {
        let codec_error = |name: &str, step: Step, cause| step.named(name, type_name::<J::Output>(), cause);
        Self { work: work::<J>, name: J::type_name(), codec_error }
    }

    /// Of a chunk of a `map` that is called `name`.
    pub(crate) fn of_chunk<A, R>(name: &'static str) -> Self
    where
        A: DeserializeOwned + 'static,
        R: Serialize + 'static,
    {
        let codec_error = |name: &str, step: Step, cause| step.named(name, type_name::<R>(), cause);
        Self { work: chunk::work::<A, R>, name, codec_error }
    }
}

fn work<J: PortableJob>(codec: Codec, opened: Opened, end: &WorkerEnd, _: &mut Growing<'_>) -> Answer<Outgoing> {
    let job: J = match decoded(codec, opened) {
        Ok(job) => job,
        Err(cause) => return Answer::Codec { step: Step::DecodeJob, cause },
    };
    let ran = catch(|| job.run());
    end_copy(if ran.is_ok() { 0 } else { PANICKED });
    match ran {
        Ok(output) => {
            let encoded = codec.encode_result(&output, end);
            drop_quietly(output);
            match encoded {
                Ok(outgoing) => Answer::Done(outgoing),
                Err(cause) => Answer::Codec { step: Step::EncodeResult, cause },
            }
        }
        Err(panic) => Answer::Panicked(panic.into()),
    }
}

pub(crate) fn prepare<P: Portable>(codec: Codec, opened: Opened) -> Result<Rc<dyn Any>, String> {
    let job: P =
        decoded(codec, opened).map_err(|cause| format!("`{}` could not be decoded: {cause}", type_name::<P>()))?;
    let ran = catch(|| job.run());
    end_copy(if ran.is_ok() { 0 } else { PANICKED });
    match ran {
        Ok(state) => Ok(Rc::new(state)),
        Err(panic) => Err(format!("{panic:#}")),
    }
}

/// Lets go of the bytes before the job runs.
fn decoded<P: Portable>(codec: Codec, mut opened: Opened) -> Result<P, String> {
    let descriptors = std::mem::take(&mut opened.descriptors);
    let job = codec.decode_job(&opened, descriptors);
    end_copy(0);
    job
}

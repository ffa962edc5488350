//! How a job ended in a worker that lives: what the worker says, and the parent reads.

use std::borrow::Cow;
use std::sync::Arc;

use executor_core::{JobError, Panicked};
use serde::{Deserialize, Serialize};

use crate::ipc::codec::Step;
use crate::ipc::payload::Body;
use crate::protocol::limits::{MOST_NAME, MOST_SAID, truncate};
use crate::protocol::status_page::LONGEST;

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
    /// The exit code of a worker whose last job ended so.
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Self::Done(_) | Self::Items => 0,
            Self::Panicked(_) | Self::Codec { .. } | Self::NoRoom { .. } => PANICKED,
        }
    }
}

impl Answered {
    /// The bytes of an answer that may be short enough for the page. An answer with descriptors goes in a message, since
    /// descriptors are taken in the order in which they were sent.
    pub(crate) fn short(&self) -> Option<Vec<u8>> {
        match self {
            // `NoRoom`: the job must run elsewhere, and an answer on the page means that it is done.
            Self::Done(Body { packet: Some(_), .. }) | Self::NoRoom { .. } => None,
            Self::Done(body) if body.inline_len() > LONGEST => None,
            answer => postcard::to_stdvec(answer).ok(),
        }
    }
}

/// A panic without its payload, which cannot leave the process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RemotePanic {
    message: String,
    place: Option<String>,
}

impl RemotePanic {
    /// Cuts it to the length that can be sent.
    pub(crate) fn truncate(self) -> Self {
        Self { message: truncate(self.message, MOST_SAID), place: self.place.map(|place| truncate(place, MOST_NAME)) }
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

//! Captures values where jobs are submitted, and encodes them to be sent with the jobs.

use std::any::type_name;
use std::sync::Arc;

use executor_core::panics::{catch, drop_catching};
use executor_core::{BuildError, JobError, Remake};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dispatch::job_type::JobType;
use crate::ipc::codec::{Codec, Step};
use crate::ipc::payload::Bytes;
use crate::protocol::captured::Captured;
use crate::protocol::limits::MOST_CAPTURED;
use crate::protocol::program_image::Offset;
use crate::worker::entry_point::WrapEntry;
use crate::worker::remake::Remaker;
use crate::worker::wrap::{Around, open};

/// Why there is no value.
enum NotCaptured {
    Panicked(JobError),
    NotEncoded(String),
}

type Capture = dyn Fn(Codec) -> Result<Bytes, NotCaptured> + Send + Sync;

/// A call of `wrap_jobs`.
pub(crate) struct Wrapper {
    entry: WrapEntry,
    /// The address of the function around the job.
    function: usize,
    capture: Box<Capture>,
}

impl Wrapper {
    pub(crate) fn new<V>(capture: impl Fn() -> V + Send + Sync + 'static, around: Around<V>) -> Self
    where
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let capture = Box::new(move |codec| {
            let value = catch(&capture).map_err(NotCaptured::Panicked)?;
            let encoded = encode(codec, &value);
            drop_catching(value);
            let not_encoded = |cause| {
                NotCaptured::NotEncoded(format!("the `{}` that `wrap_jobs` captured: {cause}", type_name::<V>()))
            };
            encoded.map_err(not_encoded)
        });
        Self { entry: open::<V>, function: around as usize, capture }
    }

    /// `None` if its functions are not in the program's own file.
    fn checked(self) -> Option<Checked> {
        let (entry, function) = (Offset::of_wrap(self.entry)?, Remaker.distance(self.function)?);
        Some(Checked { entry, function, capture: self.capture })
    }
}

/// The same, with its functions as they are sent.
struct Checked {
    entry: Offset,
    function: usize,
    capture: Box<Capture>,
}

/// A value that only this process can decode again is refused.
fn encode(codec: Codec, value: &impl Serialize) -> Result<Bytes, String> {
    let payload = codec.encode(value)?;
    if payload.has_attachments() {
        return Err(
            "it holds a handle, such as a `Blob` or a `Sender`; pass handles as arguments of the job".to_owned()
        );
    }
    Ok(payload.bytes().clone())
}

/// All calls of `wrap_jobs`, the outermost first.
pub(crate) struct Wrappers(Vec<Checked>);

impl Wrappers {
    /// `None` if there are none.
    pub(crate) fn new(wrappers: Vec<Wrapper>) -> Result<Option<Arc<Self>>, BuildError> {
        let checked = wrappers.into_iter().map(Wrapper::checked).collect::<Option<Vec<_>>>();
        let checked = checked
            .ok_or_else(|| BuildError::setting("wrap_jobs", "in a shared library", "in the program's own file"))?;
        Ok((!checked.is_empty()).then(|| Arc::new(Self(checked))))
    }

    /// Captures the values of a job that is submitted now. Runs user code.
    ///
    /// # Errors
    ///
    /// The outcome of the job.
    pub(crate) fn capture(
        &self,
        codec: Codec,
        job_type: JobType,
        name: Option<Arc<str>>,
    ) -> Result<Arc<Vec<Captured>>, JobError> {
        let capture = |wrapper: &Checked| {
            let Checked { entry, function, ref capture } = *wrapper;
            capture(codec).map(|value| Captured { entry, function, value })
        };
        let captured = self.0.iter().map(capture).collect::<Result<Vec<_>, _>>();
        let captured = captured.and_then(|captured| match captured.iter().map(Captured::len).sum::<usize>() {
            len if len > MOST_CAPTURED => Err(NotCaptured::NotEncoded(format!(
                "the values that `wrap_jobs` captured have {len} bytes, and may have {MOST_CAPTURED}; pass large values \
                 as arguments of the job"
            ))),
            _ => Ok(captured),
        });
        captured.map(Arc::new).map_err(|error| match error {
            NotCaptured::Panicked(JobError::Panicked(panicked)) => {
                JobError::Panicked(panicked.with_job(job_type.name(), name))
            }
            NotCaptured::Panicked(error) => error,
            NotCaptured::NotEncoded(cause) => (job_type.codec_error)(job_type.name(), Step::EncodeJob, cause),
        })
    }
}

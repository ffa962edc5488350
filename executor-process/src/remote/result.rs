//! The encoded result of a remote job.

use std::any::type_name;
use std::time::Duration;

use executor_core::bytes::InOnePiece;
use executor_core::{JobError, PortableJob};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ipc::codec::{Codec, Step};
use crate::ipc::payload::Bytes;

/// The encoded result of a [`RemoteJob`](super::RemoteJob), or why there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemoteResult {
    codec: Codec,
    encoded: Result<Bytes, (Step, String)>,
    run_time: Duration,
}

impl RemoteResult {
    /// The result of a job that has run.
    pub(crate) fn of<T: Serialize + 'static>(codec: Codec, output: &T, run_time: Duration) -> Self {
        let encoded = codec.encode_by_value(&InOnePiece(output)).map(Bytes::from);
        Self { codec, encoded: encoded.map_err(|cause| (Step::EncodeResult, cause)), run_time }
    }

    pub(super) fn failed(codec: Codec, step: Step, cause: String) -> Self {
        Self { codec, encoded: Err((step, cause)), run_time: Duration::ZERO }
    }

    /// Returns how long the job ran. Zero if the job could not be decoded.
    pub fn run_time(&self) -> Duration {
        self.run_time
    }

    /// Decodes the result. `J` is the type of the job that the [`RemoteJob`](super::RemoteJob) was made from.
    ///
    /// # Errors
    ///
    /// [`JobError::Codec`], if the job or its result could not be decoded or encoded.
    pub fn open<J: PortableJob>(self) -> Result<J::Output, JobError> {
        self.decode().map_err(|(step, cause)| step.error::<J>(cause))
    }

    /// Decodes the result where the type of the job is not known. `T` is the job's output: with another type, the result may be any
    /// value of that.
    ///
    /// # Errors
    ///
    /// [`JobError::Codec`], if the job or its result could not be decoded or encoded.
    pub fn open_output<T: DeserializeOwned + 'static>(self) -> Result<T, JobError> {
        self.decode().map_err(|(step, cause)| step.named("of another program", type_name::<T>(), cause))
    }

    fn decode<T: DeserializeOwned + 'static>(self) -> Result<T, (Step, String)> {
        let Self { codec, encoded, .. } = self;
        encoded.and_then(|bytes| codec.decode_result_by_value(&bytes).map_err(|cause| (Step::DecodeResult, cause)))
    }
}

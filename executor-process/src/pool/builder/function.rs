//! Functions that a worker runs before its jobs.

use executor_core::{BuildError, Portable};

use crate::ipc::codec::Codec;
use crate::ipc::payload::Payload;
use crate::protocol::program_image::Offset;
use crate::worker::entry_point::InitEntry;
use crate::worker::remake::Remaker;
use crate::worker::run_job::prepare;

/// An initializer, or the function of a template. Encoded when the codec is known.
pub(super) struct Function {
    prepare: InitEntry,
    encode: Box<dyn FnOnce(Codec) -> Result<Payload, String> + Send>,
}

impl Function {
    pub(super) fn new<P: Portable>(job: P) -> Self {
        let encode = Box::new(move |codec: Codec| codec.encode(&job.wire(&Remaker)));
        Self { prepare: prepare::<P>, encode }
    }

    /// With its place in the program, for the `setting` that it is.
    pub(super) fn encoded(self, setting: &'static str, codec: Codec) -> Result<(Offset, Payload), BuildError> {
        let offset = Offset::of_init(self.prepare)
            .ok_or_else(|| BuildError::setting(setting, "in a shared library", "in the program's own file"))?;
        let payload = (self.encode)(codec)
            .map_err(|cause| BuildError::setting(setting, format!("not encodable ({cause})"), "encodable"))?;
        Ok((offset, payload))
    }
}

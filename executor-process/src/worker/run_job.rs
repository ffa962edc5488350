//! A job in a worker: decoded, run, and its result encoded.

use std::any::{Any, type_name};
use std::marker::PhantomData;
use std::rc::Rc;

use executor_core::panics::{catch, drop_catching};
use executor_core::wrap::{self, Context};
use executor_core::{Portable, PortableJob, Remake};
use serde::Deserializer;
use serde::de::DeserializeSeed;

use crate::ipc::codec::{Codec, Step};
use crate::protocol::answer::{Answer, PANICKED};
use crate::protocol::status_page::Appender;
use crate::transport::{Opened, Outgoing, WorkerEnd, encode_result};
use crate::worker::end_copy;
use crate::worker::remake::Remaker;

/// The entry of a job type in a worker.
pub(crate) fn work<J: PortableJob>(
    codec: Codec,
    opened: Opened,
    context: Option<&Context>,
    end: &WorkerEnd,
    _: &mut Appender<'_>,
) -> Answer<Outgoing> {
    let job: J = match decoded(codec, opened) {
        Ok(job) => job,
        Err(cause) => return Answer::Codec { step: Step::DecodeJob, cause },
    };
    let name = J::job_name(Some(&job));
    let ran = catch(|| wrap::run(context.map(|context| (context, &name)), || job.run()));
    end_copy(if ran.is_ok() { 0 } else { PANICKED });
    match ran {
        Ok(output) => {
            let encoded = encode_result(codec, &output, end, || end_copy(0));
            drop_catching(output);
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
    let job = codec.decode(&opened, descriptors, || JobSeed::new(&Remaker));
    end_copy(0);
    job
}

/// A job is made again from its wire form and its type, for which serde has no trait of its own.
pub(crate) struct JobSeed<'a, J, R> {
    remake: &'a R,
    job: PhantomData<J>,
}

impl<'a, J, R> JobSeed<'a, J, R> {
    pub(crate) fn new(remake: &'a R) -> Self {
        Self { remake, job: PhantomData }
    }
}

impl<'de, J: Portable, R: Remake> DeserializeSeed<'de> for JobSeed<'_, J, R> {
    type Value = J;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<J, D::Error> {
        J::rebuild(source, self.remake)
    }
}

//! The functions that `wrap_jobs` puts around a job, with the values that were captured where the job was submitted.

use std::any::type_name;

use executor_core::Remake;
use executor_core::wrap::Context;
use serde::de::DeserializeOwned;

use super::fork_check::end_copy;
use super::remake::Remaker;
use crate::ipc::codec::Codec;
use crate::protocol::captured::Captured;

/// The function around a job, which gets the captured value, and the rest of the job.
pub(crate) type Around<V> = fn(&V, &mut dyn FnMut());

/// The entry of a captured `V` in a worker: decodes it, and returns the code around the job.
pub(crate) fn open<V>(codec: Codec, captured: &Captured) -> Result<Context, String>
where
    V: DeserializeOwned + Send + Sync + 'static,
{
    let name = type_name::<V>();
    let function = Remaker
        .pointer::<Around<V>>(captured.function)
        .ok_or_else(|| format!("the function that `wrap_jobs` was given with a `{name}` is not in this program"))?;
    let value = codec.decode_value::<V>(&captured.value, Vec::new());
    end_copy(0);
    let value = value.map_err(|cause| format!("the `{name}` that `wrap_jobs` captured: {cause}"))?;
    Ok(Context::new(move |run| function(&value, run)))
}

/// The context of a job, of which the first value is the outermost. `None` if there is no value.
pub(crate) fn open_all(codec: Codec, captured: &[Captured]) -> Result<Option<Context>, String> {
    captured.iter().rev().try_fold(None, |inner: Option<Context>, captured| {
        let open = captured.entry.wrap_entry().ok_or("a function that `wrap_jobs` uses is not in this program")?;
        let context = open(codec, captured)?;
        Ok(Some(match inner {
            Some(inner) => context.around(inner),
            None => context,
        }))
    })
}

//! `map` of a function over items, in processes.

use std::any::type_name;
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, LazyLock};

use executor_core::__private::{ClosureCall, Named, closure_call};
use executor_core::panics::drop_catching;
use executor_core::{Broken, Future, JobError, JobPath, Mapper, Portable, Remake};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dispatch::chunk::{self, Chunk, Outcomes, Pace, Part};
use crate::dispatch::encoded_result::EncodedResult;
use crate::dispatch::job::EncodedJob;
use crate::dispatch::job_type::JobType;
use crate::ipc::codec::Step;
use crate::pool::submit::Submitter;
use crate::worker::remake::Remaker;

/// The function that a [`ProcessPool::map`](crate::ProcessPool::map) applies in worker processes.
pub struct CallMapper<A, R> {
    pool: Submitter,
    function: fn(A) -> R,
    path: JobPath,
    place: &'static Location<'static>,
    pace: Arc<Pace>,
}

/// The job of one item.
type Single<A, R> = ClosureCall<Item, (A,), R>;

/// In place of the name that is known only when the program runs.
struct Item;

impl Named for Item {
    const NAME: &'static str = "map";
}

impl<A, R> CallMapper<A, R> {
    /// Of a `map` that was called there.
    pub(crate) fn new(pool: Submitter, function: fn(A) -> R, place: &'static Location<'static>) -> Self {
        Self { pool, function, path: path(place), place, pace: Arc::default() }
    }
}

/// The name that errors give to a `map`: a pointer has none of its own. There are as many as places in the program, so they stay.
fn path(place: &'static Location<'static>) -> JobPath {
    static PATHS: LazyLock<Mutex<HashMap<&'static Location<'static>, JobPath>>> = LazyLock::new(Mutex::default);
    let leak = || -> &'static str { Box::leak(format!("map at {place}").into_boxed_str()) };
    *PATHS.lock().entry(place).or_insert_with(|| JobPath::fixed(Box::leak(Box::new(leak()))))
}

impl<A, R> Mapper<A> for CallMapper<A, R>
where
    A: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    type Output = R;

    type Outcomes = Outcomes<R>;

    fn submit(&mut self, item: A) -> Future<R> {
        let (path, job): (_, Single<A, R>) = (self.path, closure_call((item,), Item, self.function));
        let encoded = self.pool.policy.codec.encode(&job.wire(&Remaker));
        drop_catching(job);
        let open = |returned: EncodedResult| {
            let result = returned.codec.decode_result(returned.payload);
            result.map_err(|cause| Step::DecodeResult.named(returned.name, type_name::<R>(), cause))
        };
        match encoded {
            Ok(body) => {
                let job_type = JobType { path, ..JobType::of::<Single<A, R>>() };
                self.pool.submit_encoded(EncodedJob { place: self.place, ..EncodedJob::new(job_type, body) }, open)
            }
            Err(cause) => Future::failed(Step::EncodeJob.named(path.as_str(), type_name::<R>(), cause)),
        }
    }

    fn submit_chunk(&mut self, items: Vec<A>) -> Vec<(Future<Outcomes<R>>, usize)> {
        let (codec, path, name) = (self.pool.policy.codec, self.path, self.path.as_str());
        let Some(function) = Remaker.distance(self.function as usize) else {
            let total = items.len();
            items.into_iter().for_each(drop_catching);
            let text = format!(
                "the function of `{name}` is in a shared library; only functions of the program's own file can run \
                 in worker processes"
            );
            return vec![(Future::failed(JobError::Broken(Broken::new(text))), total)];
        };
        let parts = chunk::encode::<A, R>(codec, function, items, name);
        let submit = |Part { total, body, errors }| {
            let chunk = Chunk::new(total, errors, self.pace.clone());
            let open = |returned: EncodedResult| Ok(Outcomes::new(returned));
            if chunk.is_over() {
                let ended = Outcomes::new(chunk.into_returned(codec, name));
                return (Future::ready(ended), total);
            }
            let chunk = Some(Box::new(chunk));
            let job_type = JobType::of_chunk::<A, R>(path);
            let payload = EncodedJob { chunk, place: self.place, ..EncodedJob::new(job_type, body) };
            (self.pool.submit_encoded(payload, open), total)
        };
        parts.into_iter().map(submit).collect()
    }

    fn workers(&self) -> usize {
        self.pool.scheduler.workers()
    }

    fn is_limited(&self) -> bool {
        self.pool.options.values().timeout.is_some()
    }

    fn chunk(&self) -> Option<usize> {
        Some(self.pace.chunk())
    }
}

impl<A, R> Clone for CallMapper<A, R> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            function: self.function,
            path: self.path,
            place: self.place,
            pace: self.pace.clone(),
        }
    }
}

impl<A, R> fmt::Debug for CallMapper<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallMapper").field("name", &self.path).finish_non_exhaustive()
    }
}

//! `map` of a function over items, in processes.

use std::any::type_name;
use std::sync::Arc;

use executor_core::{Future, JobError, Mapper, call};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::chunk::{self, Chunk, Pace};
use crate::job::{Encoded, Returned};
use crate::kind::Kind;
use crate::{ProcessHandle, ProcessView};

/// Applies a function in the processes of a pool. Made by [`ProcessPool::map`](crate::ProcessPool::map).
#[derive(Clone, Debug)]
pub struct CallMapper<F> {
    pool: ProcessView,
    function: F,
    pace: Arc<Pace>,
}

impl<F> CallMapper<F> {
    pub(crate) fn new(pool: ProcessView, function: F) -> Self {
        Self { pool, function, pace: Arc::default() }
    }
}

impl<F, A, R> Mapper<A> for CallMapper<F>
where
    F: Fn(A) -> R + Copy + Send + 'static,
    A: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    type Output = R;

    fn submit(&mut self, item: A) -> Future<R> {
        self.pool.submit(call(self.function, (item,)))
    }

    fn submit_chunk(&mut self, items: Vec<A>) -> Future<Vec<Result<R, JobError>>> {
        let ProcessHandle { scheduler, rules } = &self.pool.pool;
        let (total, name) = (items.len(), type_name::<F>());
        let (body, errors) = chunk::encode::<A, R>(rules.codec, items, name);
        let chunk = Chunk::new(total, errors, self.pace.clone());
        if chunk.is_over() {
            return Future::ready(chunk::open(chunk.into_returned(rules.codec), name));
        }
        let mut payload = Encoded::new(Kind::of_chunk::<F, A, R>(), body);
        payload.chunk = Some(Box::new(chunk));
        let open = |returned: Returned| Ok(chunk::open(returned, type_name::<F>()));
        rules.submit_encoded(scheduler, self.pool.options(), payload, open)
    }

    fn workers(&self) -> usize {
        self.pool.workers()
    }

    fn chunk(&self) -> Option<usize> {
        // What is said of the time of a job is meant for each item.
        let options = self.pool.options();
        let is_timed = options.get_delay().or(options.get_timeout()).or(options.get_start_by()).is_some();
        (!is_timed).then(|| self.pace.chunk())
    }
}

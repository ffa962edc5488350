//! `map` of a function over items, in processes.

use std::any::type_name;
use std::sync::Arc;

use executor_core::cell::Cell;
use executor_core::{Future, JobError, Mapper, call};
use executor_thread::scheduler::Priority;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ProcessHandle;
use crate::chunk::{self, Chunk, Pace};
use crate::job::{Encoded, Returned};
use crate::kind::Kind;

/// Applies a function in the processes of a pool. Made by [`ProcessPool::map`](crate::ProcessPool::map).
#[derive(Clone, Debug)]
pub struct CallMapper<F> {
    pool: ProcessHandle,
    function: F,
    pace: Arc<Pace>,
}

impl<F> CallMapper<F> {
    pub(crate) fn new(pool: ProcessHandle, function: F) -> Self {
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
        let ProcessHandle { scheduler, codec } = &self.pool;
        let total = items.len();
        let (bytes, errors) = chunk::encode::<A, R>(*codec, items, type_name::<F>());
        let chunk = Chunk::new(total, errors, self.pace.clone());
        let open = |returned: Returned| Ok(chunk::open(returned, type_name::<F>()));
        if chunk.is_over() {
            return Future::ready(chunk::open(chunk.into_returned(*codec), type_name::<F>()));
        }
        let mut payload = Encoded::new(Kind::of_chunk::<F, A, R>(), bytes);
        payload.chunk = Some(Box::new(chunk));
        let cell = Arc::new(Cell::queued(payload, open).at(scheduler.queue()));
        match scheduler.push(Priority::Normal, cell.clone()) {
            Ok(()) => Future::of(cell),
            Err((_, reason)) => Future::failed(JobError::Rejected(reason)),
        }
    }

    fn workers(&self) -> usize {
        self.pool.workers()
    }

    fn chunk(&self) -> Option<usize> {
        Some(self.pace.chunk())
    }
}

//! `map` of a function over items, in processes.

use executor_core::panics::catch;
use executor_core::{Future, JobError, Mapper, call};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ProcessView;
use crate::kind::RemotePanic;

/// Applies a function in the processes of a pool. Made by [`ProcessPool::map`](crate::ProcessPool::map).
#[derive(Clone, Debug)]
pub struct CallMapper<F> {
    pool: ProcessView,
    function: F,
}

impl<F> CallMapper<F> {
    pub(crate) fn new(pool: ProcessView, function: F) -> Self {
        Self { pool, function }
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
        let function = self.function;
        // A panic costs its item, in the worker as well as here.
        let each = move |items: Vec<A>| -> Vec<Result<R, RemotePanic>> {
            items.into_iter().map(|item| catch(|| function(item)).map_err(RemotePanic::from)).collect()
        };
        let chunk = self.pool.submit(call(each, (items,)));
        chunk.map_ok(|outcomes| outcomes.into_iter().map(|outcome| outcome.map_err(JobError::from)).collect())
    }

    fn workers(&self) -> usize {
        self.pool.workers()
    }
}

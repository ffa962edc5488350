//! `map` of a function over items, in processes.

use std::any::type_name;
use std::sync::Arc;

use executor_core::{Future, Mapper, call};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ProcessView;
use crate::chunk::{self, Chunk, Outcomes, Pace, Part};
use crate::job::{Encoded, Returned};
use crate::kind::Kind;

/// Applies a function in the processes of a pool. Made by [`ProcessPool::map`](crate::ProcessPool::map).
#[derive(Clone, Debug)]
pub struct CallMapper<F> {
    pool: ProcessView,
    function: F,
    pace: Arc<Pace>,
}

impl<F> CallMapper<F> {
    /// Fails the build of a `map` that reads it, at the line of the call.
    ///
    /// ```compile_fail,E0080
    /// let pool = executor_process::ProcessPool::new(1).unwrap();
    /// let captured = 5;
    /// let map = pool.map(0..3, move |n| n + captured);
    /// ```
    pub(crate) const CAPTURES_NOTHING: () = assert!(
        size_of::<F>() == 0,
        "`map` takes a function or a closure that captures nothing: make what it captures a part of each item, `map(items.map(|item| (item, captured.clone())), f)`"
    );

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

    type Outcomes = Outcomes<R>;

    fn submit(&mut self, item: A) -> Future<R> {
        self.pool.submit(call(self.function, (item,)))
    }

    fn submit_chunk(&mut self, items: Vec<A>) -> Vec<(Future<Outcomes<R>>, usize)> {
        let codec = self.pool.codec();
        let parts = chunk::encode::<A, R>(codec, items, type_name::<F>());
        let submit = |Part { total, body, errors }| {
            let chunk = Chunk::new(total, errors, self.pace.clone());
            let open = |returned: Returned| Ok(Outcomes::new(returned, type_name::<F>()));
            if chunk.is_over() {
                let ended = Outcomes::new(chunk.into_returned(codec), type_name::<F>());
                return (Future::ready(ended), total);
            }
            let payload = Encoded { chunk: Some(Box::new(chunk)), ..Encoded::new(Kind::of_chunk::<F, A, R>(), body) };
            (self.pool.submit_encoded(payload, open), total)
        };
        parts.into_iter().map(submit).collect()
    }

    fn workers(&self) -> usize {
        self.pool.workers()
    }

    fn is_limited(&self) -> bool {
        self.pool.options().get_timeout().is_some()
    }

    fn chunk(&self) -> Option<usize> {
        Some(self.pace.chunk())
    }
}

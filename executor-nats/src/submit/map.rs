//! `map` of a function over items, on many machines.

use std::fmt;
use std::iter::{Once, once};
use std::panic::Location;

use executor_core::panics::drop_catching;
use executor_core::{Call, Future, JobError, Mapper, PortableJob, call};

use super::submission::{Submitter, Way, open};

/// The function that a [`map`](crate::NatsHandle::map) applies on the hosts.
#[derive(Clone)]
pub struct RemoteMapper<F> {
    submitter: Submitter,
    function: F,
    place: &'static Location<'static>,
}

impl<F> RemoteMapper<F> {
    pub(crate) fn new(submitter: Submitter, function: F, place: &'static Location<'static>) -> Self {
        Self { submitter, function, place }
    }
}

impl<F: Copy> RemoteMapper<F> {
    fn submit_as<A, T>(
        &self,
        item: A,
        open: fn(executor_process::remote::RemoteResult) -> Result<T, JobError>,
    ) -> Future<T>
    where
        Call<F, (A,)>: PortableJob,
        T: Send + 'static,
    {
        let job = call(self.function, (item,));
        let submitted = self.submitter.submit_at(self.place, Way::Now, &job, open);
        let future = match submitted {
            Ok(accepted) => accepted.future,
            Err(reason) => Future::failed(JobError::Rejected(self.submitter.refused(reason, &job))),
        };
        drop_catching(job);
        future
    }
}

impl<A, F> Mapper<A> for RemoteMapper<F>
where
    F: Copy,
    Call<F, (A,)>: PortableJob,
{
    type Output = <Call<F, (A,)> as executor_core::Job>::Output;

    type Outcomes = Once<Result<Self::Output, JobError>>;

    fn submit(&mut self, item: A) -> Future<Self::Output> {
        self.submit_as(item, open::<Call<F, (A,)>>)
    }

    /// Each item as a job of its own.
    fn submit_chunk(&mut self, items: Vec<A>) -> Vec<(Future<Self::Outcomes>, usize)> {
        let submit = |item| (self.submit_as(item, |result| Ok(once(open::<Call<F, (A,)>>(result)))), 1);
        items.into_iter().map(submit).collect()
    }

    fn workers(&self) -> usize {
        // Before the first host has reported, a few items are on their way all the same.
        self.submitter.shared.hosts.workers().max(1)
    }

    fn is_limited(&self) -> bool {
        self.submitter.options.values().timeout.is_some()
    }
}

impl<F> fmt::Debug for RemoteMapper<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteMapper").field("place", &self.place).finish_non_exhaustive()
    }
}

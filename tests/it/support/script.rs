//! A scheduler whose workers do with a job what the test says.

use std::sync::Arc;

use executor::extend::cell::Run;
use executor::extend::scheduler::{Batch, Config, Priority, Runner, Scheduler};

use super::owned::Owned;
use executor::{Future, Rejection};

pub(crate) type Entry = Arc<dyn Run>;

type Script = Arc<dyn Fn(Entry, &mut Batch<'_, Entry>) -> bool + Send + Sync>;

/// Does what the test says.
pub(crate) struct Scripted(Script);

impl Scripted {
    pub(crate) fn new(script: impl Fn(Entry, &mut Batch<'_, Entry>) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(script))
    }
}

impl Runner for Scripted {
    type Job = Entry;

    fn run(&mut self, job: Entry, batch: &mut Batch<'_, Entry>) -> bool {
        (self.0)(job, batch)
    }
}

pub(crate) fn scripted(
    config: Config,
    script: impl Fn(Entry, &mut Batch<'_, Entry>) -> bool + Send + Sync + 'static,
) -> Owned<Scripted> {
    let script: Script = Arc::new(script);
    Owned::new(config, move |_| Scripted(script.clone()))
}

/// Queues a job that returns `value`.
pub(crate) fn push<T: Send + 'static>(
    scheduler: &Scheduler<Scripted>,
    priority: Priority,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<Future<T>, Rejection> {
    let (cell, future) = Future::of_job_at(scheduler.queue(), job);
    scheduler.push(priority, cell).map(|()| future).map_err(|(_, reason)| reason)
}

//! A scheduler of a test, which ends with the test.

use std::ops::Deref;
use std::sync::Arc;

use executor::extend::scheduler::{Config, Runner, Scheduler};

/// Shuts down, and waits for that, when it is dropped.
pub(crate) struct Owned<R: Runner + 'static>(Scheduler<R>);

impl<R: Runner + 'static> Owned<R> {
    pub(crate) fn new(config: Config, make: impl Fn(&Arc<str>) -> R + Send + Sync + 'static) -> Self {
        Self(Scheduler::new(config, make))
    }

    /// The scheduler alone: dropping it does nothing.
    pub(crate) fn handle(&self) -> Scheduler<R> {
        self.0.clone()
    }
}

impl<R: Runner + 'static> Deref for Owned<R> {
    type Target = Scheduler<R>;

    fn deref(&self) -> &Scheduler<R> {
        &self.0
    }
}

impl<R: Runner + 'static> Drop for Owned<R> {
    fn drop(&mut self) {
        self.0.shutdown(true);
    }
}

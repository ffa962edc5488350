//! What a scheduler and its handles show of themselves.

use std::fmt;

use super::{Handle, Runner, Scheduler};

impl<R: Runner + 'static> fmt::Debug for Scheduler<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl<R: Runner> fmt::Debug for Handle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("workers", &self.workers).finish_non_exhaustive()
    }
}

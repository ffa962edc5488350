//! The manual executor, as a subject.

use std::sync::Arc;
use std::time::Duration;

use executor_core::{Future, ShutdownPolicy, ShutdownReport, Stats};

use super::subject::Subject;
use super::task::Task;
use crate::manual::{ManualExecutor, ManualHandle};

macro_rules! is_subject {
    ($($executor:ty),*) => {
        $(
            impl Subject for $executor {
                fn submit_after(&self, delay: Duration, job: Task) -> Future<u64> {
                    ManualHandle::submit_after(self, delay, job)
                }

                fn shutdown_with(&self, policy: ShutdownPolicy) -> ShutdownReport {
                    ManualHandle::shutdown_with(self, policy)
                }

                fn wait_idle(&self) {
                    ManualHandle::wait_idle(self);
                }

                fn stats(&self) -> Stats {
                    ManualHandle::stats(self)
                }

                fn handle(&self) -> Arc<dyn Subject> {
                    Arc::new(ManualHandle::handle(self))
                }

                fn run_next(&self) -> bool {
                    ManualHandle::run_next(self)
                }

                fn advance(&self, time: Duration) {
                    // Time alone passes: what is due is queued, and runs when it is told to.
                    ManualHandle::elapse(self, time);
                }
            }
        )*
    };
}

is_subject!(ManualExecutor, ManualHandle);

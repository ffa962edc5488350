//! Any executor of closures, as a subject.

use std::sync::Arc;
use std::time::Duration;

use executor_core::{ClosureExecutor, Executor, Future, Job, Rejected, Shutdown};

use super::shape::{Ability, Shape};
use super::subject::Subject;
use super::task::Task;

/// Makes a [`Subject`] of any executor of closures, with the abilities that its traits promise: [`Delay`](Ability::Delay) and
/// [`Handle`](Ability::Handle).
///
/// ```
/// use executor::{ClosureExecutor, Executor};
/// use executor_testkit::model::{Check, Closures, Task};
///
/// fn shuts_down_as_the_laws_say<E>(make: impl Fn() -> E)
/// where
///     E: ClosureExecutor<Handle: Executor<Task>> + Executor<Task> + 'static,
/// {
///     let shape = Closures::shape(&make());
///     Check::new(shape).run(|| Closures::new(make()));
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Closures<E>(E);

impl<E: ClosureExecutor> Closures<E> {
    /// Wraps `executor`.
    pub fn new(executor: E) -> Self {
        Self(executor)
    }

    /// Returns the shape of `executor` as far as its traits tell: without a bound, and without [`Nest`](Ability::Nest).
    pub fn shape(executor: &E) -> Shape {
        Shape::new(executor.workers()).with(Ability::Delay).with(Ability::Handle)
    }
}

/// The handle of one.
struct Reached<H>(H);

macro_rules! hands_on {
    ($subject:ident) => {
        impl<E: Shutdown> Shutdown for $subject<E> {
            fn shutdown(&self, wait: bool) {
                self.0.shutdown(wait);
            }
        }

        impl<E: Executor<Task>> Executor<Task> for $subject<E> {
            fn submit(&self, job: Task) -> Future<u64> {
                Executor::submit(&self.0, job)
            }

            fn try_submit(&self, job: Task) -> Result<Future<u64>, Rejected<Task>> {
                self.0.try_submit(job)
            }
        }
    };
}

hands_on!(Closures);
hands_on!(Reached);

impl<E> Subject for Closures<E>
where
    E: ClosureExecutor<Handle: Executor<Task>> + Executor<Task> + 'static,
{
    fn submit_after(&self, delay: Duration, job: Task) -> Future<u64> {
        self.0.submit_after(delay, || job.run())
    }

    fn handle(&self) -> Arc<dyn Subject> {
        Arc::new(Reached(self.0.handle()))
    }
}

impl<H: ClosureExecutor + Executor<Task> + 'static> Subject for Reached<H> {
    fn submit_after(&self, delay: Duration, job: Task) -> Future<u64> {
        self.0.submit_after(delay, || job.run())
    }
}

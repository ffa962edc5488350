//! Functions that a worker's thread calls when it starts and stops.

use std::fmt;
use std::sync::Arc;

use executor_core::current::activity::{self, ActivityKind};
use executor_core::panics::{catch, drop_catching};

type Hook = Arc<dyn Fn() + Send + Sync>;

/// The functions that each worker's thread calls when it starts and stops. If one panics, the panic hook reports that, and the worker goes
/// on.
///
/// ```
/// use executor::extend::scheduler::{Config, Hooks};
///
/// let config = Config { hooks: Hooks::default().on_start(|| println!("a worker")), ..Config::new("spoken", 2) };
/// ```
#[derive(Clone, Default)]
pub struct Hooks {
    on_start: Option<Hook>,
    on_stop: Option<Hook>,
}

impl Hooks {
    /// Sets a function that each worker's thread calls before its first job, or before it first sleeps.
    #[must_use]
    pub fn on_start(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_start = Some(Arc::new(f));
        self
    }

    /// Sets a function that each worker's thread calls when it takes no more jobs. Its runner still exists then.
    #[must_use]
    pub fn on_stop(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_stop = Some(Arc::new(f));
        self
    }

    pub(super) fn start(&self) {
        call(self.on_start.as_ref());
    }

    pub(super) fn stop(&self) {
        call(self.on_stop.as_ref());
    }
}

fn call(hook: Option<&Hook>) {
    if let Some(hook) = hook {
        let _activity = activity::begin(ActivityKind::Hook);
        drop_catching(catch(|| hook()));
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_set = |hook: &Option<Hook>| hook.is_some();
        f.debug_struct("Hooks")
            .field("on_start", &is_set(&self.on_start))
            .field("on_stop", &is_set(&self.on_stop))
            .finish()
    }
}

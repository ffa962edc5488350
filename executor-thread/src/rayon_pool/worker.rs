//! What a job finds as its worker and its pool while it runs on a thread of rayon's.

use std::sync::Arc;
use std::thread;

use executor_core::current::{self, Host, Worker};
use executor_core::home::HomeId;

use super::crew::Crew;

/// Rayon's threads are as many as they are: a job that waits for another runs that in place while it is queued, and no
/// thread comes to take its place otherwise.
impl Host for Crew {
    fn home(&self) -> HomeId {
        self.queue()
    }

    fn may_run(&self, home: HomeId) -> bool {
        Crew::may_run(self, home)
    }

    fn block(&self) {}

    fn unblock(&self) {}

    fn is_stopping(&self) -> bool {
        false
    }

    fn is_forked(&self) -> bool {
        !self.origin().is_here()
    }
}

/// The pool of a job on a thread that is a worker of another pool, too: rayon's `use_current_thread` makes such.
struct OnAnothersWorker {
    crew: Arc<dyn Host>,
    other: Arc<dyn Host>,
}

impl Host for OnAnothersWorker {
    fn home(&self) -> HomeId {
        self.crew.home()
    }

    fn may_run(&self, home: HomeId) -> bool {
        self.crew.may_run(home) || self.other.may_run(home)
    }

    fn block(&self) {
        self.other.block();
    }

    fn unblock(&self) {
        self.other.unblock();
    }

    fn is_stopping(&self) -> bool {
        self.crew.is_stopping()
    }

    fn is_forked(&self) -> bool {
        self.crew.is_forked()
    }
}

/// Makes the thread of a pool that is not ours a worker, as long as it runs a job.
pub(super) enum WorkerScope {
    /// Within a job of a pool with the same threads, which waits for its parts: the thread is a worker already.
    Within,
    /// What the thread was before.
    Outermost(Option<Worker>),
}

impl WorkerScope {
    pub(super) fn enter(crew: &Crew) -> Self {
        if current::may_run(crew.queue()) {
            return Self::Within;
        }
        let before = current::replace_worker(None);
        let name = before.as_ref().and_then(|worker| worker.name.clone()).unwrap_or_else(|| {
            let thread = thread::current();
            match (thread.name(), rayon::current_thread_index()) {
                (Some(name), _) => Arc::from(name),
                (None, index) => format!("rayon-{}", index.unwrap_or_default()).into(),
            }
        });
        let crew = crew.upgraded().map(|crew| crew as Arc<dyn Host>);
        let host = match (crew, before.as_ref().and_then(|worker| worker.host.clone())) {
            (Some(crew), Some(other)) => Some(Arc::new(OnAnothersWorker { crew, other }) as Arc<dyn Host>),
            (crew, _) => crew,
        };
        current::set_worker(Some(Worker { name: Some(name), state: None, host }));
        Self::Outermost(before)
    }
}

impl Drop for WorkerScope {
    fn drop(&mut self) {
        if let Self::Outermost(before) = self {
            current::set_worker(before.take());
        }
    }
}

//! The worker processes of a pool, for its reports: how far each is, and since when.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use executor_core::dump::ProcessPhase;
use parking_lot::Mutex;

use crate::supervisor::child::Child;
use crate::supervisor::claims::Claims;

/// The worker processes of a pool.
#[derive(Default)]
pub(crate) struct Roster(Mutex<BTreeMap<u32, Listed>>);

/// A worker process.
#[derive(Clone)]
pub(crate) struct Listed {
    /// The name of the worker.
    pub(crate) name: Arc<str>,
    pub(crate) process: Weak<Child>,
    pub(crate) phase: ProcessPhase,
    pub(crate) since: Instant,
    /// Once it has said hello.
    pub(crate) claims: Weak<Claims>,
}

/// A worker process is listed until this is dropped.
#[must_use = "the process is no longer listed when this is dropped"]
pub(crate) struct Listing {
    roster: Arc<Roster>,
    pid: u32,
}

impl Roster {
    /// Lists a process that was just started for the worker of this name.
    pub(crate) fn add(self: &Arc<Self>, name: &str, process: &Arc<Child>) -> Listing {
        let (pid, claims) = (process.pid(), Weak::new());
        let process = Arc::downgrade(process);
        let listed =
            Listed { name: name.into(), process, phase: ProcessPhase::Starting, since: Instant::now(), claims };
        let before = self.0.lock().insert(pid, listed);
        drop(before);
        Listing { roster: self.clone(), pid }
    }

    pub(crate) fn all(&self) -> Vec<Listed> {
        self.0.lock().values().cloned().collect()
    }
}

impl Listing {
    /// The process has said hello, and runs its initializer.
    pub(crate) fn connected(&self, claims: &Arc<Claims>) {
        if let Some(listed) = self.roster.0.lock().get_mut(&self.pid) {
            (listed.phase, listed.since) = (ProcessPhase::Initializing, Instant::now());
            listed.claims = Arc::downgrade(claims);
        }
    }

    /// The process is ready for jobs.
    pub(crate) fn ready(&self) {
        if let Some(listed) = self.roster.0.lock().get_mut(&self.pid) {
            (listed.phase, listed.since) = (ProcessPhase::Ready, Instant::now());
        }
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        let gone = self.roster.0.lock().remove(&self.pid);
        drop(gone);
    }
}

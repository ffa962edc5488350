//! The hosts that serve the namespace, as far as they have told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::dump::{WorkerDump, WorkerState};
use parking_lot::Mutex;

use crate::protocol::message::Presence;

/// A host that serves the namespace, as it reported itself last. Returned by [`NatsHandle::hosts`](crate::NatsHandle::hosts).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostInfo {
    /// A random token, different for each host and each of its starts.
    pub id: String,
    /// The name of the machine, and the id of the process: `machine:1234`.
    pub label: String,
    /// The fingerprint of the host's program.
    pub build: String,
    /// Whether the host runs the same build of the program as this one. Only such a host runs jobs of this program.
    pub is_ours: bool,
    /// How many jobs it runs at once.
    pub workers: usize,
    /// The jobs that it runs, of all submitters.
    pub running: usize,
    /// The jobs that it has done since its start, of all submitters.
    pub done: u64,
    /// When this program heard of the host for the first time.
    pub since: Instant,
    /// When the host reported last. A host reports three times in each [`lease`](crate::Namespace::lease), and counts as gone after two
    /// leases of silence.
    pub seen: Instant,
}

/// The hosts of all builds.
pub(crate) struct Hosts {
    /// The build of this program.
    build: String,
    known: Mutex<BTreeMap<String, HostInfo>>,
}

impl Hosts {
    pub(crate) fn new(build: String) -> Self {
        Self { build, known: Mutex::default() }
    }

    pub(crate) fn build(&self) -> &str {
        &self.build
    }

    /// Returns whether there are more or fewer workers of this build than before.
    pub(crate) fn saw(&self, build: &str, presence: Presence) -> bool {
        let mut known = self.known.lock();
        let before = known.get(&presence.host).map_or(0, |host| host.workers);
        if presence.is_leaving {
            known.remove(&presence.host);
            return build == self.build && before > 0;
        }
        let now = Instant::now();
        let since = known.get(&presence.host).map_or(now, |host| host.since);
        let Presence { host, label, workers, running, done, .. } = presence;
        let is_ours = build == self.build;
        let info = HostInfo {
            id: host.clone(),
            label,
            build: build.to_owned(),
            is_ours,
            workers,
            running,
            done,
            since,
            seen: now,
        };
        known.insert(host, info);
        is_ours && before != workers
    }

    /// Forgets hosts that have not reported for this long. Returns whether there was one.
    pub(crate) fn forget_silent(&self, limit: Duration) -> bool {
        let mut known = self.known.lock();
        let before = known.len();
        known.retain(|_, host| host.seen.elapsed() < limit);
        known.len() < before
    }

    /// Whether the host has reported within this time.
    pub(crate) fn is_heard(&self, host: &str, limit: Duration) -> bool {
        self.known.lock().get(host).is_some_and(|host| host.seen.elapsed() < limit)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.lock().is_empty()
    }

    pub(crate) fn all(&self) -> Vec<HostInfo> {
        self.known.lock().values().cloned().collect()
    }

    /// The workers of this build.
    pub(crate) fn workers(&self) -> usize {
        self.known.lock().values().filter(|host| host.is_ours).fold(0, |sum, host| host.workers.saturating_add(sum))
    }

    /// The hosts of this build, as workers of a report.
    pub(crate) fn dump(&self) -> Vec<WorkerDump> {
        let worker = |host: &HostInfo| {
            let state = if host.running > 0 { WorkerState::Running } else { WorkerState::Idle };
            let name = format!("{} ({} of {} workers busy)", host.label, host.running, host.workers);
            WorkerDump::new(Arc::from(name), state)
        };
        self.known.lock().values().filter(|host| host.is_ours).map(worker).collect()
    }
}

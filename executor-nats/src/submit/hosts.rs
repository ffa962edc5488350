//! The hosts that serve the namespace, as far as they have told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::protocol::message::Presence;

/// The hosts of this build, and how many there are of others.
#[derive(Default)]
pub(crate) struct Hosts(Mutex<BTreeMap<String, Known>>);

pub(crate) struct Known {
    pub(crate) build: String,
    pub(crate) presence: Presence,
    pub(crate) seen: Instant,
}

impl Hosts {
    pub(crate) fn saw(&self, build: &str, presence: Presence) {
        let mut hosts = self.0.lock();
        if presence.is_leaving {
            hosts.remove(&presence.host);
            return;
        }
        let known = Known { build: build.to_owned(), presence, seen: Instant::now() };
        hosts.insert(known.presence.host.clone(), known);
    }

    /// Forgets hosts that were silent for so long.
    pub(crate) fn forget_silent(&self, limit: Duration) {
        self.0.lock().retain(|_, known| known.seen.elapsed() < limit);
    }

    pub(crate) fn workers(&self) -> usize {
        self.0.lock().values().map(|known| known.presence.workers).sum()
    }
}

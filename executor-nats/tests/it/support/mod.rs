//! Tools of the tests: real servers, alone or as a cluster, and what goes wrong between them and their clients.

pub(crate) mod barrier;
pub(crate) mod cluster;
pub(crate) mod hosts;
pub(crate) mod keys;
pub(crate) mod monitor;
pub(crate) mod namespaces;
pub(crate) mod programs;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod served;
pub(crate) mod servers;
pub(crate) mod spaces;

use std::thread;
use std::time::{Duration, Instant};

/// Longer than a cluster takes to elect a leader on a loaded machine. Only a test that hangs reaches it.
const PATIENCE: Duration = Duration::from_secs(90);

/// Blocks until `look` finds something, and returns it. For facts that only another program shows.
///
/// Panics if that takes longer than [`PATIENCE`].
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

//! Threads on which operations are done, so that one that waits holds nothing else up.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use parking_lot::Mutex;

/// How often a thread that sleeps has gone to sleep, or was pushed off its core. `None` while it does something.
///
/// A call that waits is known by that its thread sleeps, twice as soundly. It may sleep for a lock as well; but then another thread is about to wake it.
#[cfg(target_os = "linux")]
pub(super) fn switches_if_asleep(thread: &Path) -> Option<u64> {
    let status = fs::read_to_string(thread.join("status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if !field("State:")?.starts_with('S') {
        return None;
    }
    let number = |name: &str| field(name)?.parse::<u64>().ok();
    Some(number("voluntary_ctxt_switches:")? + number("nonvoluntary_ctxt_switches:")?)
}

/// Other systems do not tell, so the thread gets some milliseconds to fall asleep in.
#[cfg(not(target_os = "linux"))]
pub(super) fn switches_if_asleep(_: &Path) -> Option<u64> {
    thread::park_timeout(std::time::Duration::from_millis(5));
    Some(0)
}

/// Where the calling thread can be looked at.
pub(super) fn this_thread() -> PathBuf {
    fs::read_link("/proc/thread-self").map_or_else(|_| PathBuf::new(), |thread| Path::new("/proc").join(thread))
}

pub(super) type Deed = Box<dyn FnOnce() + Send>;

/// Threads that do what they are told, as many as are busy at a time.
#[derive(Default)]
pub(super) struct Actors {
    idle: Arc<Mutex<Vec<Sender<Deed>>>>,
}

impl Actors {
    /// Does it on a thread that has nothing else to do.
    pub(super) fn run(&self, deed: Deed) {
        let idle = self.idle.lock().pop();
        let Some(actor) = idle else { return self.start(deed) };
        if let Err(unsent) = actor.send(deed) {
            self.start(unsent.0);
        }
    }

    fn start(&self, first: Deed) {
        let idle = Arc::downgrade(&self.idle);
        let body = move || {
            first();
            loop {
                // The only sender is among the idle ones: when they are dropped, this thread ends.
                let (actor, deeds) = mpsc::channel::<Deed>();
                match idle.upgrade() {
                    Some(idle) => idle.lock().push(actor),
                    None => return,
                }
                let Ok(deed) = deeds.recv() else { return };
                deed();
            }
        };
        thread::Builder::new().name("model-actor".to_owned()).spawn(body).expect("a thread of the model");
    }
}

//! Threads on which operations are done, so that one that waits holds nothing else up.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use parking_lot::Mutex;

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

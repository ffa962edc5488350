//! A worker's time.

use std::rc::Rc;
use std::time::Duration;

use super::engine::Engine;

/// A worker's time for one job. Given back when this is dropped.
pub(super) struct Slot {
    engine: Rc<Engine>,
    estimate: Duration,
    /// Which claim of this host's it is for.
    pub(super) order: u64,
}

impl Slot {
    pub(super) fn new(engine: Rc<Engine>, estimate: Duration) -> Self {
        engine.claimed.set(engine.claimed.get() + 1);
        engine.load.set(engine.load.get().saturating_add(estimate));
        let order = engine.starts.get();
        engine.starts.set(order + 1);
        engine.claiming.borrow_mut().insert(order);
        Self { engine, estimate, order }
    }
}

impl Slot {
    /// Waits until the jobs that came before have a place on the local pool. A claim takes longer if its first answer is lost.
    pub(super) async fn is_next(&self) {
        while self.engine.claiming.borrow().first() != Some(&self.order) {
            self.engine.has_claimed.notified().await;
        }
    }

    /// The job has a place on the local pool, or never will.
    pub(super) fn claim_ended(&self) {
        let was_claiming = self.engine.claiming.borrow_mut().remove(&self.order);
        if was_claiming {
            self.engine.has_claimed.notify_waiters();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.claim_ended();
        let Self { engine, estimate, .. } = self;
        engine.claimed.set(engine.claimed.get() - 1);
        engine.load.set(engine.load.get().saturating_sub(*estimate));
        engine.stops.set(engine.stops.get() + 1);
        engine.start_held();
        engine.has_room.notify_one();
    }
}

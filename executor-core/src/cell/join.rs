//! A cell as its future sees it: waits, watchers, and the outcome.

use std::sync::Arc;
use std::time::Instant;

use super::stage::Take;
use super::{Cell, JoinState, Kind};
use crate::control::{Control, QueuedControl};
use crate::current;
use crate::current::activity;
use crate::error::JobError;
use crate::notify::Watch;
use crate::panics::drop_catching;
use crate::queue_id::QueueId;
use crate::registry::{self, InlineRun};

impl<P: 'static, O: 'static, T, K: Kind<P, O, T>> Cell<P, O, T, K> {
    /// Tells the queue of a job that runs elsewhere that this thread is about to block until the job has ended, or for a limited time, or
    /// that it will not block for the job at all.
    fn tell_of_wait(&self, is_limited: bool) {
        if K::RUN.is_some() || self.word.has_ended() {
            return;
        }
        let queue_id = self.inner.lock().stage.queue_id();
        if let Some(queue_id) = queue_id {
            registry::waits(queue_id, self.word.id(), is_limited);
        }
    }
}

impl<P, O, T, K> JoinState<T> for Cell<P, O, T, K>
where
    P: Send + 'static,
    O: Send + 'static,
    T: Send + 'static,
    K: Kind<P, O, T> + 'static,
{
    fn into_control(self: Arc<Self>) -> Arc<dyn Control> {
        self
    }

    #[inline]
    fn take(&self) -> Option<Result<T, JobError>> {
        let taken = self.inner.lock().stage.take();
        self.opened(taken)
    }

    fn settle(&self) -> Option<bool> {
        let taken = self.inner.lock().stage.take();
        let outcome = self.opened(taken)?.map_err(Box::new);
        let is_ok = outcome.is_ok();
        self.inner.lock().stage.put_back(outcome);
        Some(is_ok)
    }

    fn queue_id(&self) -> Option<QueueId> {
        QueuedControl::queue_id(self)
    }

    fn run_here(self: Arc<Self>, queue_id: QueueId) -> bool {
        if K::RUN.is_none() {
            return false;
        }
        let started = self.start(Some(queue_id));
        if started.is_none() {
            return false;
        }
        registry::removed_to_run(queue_id);
        let _inline = InlineRun::enter(Some(queue_id));
        let _outer = activity::waits_in_place();
        self.run_payload(started)
    }

    fn wait(&self, deadline: Option<Instant>) -> bool {
        self.tell_of_wait(deadline.is_some());
        if self.word.spin_until_ended() {
            return true;
        }
        let _blocked = current::block_in(self.as_waited_for(), deadline);
        let mut inner = self.inner.lock();
        if inner.stage.has_ended() {
            return true;
        }
        let sleepers = inner.extra().sleepers.get_or_insert_default().clone();
        while !inner.stage.has_ended() {
            inner = match deadline {
                None => sleepers.wait(inner),
                Some(deadline) if Instant::now() >= deadline => return false,
                Some(deadline) => sleepers.wait_until(inner, deadline),
            };
        }
        true
    }

    fn watch(&self, watch: Watch<T>) -> Result<(), Watch<T>> {
        let mut inner = self.inner.lock();
        if inner.stage.has_ended() {
            return Err(watch);
        }
        let before = inner.set_watch(watch);
        drop(inner);
        drop(before);
        self.tell_of_wait(true);
        Ok(())
    }

    fn is_watched_by(&self, waker: &std::task::Waker) -> bool {
        let inner = self.inner.lock();
        inner.extra.as_ref().is_some_and(|extra| matches!(&extra.watch, Watch::Task(known) if known.will_wake(waker)))
    }

    fn detach(&self) {
        self.tell_of_wait(true);
        let mut inner = self.inner.lock();
        let outcome = inner.stage.detach();
        let watch = inner.extra.as_mut().map(|extra| std::mem::replace(&mut extra.watch, Watch::NoWatcher));
        drop(inner);
        // As quietly as where the job ends later: which of the two it is, is chance.
        if !matches!(outcome, Take::Nothing) {
            drop_catching(outcome);
        }
        if watch.is_some() {
            drop_catching(watch);
        }
    }
}

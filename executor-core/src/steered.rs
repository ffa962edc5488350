//! Futures of jobs that are stopped elsewhere: by a server, or on another machine. For authors of executors.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::cell::{Cell, JoinState, Steer};
use crate::control::{Control, QueuedControl};
use crate::error::JobError;
use crate::future::Future;
use crate::notify::{Notify, Watch};
use crate::queue_id::QueueId;
use crate::status::{JobId, Status};

impl<T: Send + 'static> Future<T> {
    /// For authors of executors: the future of a job in `cell`, whose cancels, aborts and queries ask `steer` first.
    pub fn steered<P, O>(cell: Arc<Cell<P, O, T>>, steer: Arc<dyn Steer>) -> Self
    where
        P: Send + 'static,
        O: Send + 'static,
    {
        Self::of_state(Arc::new(Steered { job: cell, steer }))
    }
}

/// A job, with the one who decides about it.
struct Steered<T> {
    job: Arc<dyn JoinState<T>>,
    steer: Arc<dyn Steer>,
}

impl<T: Send + 'static> Control for Steered<T> {
    fn id(&self) -> JobId {
        self.job.id()
    }

    fn status(&self) -> Status {
        if self.job.status() == Status::Queued {
            self.steer.refresh();
        }
        self.job.status()
    }

    fn is_done(&self) -> bool {
        self.job.is_done()
    }

    fn cancel(&self) -> bool {
        if !self.job.is_done() {
            self.steer.cancel();
        }
        self.job.cancel()
    }

    fn abort(&self) -> bool {
        !self.job.is_done() && self.steer.abort() || self.job.abort()
    }

    fn fail(self: Arc<Self>, error: JobError) -> Option<Notify> {
        self.job.clone().fail(error)
    }

    fn stop_requested(&self) -> bool {
        self.job.stop_requested()
    }

    fn queued(self: Arc<Self>) -> Arc<dyn QueuedControl> {
        self.job.clone().queued()
    }
}

impl<T: Send + 'static> JoinState<T> for Steered<T> {
    fn into_control(self: Arc<Self>) -> Arc<dyn Control> {
        self
    }

    fn take(&self) -> Option<Result<T, JobError>> {
        self.job.take()
    }

    fn settle(&self) -> Option<bool> {
        self.job.settle()
    }

    fn queue_id(&self) -> Option<QueueId> {
        self.job.queue_id()
    }

    fn run_here(self: Arc<Self>, queue_id: QueueId) -> bool {
        self.job.clone().run_here(queue_id)
    }

    fn wait(&self, deadline: Option<Instant>) -> bool {
        self.job.wait(deadline)
    }

    fn watch(&self, watch: Watch<T>) -> Result<(), Watch<T>> {
        self.job.watch(watch)
    }

    fn is_watched_by(&self, waker: &Waker) -> bool {
        self.job.is_watched_by(waker)
    }

    fn detach(&self) {
        self.job.detach();
    }
}

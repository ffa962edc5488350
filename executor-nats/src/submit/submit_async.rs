//! Submissions by async code, which waits for room without a thread.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use executor_core::panics::drop_catching;
use executor_core::{Future, PortableJob, Rejected, Rejection};

use super::engine::Stored;
use super::submission::{Accepted, Submitter, Way, open};

/// A submission that waits for room in a bounded namespace; made by [`submit_async`](crate::NatsHandle::submit_async).
///
/// Awaiting it yields the [`Future`] of the job `J`, whose result is a `T`. The job is submitted when this is polled. If this is dropped
/// while it waits, the job is cancelled.
#[must_use = "the job is submitted when this is polled"]
// A parameter of its own, for `J::Output` among the fields would keep the compiler from seeing that tasks with this in them are `Send`.
pub struct SubmitRemote<J, T: Send + 'static>(State<J, T>);

enum State<J, T: Send + 'static> {
    New(Box<Submitter>, J, &'static Location<'static>),
    /// The job is on its way to the server.
    Waits(Box<Waits<T>>, J),
    Told,
}

struct Waits<T> {
    submitter: Submitter,
    number: u64,
    stored: Future<Stored>,
    future: Future<T>,
}

impl<J, T: Send + 'static> SubmitRemote<J, T> {
    pub(crate) fn new(submitter: Submitter, job: J, place: &'static Location<'static>) -> Self {
        Self(State::New(Box::new(submitter), job, place))
    }
}

/// The job is never pinned.
impl<J, T: Send + 'static> Unpin for SubmitRemote<J, T> {}

impl<J: PortableJob<Output = T>, T: Send + 'static> std::future::Future for SubmitRemote<J, T> {
    /// The job's future; or the job, if the executor was shut down before there was room.
    type Output = Result<Future<T>, Rejected<J>>;

    /// # Panics
    ///
    /// If it is polled again after it returned `Ready`.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::New(..) = self.0 {
            let State::New(submitter, job, place) = std::mem::replace(&mut self.0, State::Told) else { unreachable!() };
            match submitter.submit_at(place, Way::Async, &job, open::<J>) {
                Ok(Accepted { future, number: Some(number), stored: Some(stored) }) => {
                    self.0 = State::Waits(Box::new(Waits { submitter: *submitter, number, stored, future }), job);
                }
                Ok(Accepted { future, .. }) => {
                    drop_catching(job);
                    return Poll::Ready(Ok(future));
                }
                Err(reason) => return Poll::Ready(Err(rejected(&submitter, job, reason))),
            }
        }
        let State::Waits(waits, _) = &mut self.0 else { panic!("a submission is not polled again after its end") };
        let Poll::Ready(stored) = Pin::new(&mut waits.stored).poll(context) else { return Poll::Pending };
        let State::Waits(waits, job) = std::mem::replace(&mut self.0, State::Told) else { unreachable!() };
        Poll::Ready(if let Ok(Stored::Full) = stored {
            Err(rejected(&waits.submitter, job, Rejection::Full))
        } else {
            drop_catching(job);
            Ok(waits.future)
        })
    }
}

fn rejected<J: PortableJob>(submitter: &Submitter, job: J, reason: Rejection) -> Rejected<J> {
    let refused = submitter.refused(reason, &job);
    Rejected::with_error(job, refused)
}

impl<J, T: Send + 'static> Drop for SubmitRemote<J, T> {
    fn drop(&mut self) {
        if let State::Waits(waits, _) = &self.0 {
            waits.submitter.give_up(waits.number);
        }
    }
}

impl<J, T: Send + 'static> fmt::Debug for SubmitRemote<J, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_submitted = !matches!(self.0, State::New(..));
        f.debug_struct("SubmitRemote").field("is_submitted", &is_submitted).finish_non_exhaustive()
    }
}

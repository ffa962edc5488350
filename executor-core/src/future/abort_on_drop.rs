//! A future that aborts its job when it is dropped.

use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Future;
use crate::error::JobError;

/// A future that [aborts](Future::abort) its job when it is dropped. Returned by [`Future::abort_on_drop`].
///
/// It derefs to [`Future`], for every method that takes `&self`.
#[must_use = "the job is aborted when this is dropped"]
#[derive(Debug)]
pub struct AbortOnDrop<T> {
    /// `None` once the outcome was taken.
    future: Option<Future<T>>,
}

impl<T> AbortOnDrop<T> {
    pub(crate) fn new(future: Future<T>) -> Self {
        Self { future: Some(future) }
    }

    /// Waits for the job, and returns its result. Blocks, like [`Future::result`].
    ///
    /// # Errors
    ///
    /// [`JobError`] if the job has no result.
    pub fn result(self) -> Result<T, JobError> {
        self.into_inner().result()
    }

    /// Returns the plain future: dropping that no longer aborts the job.
    ///
    /// # Panics
    ///
    /// If it has been polled to completion.
    pub fn into_inner(mut self) -> Future<T> {
        self.future.take().expect("the future is here until its outcome was taken")
    }
}

impl<T> Deref for AbortOnDrop<T> {
    type Target = Future<T>;

    fn deref(&self) -> &Future<T> {
        self.future.as_ref().expect("the future is here until its outcome was taken")
    }
}

impl<T> std::future::Future for AbortOnDrop<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.future.as_mut().expect("the future was polled to completion: its outcome is taken");
        let polled = Pin::new(future).poll(context);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        if let Some(future) = &self.future {
            future.abort();
        }
    }
}

//! A future that is completed by hand, for authors of executors and for bridges to other code.

use std::fmt;
use std::sync::Arc;

use crate::cell::{Abort, Cell, Control, Task};
use crate::error::{Broken, JobError};
use crate::future::Future;
use crate::panics::{catch, drop_catching};
use crate::status::JobId;
use crate::sync::Mutex;

/// Completes a [`Future`] by hand: for a result that comes from a callback, a device or another executor. Returned by [`promise()`].
///
/// If it is dropped without a result, the future ends as [`JobError::Broken`], so that no thread waits for ever.
pub struct Promise<T: Send + 'static> {
    cell: Arc<Cell<OnCancel, T, T>>,
    hook: Arc<Hook>,
}

/// Returns a promise and the future that it completes.
///
/// ```
/// use executor::promise;
///
/// let (promise, future) = promise();
/// assert!(promise.complete("done"));
/// assert_eq!(future.result()?, "done");
/// # Ok::<(), executor::JobError>(())
/// ```
pub fn promise<T: Send + 'static>() -> (Promise<T>, Future<T>) {
    let hook = Arc::new(Hook(Mutex::new(None)));
    let cell = Arc::new(Cell::queued(OnCancel(Some(hook.clone())), Ok));
    (Promise { cell: cell.clone(), hook }, Future::of(cell))
}

impl<T: Send + 'static> Promise<T> {
    /// Completes the future with a result. Returns false, and drops `value`, if the future has been cancelled.
    pub fn complete(self, value: T) -> bool {
        self.finish(Ok(value))
    }

    /// Completes the future with an error. Returns false if the future has been cancelled.
    pub fn fail(self, error: JobError) -> bool {
        self.finish(Err(error))
    }

    fn finish(&self, outcome: Result<T, JobError>) -> bool {
        self.start();
        let Some(signal) = self.cell.end(outcome) else { return false };
        self.cell.tell(signal);
        true
    }

    /// Marks the job as running. From now on, `cancel` has no effect and returns false, but `abort` still calls the hook of
    /// [`on_cancel`](Promise::on_cancel). Returns false if the job was cancelled, or was running already.
    pub fn start(&self) -> bool {
        let Some(mut payload) = self.cell.claim(Some(self.hook.clone())) else { return false };
        payload.0 = None;
        true
    }

    /// Sets a function that is called when the job is cancelled, or is aborted after [`start`](Promise::start). Call this before `start`.
    /// A later function replaces an earlier one.
    ///
    /// Returns false, and drops `f`, if the job has started or ended.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use executor::promise;
    ///
    /// let (promise, future) = promise::<u32>();
    /// let (cancel, cancelled) = mpsc::channel();
    /// assert!(promise.on_cancel(move || cancel.send("stop the request").unwrap_or_default()));
    /// future.cancel();
    /// assert_eq!(cancelled.recv()?, "stop the request");
    /// assert!(!promise.complete(7));
    /// # Ok::<(), mpsc::RecvError>(())
    /// ```
    pub fn on_cancel(&self, f: impl FnOnce() + Send + 'static) -> bool {
        let f: Box<dyn FnOnce() + Send> = Box::new(f);
        // Under the cell's lock, so that a cancel either finds the hook or makes this false.
        let before = self.cell.with_payload(|_| self.hook.0.lock().replace(f));
        before.is_some()
    }

    /// Returns whether the future was cancelled or aborted, before or after [`start`](Promise::start).
    pub fn stop_requested(&self) -> bool {
        self.cell.stop_requested()
    }

    /// Returns the id of the future's job.
    pub fn id(&self) -> JobId {
        self.cell.id()
    }
}

impl<T: Send + 'static> Drop for Promise<T> {
    fn drop(&mut self) {
        if !self.cell.status().is_done() {
            self.finish(Err(JobError::Broken(Broken::new(
                "its promise was dropped without a result; call `complete` or `fail` on every promise",
            ))));
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("id", &self.id()).field("status", &self.cell.status()).finish_non_exhaustive()
    }
}

/// The code that a cancel runs.
struct Hook(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Hook {
    fn run(&self) {
        let hook = self.0.lock().take();
        if let Some(hook) = hook {
            drop_catching(catch(hook));
        }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        drop_catching(self.0.get_mut().take());
    }
}

impl Abort for Hook {
    fn abort(&self, _: JobId) -> bool {
        self.run();
        true
    }
}

/// The payload of a promise's cell. A cancelled payload is dropped, which runs the hook; a started one lets go of it.
struct OnCancel(Option<Arc<Hook>>);

impl Drop for OnCancel {
    fn drop(&mut self) {
        if let Some(hook) = self.0.take() {
            hook.run();
        }
    }
}

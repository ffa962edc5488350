//! A thread with an async runtime, hidden behind blocking calls.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::error::ConnectError;

/// Runs `main` on a thread of its own, and waits until that says how its start went.
pub(crate) fn start<T, F>(
    name: &str,
    main: impl FnOnce(Started<T>) -> F + Send + 'static,
) -> Result<(T, thread::JoinHandle<()>), ConnectError>
where
    T: Send + 'static,
    F: Future<Output = ()> + 'static,
{
    let (sender, started) = oneshot::channel();
    let thread = thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let started = Started(sender);
            match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    let tasks = LocalSet::new();
                    tasks.block_on(&runtime, main(started));
                    // Tasks that are left may start others as they are dropped.
                    let _inside = runtime.enter();
                    drop(tasks);
                }
                Err(error) => started.tell(Err(ConnectError::system(error))),
            }
        })
        .map_err(ConnectError::system)?;
    match started.recv() {
        Ok(Ok(value)) => Ok((value, thread)),
        Ok(Err(error)) => Err(error),
        Err(_) => {
            let ended = io::Error::other("the connection's thread has panicked");
            Err(ConnectError::System(Arc::new(ended)))
        }
    }
}

/// Tells the thread that waits how the start went.
pub(crate) struct Started<T>(oneshot::Sender<Result<T, ConnectError>>);

impl<T> Started<T> {
    pub(crate) fn tell(self, outcome: Result<T, ConnectError>) {
        // An error means that the thread that waited is gone: nothing is owed to it.
        drop(self.0.send(outcome));
    }
}

//! Processes and threads share the objects of a manager, and may die at any time.

mod deaths;
mod ends;
mod kinds;

use executor::{Future, Manager, RemoteError};

type Outcome<T = ()> = Result<T, RemoteError>;

/// Made behind a pool, so that it goes before: jobs that wait for something of it are let go, also where a test fails.
fn manager() -> Manager {
    Manager::new().expect("there are descriptors")
}

fn ends<T: Send + 'static>(jobs: impl IntoIterator<Item = Future<Outcome<T>>>) -> Vec<T> {
    jobs.into_iter().map(|job| job.flatten().result().expect("it works")).collect()
}

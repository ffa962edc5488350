//! The least that a pool can be, written here.

use std::thread::{self, JoinHandle};

use crossbeam_channel::Sender;

use super::{Contender, Job};

type Boxed = Box<dyn FnOnce() + Send>;

/// One crossbeam channel of boxed closures, threads that take from it, and a oneshot for each result. It knows no
/// cancelling, no panics and no growing: what ours does beyond that has to fit into the ratio.
pub(crate) struct Bare {
    jobs: Option<Sender<Boxed>>,
    threads: Vec<JoinHandle<()>>,
}

impl Contender for Bare {
    const NAME: &'static str = "bare channel";

    type Future<T: Send + 'static> = oneshot::Receiver<T>;

    fn new(threads: usize) -> Self {
        let (jobs, queue) = crossbeam_channel::unbounded::<Boxed>();
        let work = || {
            let queue = queue.clone();
            thread::spawn(move || queue.iter().for_each(|job| job()))
        };
        Self { jobs: Some(jobs), threads: std::iter::repeat_with(work).take(threads).collect() }
    }

    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T> {
        let (result, future) = oneshot::channel();
        let jobs = self.jobs.as_ref().expect("taken by drop only");
        jobs.send(Box::new(move || drop(result.send(job())))).expect("the threads live as long as the pool");
        future
    }

    fn result<T: Send + 'static>(future: Self::Future<T>) -> T {
        future.recv().expect("no job of a benchmark fails")
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // Without a sender the threads' loops end.
        self.jobs = None;
        for thread in self.threads.drain(..) {
            thread.join().expect("no job of a benchmark fails");
        }
    }
}

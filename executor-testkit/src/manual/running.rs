//! Runs the next job, ends it, or lets the next event happen.

use std::time::Instant;

use executor_core::cell::{Notify, QueuedControl};
use executor_core::current::{self, Worker};
use executor_core::job_counters::WorkerCounters;
use executor_core::{JobError, drive};

use super::clock::Event;
use super::inside::Inside;
use super::lanes::Job;
use super::shared::Shared;
use super::state::State;

impl Shared {
    /// Takes the next job, or number `n` of those that wait, and runs it. False if there is none.
    pub(super) fn run_one(&self, n: Option<usize>) -> bool {
        loop {
            let mut tombstones = Vec::new();
            let job = self.take(n, &mut tombstones);
            drop(tombstones);
            let Some(job) = job else { return false };
            // A job that was cancelled since then was ended by the canceller.
            if self.run(job) {
                return true;
            }
        }
    }

    fn take(&self, n: Option<usize>, tombstones: &mut Vec<Job>) -> Option<Job> {
        let mut state = self.lock();
        let job = match n {
            None => state.lanes.take(self.taken(), tombstones),
            Some(n) => state.lanes.take_nth(n, self.taken(), tombstones),
        }?;
        state.running += 1;
        drop(state);
        // For threads that wait for a slot.
        self.notify();
        Some(job)
    }

    /// Takes the next job, and ends it with `error` instead of running it. False if there is none.
    pub(super) fn fail_one(&self, error: JobError) -> bool {
        let mut tombstones = Vec::new();
        let job = self.take(None, &mut tombstones);
        drop(tombstones);
        let Some(job) = job else { return false };
        let _running = Running::enter(self, |state| &mut state.running);
        drop(job.fail(error));
        self.lock().taken -= 1;
        true
    }

    /// Runs the job that is waited for, if it is queued.
    pub(super) fn help(&self, wait: &drive::Wait<'_>) -> bool {
        self.lock().helping += 1;
        let _running = Running::enter(self, |state| &mut state.helping);
        let _as_worker = self.as_worker();
        wait.run_here(self.queue())
    }

    /// Runs a job that is counted as running. False if it had ended before.
    pub(super) fn run(&self, job: Job) -> bool {
        let _running = Running::enter(self, |state| &mut state.running);
        let _as_worker = self.as_worker();
        // Not if it is the submitter's, which was in no queue.
        let is_taken = QueuedControl::queue_id(&*job) == Some(self.taken());
        let did_run = job.run();
        if is_taken && !did_run {
            self.lock().taken -= 1;
        }
        did_run
    }

    /// This thread is its worker, and counts for it, until these are dropped.
    fn as_worker(&self) -> (AsWorker, WorkerCounters) {
        let counters = self.shared_counters();
        (AsWorker::enter(self), counters)
    }

    /// Lets the time go to the next event, if that is due until `until`, and the event happen. If there is none, returns false, and it
    /// is `until`.
    pub(super) fn step(&self, until: Instant) -> bool {
        let mut cancelled = Vec::new();
        let mut state = self.lock();
        let mut event = state.clock.next(until, &mut cancelled);
        // Under the lock: a cancel, and a look whether anything is left, find the job in one of both queues.
        if let Some(Event::Queue(waiting)) = event {
            event = state.queue_due(waiting, self.queue());
            drop(state);
            self.notify();
            drop((cancelled, event));
            return true;
        }
        drop(state);
        drop(cancelled);
        let Some(event) = event else { return false };
        self.fire(event);
        true
    }

    fn fire(&self, event: Event) {
        match event {
            Event::Queue(_) => unreachable!("it was queued under the lock"),
            Event::EndWait(control, error) => self.call_back(control.withdraw(error)),
            Event::EndRun(control, error) => {
                // The outcome first: a job that stops as soon as it is asked to is late all the same.
                let notify = control.clone().fail(error);
                control.abort();
                self.call_back(notify);
            }
            Event::Stop => self.stop(),
        }
    }

    /// Runs callbacks, as those of this executor.
    pub(super) fn call_back(&self, notify: Option<Notify>) {
        let _inside = Inside::callback(self.address());
        drop(notify);
    }
}

/// A job runs until this is dropped, where it is counted.
struct Running<'a> {
    shared: &'a Shared,
    count: fn(&mut State) -> &mut usize,
    _inside: Inside,
}

impl<'a> Running<'a> {
    fn enter(shared: &'a Shared, count: fn(&mut State) -> &mut usize) -> Self {
        Self { shared, count, _inside: Inside::job(shared.address()) }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *(self.count)(&mut self.shared.lock()) -= 1;
        self.shared.notify();
    }
}

/// This thread is a worker of the executor until this is dropped; then it is again what it was.
struct AsWorker(Option<Worker>);

impl AsWorker {
    fn enter(shared: &Shared) -> Self {
        let worker = Worker { name: Some(shared.name.clone()), state: None, host: Some(shared.arc()) };
        Self(current::replace_worker(Some(worker)))
    }
}

impl Drop for AsWorker {
    fn drop(&mut self) {
        drop(current::replace_worker(self.0.take()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    use crate::manual::ManualExecutor;

    /// Tells when it is dropped, and waits until it may go on: then the cancel of its job has ended that, and its queue does not know.
    struct Captured(Sender<()>, Receiver<()>);

    impl Drop for Captured {
        fn drop(&mut self) {
            let _ = self.0.send(());
            let _ = self.1.recv();
        }
    }

    #[test]
    fn taken_job_counts_until_its_cancel_is_reported() {
        let executor = ManualExecutor::new();
        let ((tell, withdrawn), (let_go, gate)) = (channel(), channel());
        let captured = Captured(tell, gate);
        let future = executor.submit(move || drop(captured));
        let shared = &executor.handle().shared;
        let job = shared.take(None, &mut Vec::new()).expect("it waits");
        thread::scope(|scope| {
            let cancel = scope.spawn(|| future.cancel());
            withdrawn.recv().unwrap();
            let (did_run, was_idle) = (shared.run(job), shared.lock().is_idle());
            let_go.send(()).unwrap();
            assert!(cancel.join().unwrap() && !did_run && !was_idle, "{did_run}, {was_idle}");
        });
        assert!(shared.lock().is_idle());
    }
}

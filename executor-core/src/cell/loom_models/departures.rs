//! The reports of a dispatched job to its queue, in every order of its start, its cancel, its recall and a wait for the end of all jobs.

use std::sync::{Arc, Weak};

use loom::sync::{Condvar, Mutex};
use loom::{model, thread};

use super::super::{Cell, Control, QueuedControl, Task};
use super::dispatched::{DONE, SENT, STARTED, Word};
use super::{Count, Dropped, JobCell};
use crate::future::Future;
use crate::queue_id::{JobDeparture, QueueId};
use crate::registry::QueueRegistration;

/// As a scheduler counts.
#[derive(Default)]
struct Counts {
    /// Jobs that a worker has in its hand.
    in_hand: usize,
    /// Entries in the queue.
    entries: isize,
    /// Those of jobs that left without it, less those that were found out.
    tombstones: isize,
    /// Ends that are on their way.
    ending: isize,
    /// Calls of [`JobDeparture::on_removed`] and [`JobDeparture::on_revoked`].
    left: usize,
    revoked: usize,
}

impl Counts {
    fn is_over(&self) -> bool {
        self.in_hand == 0 && self.entries == self.tombstones && self.ending == 0
    }
}

#[derive(Default)]
struct Queue {
    counts: Mutex<Counts>,
    over: Condvar,
}

impl Queue {
    /// Where a worker has one job in its hand.
    fn new() -> (Arc<Self>, QueueRegistration) {
        let queue = Arc::<Self>::default();
        queue.change(|counts| counts.in_hand = 1);
        let weak: Weak<dyn JobDeparture> = Arc::<Self>::downgrade(&queue);
        (queue, QueueRegistration::new(weak))
    }

    fn change<R>(&self, change: impl FnOnce(&mut Counts) -> R) -> R {
        let mut counts = self.counts.lock().unwrap();
        let result = change(&mut counts);
        assert!(counts.ending >= 0, "an end that nobody told to be on its way");
        if counts.is_over() {
            self.over.notify_all();
        }
        result
    }

    fn wait(&self) {
        let mut counts = self.counts.lock().unwrap();
        while !counts.is_over() {
            counts = self.over.wait(counts).unwrap();
        }
    }
}

impl JobDeparture for Queue {
    fn on_removed(&self, _: QueueId, ends: bool) {
        assert!(ends, "nobody runs it in place");
        self.change(|counts| {
            (counts.tombstones, counts.ending, counts.left) = (counts.tombstones + 1, counts.ending + 1, 1)
        });
    }

    fn on_revoked(&self, _: QueueId) {
        self.change(|counts| (counts.ending, counts.revoked) = (counts.ending + 1, counts.revoked + 1));
    }

    fn on_finished(&self, _: QueueId) {
        self.change(|counts| counts.ending -= 1);
    }
}

fn dispatched_at(registration: &QueueRegistration) -> (JobCell<u32>, Future<u32>, Arc<Word>, Dropped) {
    let cell = Arc::new(Cell::queued(Dropped(Count::zero()), Ok).at(registration.id()));
    let future = Future::of(cell.clone());
    let word = Arc::new(Word::sent());
    let payload = cell.dispatch(word.clone()).unwrap();
    (cell, future, word, payload)
}

/// Runs the job, or waits until the thread that cancelled it has reported that.
fn serve(cell: &JobCell<u32>, word: &Word) -> bool {
    let starts = word.change(SENT, STARTED);
    if starts {
        assert!(word.change(STARTED, DONE));
        cell.clone().finish(Ok(7)).fire();
    } else {
        assert!(cell.cancel());
    }
    starts
}

#[test]
fn a_queue_is_told_of_a_cancel_that_wins_and_of_no_other() {
    model(|| {
        let (queue, registration) = Queue::new();
        let (cell, future, word, _payload) = dispatched_at(&registration);
        let worker = thread::spawn(move || serve(&cell, &word));
        let cancelled = future.cancel();
        let revoked = queue.change(|counts| {
            assert_eq!((counts.ending, counts.left), (0, 0), "a true means that all of it is over");
            counts.revoked
        });
        assert_eq!(revoked, usize::from(cancelled));
        assert_ne!(worker.join().unwrap(), cancelled);
    });
}

#[test]
fn idle_wait_sees_dispatched_jobs_outcome() {
    model(|| {
        let (queue, registration) = Queue::new();
        let (cell, future, word, _payload) = dispatched_at(&registration);
        let (canceller, hand) = (future.canceller(), queue.clone());
        let worker = thread::spawn(move || {
            serve(&cell, &word);
            hand.change(|counts| counts.in_hand = 0);
        });
        let other = thread::spawn(move || canceller.cancel());
        queue.wait();
        assert!(future.is_done());
        worker.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn a_job_that_comes_back_is_counted_where_it_is() {
    model(|| {
        let (queue, registration) = Queue::new();
        let (cell, future, _, payload) = dispatched_at(&registration);
        let (queue_id, hand) = (registration.id(), queue.clone());
        let worker = thread::spawn(move || {
            let is_back = cell.take_back(payload).is_ok();
            if !is_back {
                assert!(cell.cancel());
            }
            hand.change(|counts| {
                counts.in_hand = 0;
                if is_back && cell.move_to(queue_id) {
                    counts.entries += 1;
                } else if is_back {
                    // It was cancelled, or is about to be, and has no entry in the queue.
                    counts.tombstones -= 1;
                }
            });
            is_back
        });
        assert!(future.cancel());
        let is_back = worker.join().unwrap();
        queue.change(|counts| {
            assert!(counts.is_over());
            assert_eq!((counts.left, counts.revoked), (usize::from(is_back), usize::from(!is_back)));
        });
    });
}

//! [`JobSet`] against a simple model, step by step, and the iterators over it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use executor_core::{Canceller, Future, JobError, JobSet, Promise, as_completed, promise, try_join_all};
use proptest::prelude::*;

use crate::support::{Count, Fate, end, is_outcome, within_patience};

pub(crate) fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![3 => Just(Fate::Ok), 1 => Just(Fate::Error), 1 => Just(Fate::Cancel)]
}

/// Fates of jobs, by the order in which they end: each with its index.
pub(crate) fn ends(max: usize) -> impl Strategy<Value = Vec<(usize, Fate)>> {
    prop::collection::vec(fates(), 0..=max)
        .prop_map(|fates| fates.into_iter().enumerate().collect::<Vec<_>>())
        .prop_shuffle()
}

/// Jobs that are promised.
pub(crate) struct Promised {
    promises: Vec<Option<(Promise<usize>, Canceller)>>,
}

impl Promised {
    pub(crate) fn new(n: usize) -> (Self, Vec<Future<usize>>) {
        let pairs = (0..n).map(|_| promise());
        let (promises, futures) = pairs.map(|(promise, future)| (Some((promise, future.canceller())), future)).unzip();
        (Self { promises }, futures)
    }

    /// Ends each of `ends`, in this order.
    pub(crate) fn end(&mut self, ends: &[(usize, Fate)]) {
        for &(n, fate) in ends {
            let (promise, canceller) = self.promises[n].take().expect("a job ends once");
            end(promise, n, fate, || canceller.cancel());
        }
    }

    /// Whether each job that did not end was cancelled.
    fn rest_is_cancelled(self) -> bool {
        self.promises.into_iter().flatten().all(|(promise, _)| !promise.complete(0))
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Insert,
    /// Inserts a job that has ended.
    InsertEnded(Fate),
    /// Ends one of those that have not.
    End(usize, Fate),
    CancelAll,
    Next,
    Poll,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Insert),
        1 => fates().prop_map(Step::InsertEnded),
        4 => (any::<usize>(), fates()).prop_map(|(pick, fate)| Step::End(pick, fate)),
        1 => Just(Step::CancelAll),
        4 => Just(Step::Next),
        4 => Just(Step::Poll),
    ]
}

/// A set, and what it should be like.
#[derive(Default)]
struct Both {
    set: JobSet<usize>,
    pending: BTreeMap<usize, (Promise<usize>, Canceller)>,
    ready: VecDeque<(usize, Fate)>,
    inserted: usize,
    /// Wakes of the polling task, and how many there should be.
    woken: Count,
    wakes: usize,
    is_polled: bool,
}

impl Both {
    fn insert(&mut self, fate: Option<Fate>) {
        let (promise, future) = promise();
        let canceller = future.canceller();
        let n = self.inserted;
        self.inserted += 1;
        match fate {
            None => drop(self.pending.insert(n, (promise, canceller))),
            Some(fate) => {
                end(promise, n, fate, || canceller.cancel());
                self.becomes_ready(n, fate);
            }
        }
        assert_eq!(self.set.insert(future), n);
    }

    fn becomes_ready(&mut self, n: usize, fate: Fate) {
        self.ready.push_back((n, fate));
        self.wakes += usize::from(std::mem::take(&mut self.is_polled));
    }

    fn end(&mut self, n: usize, fate: Fate) {
        let (promise, canceller) = self.pending.remove(&n).unwrap();
        end(promise, n, fate, || canceller.cancel());
        self.becomes_ready(n, fate);
    }

    fn cancel_all(&mut self) {
        self.set.cancel_all();
        // They end in no order that is promised; here, each takes its turn as it comes.
        let mut cancelled: Vec<_> = std::mem::take(&mut self.pending).into_keys().collect();
        while let Some((n, outcome)) = self.set.next_timeout(Duration::ZERO) {
            let fate = if let Some((ready, fate)) = self.ready.pop_front() {
                assert_eq!(ready, n);
                fate
            } else {
                cancelled.retain(|key| *key != n);
                self.wakes += usize::from(std::mem::take(&mut self.is_polled));
                Fate::Cancel
            };
            assert!(is_outcome(&outcome, n, fate), "{n}: {outcome:?}");
        }
        assert!(cancelled.is_empty(), "{cancelled:?} were not cancelled");
    }

    fn gives(&mut self, given: Option<(usize, Result<usize, JobError>)>) {
        match (given, self.ready.pop_front()) {
            (None, None) => {}
            (Some((n, outcome)), Some((ready, fate))) => {
                assert_eq!(n, ready);
                assert!(is_outcome(&outcome, n, fate), "{n}: {outcome:?}");
            }
            (given, ready) => panic!("{given:?} instead of {ready:?}"),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Insert => self.insert(None),
            Step::InsertEnded(fate) => self.insert(Some(fate)),
            Step::End(pick, fate) => {
                let n = self.pending.keys().copied().nth(pick % self.pending.len().max(1));
                if let Some(n) = n {
                    self.end(n, fate);
                }
            }
            Step::CancelAll => self.cancel_all(),
            Step::Next => {
                let given = self.set.next_timeout(Duration::ZERO);
                self.gives(given);
            }
            Step::Poll => {
                let waker = Waker::from(Arc::new(self.woken.clone()));
                match self.set.poll_next(&mut Context::from_waker(&waker)) {
                    Poll::Pending => {
                        assert!(self.ready.is_empty() && !self.pending.is_empty());
                        self.is_polled = true;
                    }
                    Poll::Ready(given) => self.gives(given),
                }
            }
        }
        assert_eq!(self.set.len(), self.pending.len() + self.ready.len());
        assert_eq!(self.set.is_empty(), self.pending.is_empty() && self.ready.is_empty());
        assert_eq!(self.woken.get(), self.wakes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_set_gives_what_has_ended_in_that_order(steps in prop::collection::vec(steps(), 0..60)) {
        let mut both = Both::default();
        for step in steps {
            both.step(step);
        }
    }

    #[test]
    fn as_completed_gives_each_job_as_it_ends(ends in ends(12)) {
        let given = ends.clone();
        let outcomes = within_patience(move || {
            let (mut promised, futures) = Promised::new(given.len());
            let completed = as_completed(futures);
            let ender = thread::spawn(move || promised.end(&given));
            let outcomes: Vec<_> = completed.collect();
            ender.join().unwrap();
            outcomes
        });
        prop_assert_eq!(outcomes.len(), ends.len());
        for ((index, outcome), (n, fate)) in outcomes.iter().zip(ends) {
            prop_assert!(*index == n && is_outcome(outcome, n, fate), "{:?}", outcomes);
        }
    }

    #[test]
    fn try_join_all_gives_all_results_or_the_first_error(ends in ends(12)) {
        let first_error = ends.iter().position(|(_, fate)| *fate != Fate::Ok);
        let given = ends.clone();
        let (joined, promised) = within_patience(move || {
            let (mut promised, futures) = Promised::new(given.len());
            let (start, started) = mpsc::channel();
            // The jobs end once all futures were taken, one after the other up to the first error.
            let futures = futures.into_iter().chain(std::iter::from_fn(move || {
                start.send(()).unwrap_or_default();
                None
            }));
            let ender = thread::spawn(move || {
                started.recv().unwrap();
                let needed = first_error.map_or(given.len(), |at| at + 1);
                promised.end(&given[..needed]);
                promised
            });
            (try_join_all(futures), ender.join().unwrap())
        });
        match (joined, first_error) {
            (Ok(values), None) => prop_assert!(values.into_iter().eq(0..ends.len())),
            (Err(error), Some(at)) => {
                let (n, fate) = ends[at];
                prop_assert!(is_outcome(&Err(error), n, fate));
                prop_assert!(promised.rest_is_cancelled());
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn how_many_are_left_is_known_and_what_is_left_is_a_set() {
    within_patience(|| {
        let (_slow, pending) = promise();
        let mut completed = as_completed([pending, Future::ready(1), Future::ready(2)]);
        assert_eq!((completed.len(), completed.size_hint()), (3, (3, Some(3))));
        assert!(matches!(completed.next(), Some((1, Ok(1)))));
        assert_eq!((completed.len(), completed.size_hint()), (2, (2, Some(2))));
        let mut left = completed.into_set();
        assert!(matches!(left.next(), Some((2, Ok(2)))));
        assert_eq!(left.len(), 1);
        left.cancel_all();
        assert!(matches!(left.next(), Some((0, Err(JobError::Cancelled(_))))));
        assert!(left.next().is_none());
    });
}

//! Models of falling asleep and being woken: every interleaving of a few threads over the real [`State`].
//!
//! The loop of a worker is written again here, in the order of `Shared::next`, over loom's lock and a parker made of it; what it
//! decides is `State`'s. In each model every job is taken, once, and every thread ends: a missed wake-up is a deadlock,
//! which loom reports.

use std::sync::Arc;

use executor_core::Priority;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex, MutexGuard};
use loom::thread::{self, JoinHandle};

use super::Config;
use super::number::Number;
use super::state::{State, Wake};
use super::workers::WorkerLocal;

/// A token that is given once, to one who waits for it.
#[derive(Default)]
struct Parker(Mutex<bool>, Condvar);

impl Parker {
    fn park(&self) {
        let mut token = self.0.lock().unwrap();
        while !std::mem::replace(&mut *token, false) {
            token = self.1.wait(token).unwrap();
        }
    }

    fn unpark(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_one();
    }
}

type Guard<'a> = MutexGuard<'a, State<Number, Arc<Parker>>>;

/// As `Shared`, as far as it is about sleep.
struct Pool {
    state: Mutex<State<Number, Arc<Parker>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    taken: AtomicUsize,
    batch: bool,
}

impl Pool {
    fn new(width: usize, batch: bool) -> Arc<Self> {
        let state = Mutex::new(State::new(&Config::new("model", width)));
        Arc::new(Self { state, threads: Mutex::new(Vec::new()), taken: AtomicUsize::new(0), batch })
    }

    fn push(self: &Arc<Self>, number: usize) {
        let mut state = self.state.lock().unwrap();
        state.lanes.push(Priority::Normal, Number(number));
        let wake = state.wake();
        drop(state);
        self.perform(wake);
    }

    fn perform(self: &Arc<Self>, wake: Wake<Number, Arc<Parker>>) {
        match wake {
            Wake::NoWorker => {}
            Wake::Watched { then, .. } => self.perform(*then),
            Wake::Sleeper(parker) => parker.unpark(),
            Wake::Start(local) => {
                let pool = self.clone();
                let thread = thread::spawn(move || pool.work(local));
                self.threads.lock().unwrap().push(thread);
            }
            #[cfg(feature = "rayon")]
            Wake::Turns(..) => unreachable!("its workers have threads of their own"),
        }
    }

    fn work(self: &Arc<Self>, mut local: WorkerLocal<Number>) {
        let parker = Arc::new(Parker::default());
        while let Some(Number(job)) = self.next(&mut local, &parker) {
            self.taken.fetch_add(1 << (8 * job), Ordering::Relaxed);
        }
    }

    fn next(self: &Arc<Self>, local: &mut WorkerLocal<Number>, parker: &Arc<Parker>) -> Option<Number> {
        if let Some(job) = local.jobs.pop() {
            return Some(job);
        }
        let mut state = self.state.lock().unwrap();
        loop {
            state.workers.count_local_jobs(local);
            if state.is_over_width() {
                state.put_back(local);
            } else if let Some(job) = state.take(local, self.batch) {
                let wake = state.wake();
                drop(state);
                self.perform(wake);
                return Some(job);
            } else if state.is_over() {
                self.leave(state, local);
                return None;
            }
            state.fall_asleep(local, parker.clone());
            drop(state);
            parker.park();
            state = self.state.lock().unwrap();
            state.wake_up(local);
        }
    }

    fn leave(self: &Arc<Self>, mut state: Guard<'_>, local: &mut WorkerLocal<Number>) {
        assert!(state.leave(local).is_empty());
        state.leaving -= 1;
        let sleepers = if state.is_over() { state.wake_all() } else { Vec::new() };
        let wake = state.wake();
        drop(state);
        sleepers.iter().for_each(|parker| parker.unpark());
        self.perform(wake);
    }

    /// Closes the pool, and returns when every thread is gone.
    fn shutdown(&self) {
        let mut state = self.state.lock().unwrap();
        state.is_open = false;
        let sleepers = if state.is_over() { state.wake_all() } else { Vec::new() };
        drop(state);
        sleepers.iter().for_each(|parker| parker.unpark());
        // One that is joined may have started another before.
        while let Some(thread) = { self.threads.lock().unwrap().pop() } {
            thread.join().unwrap();
        }
        assert!(self.state.lock().unwrap().is_gone());
    }

    /// Whether the jobs 0 to `n` were taken, each once.
    fn assert_taken(&self, n: usize) {
        let each_once = (0..n).map(|job| 1 << (8 * job)).sum();
        assert_eq!(self.taken.load(Ordering::Relaxed), each_once);
    }
}

fn model(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(body);
}

#[test]
fn a_push_that_races_a_worker_falling_asleep_is_not_missed() {
    model(|| {
        let pool = Pool::new(1, false);
        pool.push(0);
        pool.push(1);
        pool.shutdown();
        pool.assert_taken(2);
    });
}

#[test]
fn pushes_from_two_threads_to_two_workers_are_not_missed() {
    model(|| {
        let pool = Pool::new(2, false);
        let other = pool.clone();
        let submitter = thread::spawn(move || other.push(0));
        pool.push(1);
        submitter.join().unwrap();
        pool.shutdown();
        pool.assert_taken(2);
    });
}

#[test]
fn batches_are_run_before_the_end() {
    model(|| {
        let pool = Pool::new(1, true);
        {
            let mut state = pool.state.lock().unwrap();
            (0..4).for_each(|number| state.lanes.push(Priority::Normal, Number(number)));
        }
        pool.push(4);
        pool.shutdown();
        pool.assert_taken(5);
    });
}

//! The same by shuttle. Time goes on when shuttle likes: a wait with a deadline may end at any moment, and then it is that time.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use shuttle::rand::Rng;
pub(crate) use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread::yield_now;
pub(crate) use shuttle::thread::{Builder, JoinHandle, current};
pub(crate) use shuttle::thread_local;

std::thread_local! {
    /// How much time has gone by in this execution. Shuttle runs all of its threads on one.
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// When every execution begins.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

#[cfg(test)]
pub(crate) fn reset_clock() {
    PASSED.set(Duration::ZERO);
}

/// That long after the beginning.
#[cfg(test)]
pub(crate) fn at(passed: Duration) -> Instant {
    *START + passed
}

pub(crate) fn now() -> Instant {
    *START + PASSED.get()
}

/// Moves the clock to `deadline` at random. Returns whether it is past `deadline`.
fn is_late(deadline: Instant) -> bool {
    if shuttle::rand::thread_rng().gen_ratio(1, 8) {
        PASSED.set(PASSED.get().max(deadline.saturating_duration_since(*START)));
    }
    now() >= deadline
}

pub(crate) fn spin(is_over: impl Fn() -> bool) {
    if !is_over() {
        yield_now();
    }
}

#[derive(Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

/// There but while its owner waits.
pub(crate) struct MutexGuard<'a, T>(Option<shuttle::sync::MutexGuard<'a, T>>, &'a Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap()), self)
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().unwrap()
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().unwrap()
    }
}

/// Shuttle wakes the threads that wait without a deadline, and finds out when no thread will wake them. The others look again and again.
#[derive(Default)]
pub(crate) struct Condvar {
    untimed: shuttle::sync::Condvar,
    /// How many wait without a deadline and were not notified, how many wait with one, and how many of these were notified.
    unnotified: Count,
    timed: Count,
    notified: Count,
}

/// Only one thread runs at a time, and shuttle changes it elsewhere.
#[derive(Default)]
struct Count(std::sync::atomic::AtomicUsize);

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn set(&self, n: usize) {
        self.0.store(n, Ordering::SeqCst);
    }
}

impl Condvar {
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        self.unnotified.set(self.unnotified.get() + 1);
        guard.0 = Some(self.untimed.wait(guard.0.take().unwrap()).unwrap());
    }

    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Option<Instant>) -> bool {
        let Some(deadline) = deadline else {
            self.wait(guard);
            return true;
        };
        self.timed.set(self.timed.get() + 1);
        guard.0 = None;
        let is_notified = loop {
            yield_now();
            if self.notified.get() > 0 {
                self.notified.set(self.notified.get() - 1);
                break true;
            }
            if is_late(deadline) {
                break false;
            }
        };
        self.timed.set(self.timed.get() - 1);
        self.notified.set(self.notified.get().min(self.timed.get()));
        guard.0 = Some(guard.1.0.lock().unwrap());
        is_notified
    }

    pub(crate) fn notify_one(&self) {
        let (untimed, timed) = (self.unnotified.get(), self.timed.get() - self.notified.get());
        if timed > 0 && shuttle::rand::thread_rng().gen_range(0..untimed + timed) >= untimed {
            self.notified.set(self.notified.get() + 1);
        } else {
            self.unnotified.set(untimed.saturating_sub(1));
            self.untimed.notify_one();
        }
    }

    pub(crate) fn notify_all(&self) {
        self.notified.set(self.timed.get());
        self.unnotified.set(0);
        self.untimed.notify_all();
    }
}

/// A token that is given once, to one who waits for it.
#[derive(Default)]
pub(crate) struct Parker(Unparker);

#[derive(Clone, Default)]
pub(crate) struct Unparker(Arc<(Mutex<bool>, Condvar)>);

impl Parker {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn unparker(&self) -> &Unparker {
        &self.0
    }

    pub(crate) fn park(&self) {
        self.park_until(None);
    }

    pub(crate) fn park_deadline(&self, deadline: Instant) {
        self.park_until(Some(deadline));
    }

    fn park_until(&self, deadline: Option<Instant>) {
        let (token, given) = &*self.0.0;
        let mut token = token.lock();
        while !*token && given.wait_until(&mut token, deadline) {}
        *token = false;
    }
}

impl Unparker {
    pub(crate) fn unpark(&self) {
        let (token, given) = &*self.0;
        *token.lock() = true;
        given.notify_one();
    }
}

//! A flag that threads wait for.

use std::fmt;
use std::time::{Duration, Instant};

use crate::current;
use crate::current::activity::ActivityKind;
use crate::drive::WaitDeadline;
use crate::sync::{Condvar, Mutex};

/// A flag that any number of threads and jobs can wait for, like Python's `threading.Event`.
///
/// Share it in an `Arc`, or by reference in a `scope`. While a job waits for the event, its `ThreadPool` may run other jobs on a spare
/// thread. So the job that sets the event may be queued in the same pool.
///
/// It works within one process. Between processes, use a channel or a `Manager`'s event.
///
/// Memory: a thread whose wait is ended by [`set`](Event::set) sees everything that the setting thread wrote before.
///
/// ```
/// use std::sync::Arc;
/// use std::thread;
/// use executor::Event;
///
/// let ready = Arc::new(Event::new());
/// let there = ready.clone();
/// let waiter = thread::spawn(move || there.wait());
/// assert!(!ready.is_set());
/// ready.set();
/// waiter.join().unwrap();
/// ```
#[derive(Default)]
pub struct Event {
    flag: Mutex<Flag>,
    was_set: Condvar,
}

#[derive(Default)]
struct Flag {
    is_set: bool,
    /// How often it was set: one who waits goes on also where it was cleared before they woke.
    times: u64,
}

impl Event {
    /// Creates an event that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the flag: every waiting thread continues, and later waits return at once until the flag is cleared. Does not block.
    pub fn set(&self) {
        let mut flag = self.flag.lock();
        flag.is_set = true;
        flag.times = flag.times.wrapping_add(1);
        drop(flag);
        self.was_set.notify_all();
    }

    /// Clears the flag: waits that begin from now on block until the next [`set`](Event::set). Does not block.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::Event;
    ///
    /// let event = Event::new();
    /// event.set();
    /// event.clear();
    /// assert!(!event.wait_timeout(Duration::ZERO));
    /// ```
    pub fn clear(&self) {
        self.flag.lock().is_set = false;
    }

    /// Returns whether the flag is set. Another thread may change it at any time.
    pub fn is_set(&self) -> bool {
        self.flag.lock().is_set
    }

    /// Blocks until the flag is set. A [`set`](Event::set) ends every wait that began before it, even if [`clear`](Event::clear) follows
    /// at once.
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Like [`wait`](Event::wait), but for at most `limit`. Returns false if the flag was not set in that time. A limit beyond the
    /// clock's range means no limit.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::Event;
    ///
    /// let event = Event::new();
    /// assert!(!event.wait_timeout(Duration::from_millis(1)));
    /// event.set();
    /// assert!(event.wait_timeout(Duration::ZERO));
    /// ```
    #[must_use = "false means that the time was up, and the event not set"]
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        self.wait_until(Some(limit))
    }

    fn wait_until(&self, limit: Option<Duration>) -> bool {
        self.times_if_clear().is_none_or(|times| self.wait_since(times, limit))
    }

    /// How often it was set, unless it is.
    fn times_if_clear(&self) -> Option<u64> {
        let flag = self.flag.lock();
        (!flag.is_set).then_some(flag.times)
    }

    /// Waits until the flag is set, or its count of sets is no longer `times`.
    fn wait_since(&self, times: u64, limit: Option<Duration>) -> bool {
        let wait_deadline = WaitDeadline::new(limit);
        let is_over = || {
            let flag = self.flag.lock();
            flag.is_set || flag.times != times
        };
        if wait_deadline.drive(|| [None], &|_| false, &is_over) {
            return true;
        }
        let deadline = wait_deadline.deadline();
        // Before the lock: the pool takes its own.
        let _blocked = current::block_in(ActivityKind::WaitForEvent, deadline);
        let mut flag = self.flag.lock();
        while !flag.is_set && flag.times == times {
            flag = match deadline {
                None => self.was_set.wait(flag),
                Some(deadline) if Instant::now() >= deadline => return false,
                Some(deadline) => self.was_set.wait_until(flag, deadline),
            };
        }
        true
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("is_set", &self.is_set()).finish()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::Event;

    #[test]
    fn a_set_event_stays_set_until_it_is_cleared() {
        let event = Event::new();
        assert!(!event.is_set() && !event.wait_timeout(Duration::ZERO));
        event.set();
        event.set();
        event.wait();
        assert!(event.is_set() && event.wait_timeout(Duration::ZERO));
        event.clear();
        assert!(!event.is_set() && !event.wait_timeout(Duration::ZERO));
        assert_eq!(format!("{event:?}"), "Event { is_set: false }");
    }

    #[test]
    fn a_wait_that_began_before_a_set_ends_by_it_though_it_is_cleared() {
        let event = Event::new();
        let times = event.times_if_clear().expect("nobody has set it");
        event.set();
        event.clear();
        assert!(event.wait_since(times, None));
        assert!(!event.wait_timeout(Duration::ZERO), "the next wait waits for the next set");
    }

    #[test]
    fn a_wait_with_a_limit_lasts_as_long_as_it_says() {
        let (event, limit) = (Event::new(), Duration::from_millis(20));
        let start = Instant::now();
        assert!(!event.wait_timeout(limit));
        assert!(start.elapsed() >= limit);
    }

    #[test]
    fn one_set_ends_every_wait() {
        const WAITERS: usize = 8;
        let (event, woken, start) = (Event::new(), AtomicUsize::new(0), Barrier::new(WAITERS + 1));
        thread::scope(|scope| {
            for index in 0..WAITERS {
                let (event, woken, start) = (&event, &woken, &start);
                scope.spawn(move || {
                    start.wait();
                    if index % 2 == 0 {
                        event.wait();
                    } else {
                        assert!(event.wait_timeout(Duration::MAX), "a limit beyond the clock is none");
                    }
                    // Relaxed: the scope's end orders it.
                    woken.fetch_add(1, Ordering::Relaxed);
                });
            }
            start.wait();
            event.set();
        });
        assert_eq!(woken.into_inner(), WAITERS);
    }
}

#[cfg(all(test, loom))]
mod loom_models {
    use std::sync::Arc;

    use loom::model;
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::thread;

    use super::Event;

    #[test]
    fn a_wait_ends_by_a_set_and_sees_what_was_before_it() {
        model(|| {
            let shared = Arc::new((Event::new(), AtomicBool::new(false)));
            let there = shared.clone();
            let setter = thread::spawn(move || {
                // Relaxed: the event is what orders it.
                there.1.store(true, Ordering::Relaxed);
                there.0.set();
            });
            shared.0.wait();
            assert!(shared.1.load(Ordering::Relaxed));
            setter.join().unwrap();
        });
    }

    #[test]
    fn a_set_that_is_cleared_at_once_ends_the_waits_before_it() {
        model(|| {
            let event = Arc::new(Event::new());
            let times = event.times_if_clear().expect("nobody has set it");
            let there = event.clone();
            let setter = thread::spawn(move || {
                there.set();
                there.clear();
            });
            assert!(event.wait_since(times, None));
            setter.join().unwrap();
        });
    }

    #[test]
    fn one_set_ends_two_waits() {
        model(|| {
            let event = Arc::new(Event::new());
            let there = event.clone();
            let waiter = thread::spawn(move || there.wait());
            let there = event.clone();
            let setter = thread::spawn(move || there.set());
            event.wait();
            waiter.join().unwrap();
            setter.join().unwrap();
        });
    }
}

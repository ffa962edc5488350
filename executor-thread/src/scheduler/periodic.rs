//! The times of a periodic job, and the handle that controls it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use executor_core::{Canceller, JobError, Rejection};
use parking_lot::Mutex;

use super::push::far_future;

/// The times at which a periodic job runs; see [`ThreadHandle::every`](crate::ThreadHandle::every).
///
/// ```
/// use std::time::Duration;
/// use executor::Period;
///
/// let minute = Duration::from_secs(60);
/// assert_eq!(Period::from(minute), Period::rate(minute));
/// assert_ne!(Period::delay(minute), Period::delay(minute).starting_now());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    length: Duration,
    is_rate: bool,
    starts_now: bool,
}

impl Period {
    /// A fixed rate: runs are due every `length`. A due time that passes while a run is late or still going is skipped. A `Duration`
    /// converts into this. A length of zero counts as 1 ns.
    #[must_use]
    pub fn rate(length: Duration) -> Self {
        // Due times that are not apart could not be counted.
        Self { length: length.max(Duration::from_nanos(1)), is_rate: true, starts_now: false }
    }

    /// A fixed pause: each run is due `pause` after the end of the previous run.
    #[must_use]
    pub fn delay(pause: Duration) -> Self {
        Self { length: pause, is_rate: false, starts_now: false }
    }

    /// Makes the first run due at once, instead of after one period.
    #[must_use]
    pub fn starting_now(mut self) -> Self {
        self.starts_now = true;
        self
    }

    fn first(&self, now: Instant) -> Instant {
        if self.starts_now { now } else { after(now, self.length) }
    }

    /// When the run after the one that was `due`, and ended `now`, is due.
    fn next(&self, due: Instant, now: Instant) -> Instant {
        if !self.is_rate {
            return after(now, self.length);
        }
        let since_last = now.saturating_duration_since(due).as_nanos() % self.length.as_nanos();
        let until_next = self.length.as_nanos() - since_last;
        after(now, duration(until_next))
    }
}

impl From<Duration> for Period {
    fn from(length: Duration) -> Self {
        Self::rate(length)
    }
}

fn after(time: Instant, delay: Duration) -> Instant {
    time.checked_add(delay).unwrap_or_else(far_future)
}

/// Of a number of nanoseconds that is that of a duration, or less.
fn duration(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    let seconds = u64::try_from(nanos / SECOND).unwrap_or(u64::MAX);
    Duration::new(seconds, u32::try_from(nanos % SECOND).unwrap_or_default())
}

/// A job that runs again and again, until this handle is dropped or cancelled. Returned by `every`, such as
/// [`ThreadHandle::every`](crate::ThreadHandle::every).
///
/// ```
/// use std::time::Duration;
/// use executor::ThreadPool;
///
/// let pool = ThreadPool::new(1);
/// let heartbeat = pool.every(Duration::from_secs(60), || println!("still alive"));
/// assert_eq!((heartbeat.runs(), heartbeat.missed()), (0, 0));
/// drop(heartbeat); // or `heartbeat.detach()`, to go on until the pool is shut down
/// ```
#[must_use = "dropped at once, it cancels its runs at once"]
pub struct Periodic {
    shared: Arc<Shared>,
    is_detached: bool,
}

struct Shared {
    period: Period,
    runs: AtomicU64,
    missed: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_cancelled: bool,
    /// The run that was submitted last. It stays after a cancel, so that another cancel waits for the first.
    run: Option<Canceller>,
}

impl Periodic {
    /// Stops the job: no further run starts. Does not block: a run that is going on continues to its end. If none is, the values
    /// that the job captured are dropped before this returns.
    pub fn cancel(&self) {
        self.shared.cancel();
    }

    /// Drops the handle without stopping the job, which then runs until the pool is shut down.
    pub fn detach(mut self) {
        self.is_detached = true;
    }

    /// Returns how many runs have ended, including those that panicked.
    pub fn runs(&self) -> u64 {
        // Acquire: a thread that sees the number of the runs sees what they did.
        self.shared.runs.load(Ordering::Acquire)
    }

    /// Returns how many runs were submitted and never started. There are three reasons:
    ///
    /// - a full queue dropped the run ([`WhenFull::DropOldest`](crate::WhenFull::DropOldest));
    /// - the run waited for longer than [`start_by`](executor_core::JobOptions::start_by) allows;
    /// - no thread could be started ([`JobError::Broken`](executor_core::JobError::Broken)).
    ///
    /// The next run is due as if the missed run had ended then. Due times that are skipped, because a run is late or still going, do
    /// not count.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use executor::{Period, QueueLimit, ThreadPool, WhenFull};
    ///
    /// let pool = ThreadPool::builder().threads(1).queue(QueueLimit::bounded(1, WhenFull::DropOldest)).build()?;
    /// let (begin, begun) = mpsc::channel();
    /// let (open, gate) = mpsc::channel::<()>();
    /// let busy = pool.submit(move || {
    ///     let _ = begin.send(());
    ///     gate.recv().is_err()
    /// });
    /// begun.recv()?; // it has left the queue: nothing takes its place there
    /// let ticking = pool.every(Period::rate(Duration::from_millis(1)).starting_now(), || ());
    /// while ticking.missed() == 0 {
    ///     pool.execute(|| ()); // takes the place of whatever waits
    /// }
    /// drop(open);
    /// while ticking.runs() == 0 {
    ///     std::thread::yield_now();
    /// }
    /// # assert!(busy.result()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn missed(&self) -> u64 {
        // Relaxed: a missed run did nothing that could be seen.
        self.shared.missed.load(Ordering::Relaxed)
    }
}

impl Drop for Periodic {
    fn drop(&mut self) {
        if !self.is_detached {
            self.shared.cancel();
        }
    }
}

impl fmt::Debug for Periodic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = &self.shared.period;
        f.debug_struct("Periodic")
            .field("period", period)
            .field("runs", &self.runs())
            .field("missed", &self.missed())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn cancel(&self) {
        let mut state = self.state.lock();
        state.is_cancelled = true;
        let run = state.run.clone();
        // Outside the lock: what the job captured is dropped here, if it waits.
        drop(state);
        if let Some(run) = run {
            run.cancel();
        }
    }
}

/// For authors of executors: the times of a periodic job. It moves from run to run, so runs cannot overlap.
pub struct Schedule {
    shared: Arc<Shared>,
    due: Instant,
}

impl Schedule {
    /// Starts a periodic job: returns its handle and its schedule, whose first run is to be submitted.
    pub fn start(period: Period) -> (Periodic, Self) {
        let (runs, missed) = (AtomicU64::new(0), AtomicU64::new(0));
        let shared = Arc::new(Shared { period, runs, missed, state: Mutex::default() });
        let due = period.first(Instant::now());
        (Periodic { shared: shared.clone(), is_detached: false }, Self { shared, due })
    }

    /// Returns another handle to the same times, for code that submits a run which owns this one.
    pub fn same(&self) -> Self {
        Self { shared: self.shared.clone(), due: self.due }
    }

    /// Returns when the next run is due.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Records the next run, so that a cancel finds it. Call this before the run is submitted. Returns false if the job was cancelled.
    pub fn is_next(&self, run: Canceller) -> bool {
        let mut state = self.shared.state.lock();
        if state.is_cancelled {
            return false;
        }
        let before = state.run.replace(run);
        drop(state);
        drop(before);
        true
    }

    /// Records that a run has ended.
    pub fn ended(&mut self) {
        self.shared.runs.fetch_add(1, Ordering::Release);
        self.go_on();
    }

    /// Records the outcome of a run that was submitted as a job. Returns false if no other is to follow: the run was cancelled or aborted, or
    /// the executor is shut down.
    pub fn ran<T>(&mut self, outcome: &Result<T, JobError>) -> bool {
        match outcome {
            Err(JobError::Broken(_)) => self.missed(),
            Err(JobError::Rejected(refused)) if matches!(refused.reason(), Rejection::Dropped | Rejection::Full) => {
                self.missed();
            }
            Err(JobError::TimedOut(late)) if !late.has_started() => self.missed(),
            Err(JobError::Cancelled(_) | JobError::Rejected(_)) => return false,
            _ => self.ended(),
        }
        true
    }

    /// Records that a run was dropped before it started.
    pub fn missed(&mut self) {
        // Relaxed: see `Periodic::missed`.
        self.shared.missed.fetch_add(1, Ordering::Relaxed);
        self.go_on();
    }

    fn go_on(&mut self) {
        self.due = self.shared.period.next(self.due, Instant::now());
    }

    /// Returns whether the job was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.shared.state.lock().is_cancelled
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule").field("due", &self.due).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use executor_core::{Broken, TimedOut};

    use super::*;

    const fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_rate_keeps_its_times_and_leaves_out_what_was_missed() {
        let (rate, due) = (Period::rate(millis(10)), Instant::now());
        for (ended, next) in [(0, 10), (1, 10), (9, 10), (10, 20), (25, 30), (1_000_003, 1_000_010)] {
            assert_eq!(rate.next(due, due + millis(ended)), due + millis(next), "ended after {ended} ms");
        }
    }

    #[test]
    fn a_delay_counts_from_the_end() {
        let (delay, due) = (Period::delay(millis(10)), Instant::now());
        assert_eq!(delay.next(due, due + millis(25)), due + millis(35));
    }

    #[test]
    fn outcome_of_a_run_decides_about_the_next() {
        let (handle, mut schedule) = Schedule::start(Period::from(millis(10)));
        for (outcome, goes_on, counts) in [
            (Ok(()), true, (1, 0)),
            (Err(JobError::Broken(Broken::new("no thread"))), true, (1, 1)),
            (Err(JobError::TimedOut(TimedOut::not_started("job", millis(1)))), true, (1, 2)),
            (Err(JobError::TimedOut(TimedOut::new("job", millis(1)))), true, (2, 2)),
            (Err(JobError::rejected(Rejection::Dropped)), true, (2, 3)),
            (Err(JobError::rejected(Rejection::Full)), true, (2, 4)),
            (Err(JobError::rejected(Rejection::Shutdown)), false, (2, 4)),
            (Err(JobError::cancelled()), false, (2, 4)),
        ] {
            assert_eq!(schedule.ran(&outcome), goes_on, "{outcome:?}");
            assert_eq!((handle.runs(), handle.missed()), counts, "{outcome:?}");
        }
    }

    #[test]
    fn the_first_run_is_after_one_period_or_now() {
        let now = Instant::now();
        assert_eq!(Period::rate(millis(10)).first(now), now + millis(10));
        assert_eq!(Period::delay(millis(10)).starting_now().first(now), now);
    }

    #[test]
    fn the_shortest_and_the_longest_period_have_a_next_time() {
        let now = Instant::now();
        for period in [Period::rate(Duration::ZERO), Period::delay(Duration::ZERO)] {
            assert!((now..=now + Duration::from_nanos(1)).contains(&period.next(now, now)));
        }
        for period in [Period::rate(Duration::MAX), Period::delay(Duration::MAX)] {
            assert!(period.next(now, now + millis(5)) > now + Duration::from_secs(3600));
            assert!(period.first(now) > now + Duration::from_secs(3600));
        }
    }
}

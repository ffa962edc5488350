//! Short waits that spin before they sleep. For authors of executors.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use crate::status::JobId;

/// The most times that are slept through for one that was awake in vain.
const MOST_ASLEEP: u32 = 64;

/// Decides whether a thread should spin or sleep while it waits.
///
/// Waking a sleeping thread costs both sides a few microseconds. So it pays to spin for that time, if another core ends the wait. A spin
/// that fails delays other work on this core, perhaps the work that would end the wait. So after a failed spin, the next waits sleep at
/// once, and their number doubles with each further failure.
///
/// The thread never yields: other work could then keep the core for milliseconds, while the system prefers a thread that is woken.
#[derive(Debug, Default)]
pub struct Spin {
    /// How many times are to be slept through.
    left: Cell<u32>,
    /// How many those were after the last time in vain, if nothing has come in time since.
    last: Cell<u32>,
}

impl Spin {
    /// Creates a `Spin` without history.
    pub const fn new() -> Self {
        Self { left: Cell::new(0), last: Cell::new(0) }
    }

    /// Spins until `is_so` returns true: for a few microseconds, or for `longest` if that is more. Returns false if it does not become true
    /// in that time, or if recent spins failed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::extend::spin::Spin;
    ///
    /// let spin = Spin::new();
    /// assert!(spin.until(Duration::ZERO, || true));
    /// assert!(!spin.until(Duration::ZERO, || false));
    /// ```
    #[inline]
    pub fn until(&self, longest: Duration, mut is_so: impl FnMut() -> bool) -> bool {
        is_so() || self.waits_until(longest, is_so)
    }

    fn waits_until(&self, longest: Duration, mut is_so: impl FnMut() -> bool) -> bool {
        if self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            return false;
        }
        if has_other_cores() && (pause_until(&mut is_so) || is_so_within(longest, &mut is_so)) {
            self.last.set(0);
            return true;
        }
        self.last.set((2 * self.last.get()).clamp(1, MOST_ASLEEP));
        self.left.set(self.last.get());
        false
    }
}

fn pause_until(mut is_so: impl FnMut() -> bool) -> bool {
    const LONGEST_PAUSE: u32 = 6;
    (0..=LONGEST_PAUSE).any(|pause| {
        (0..1 << pause).for_each(|_| spin_loop());
        is_so()
    })
}

fn is_so_within(longest: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    const PAUSES: u32 = 32;
    if longest.is_zero() {
        return false;
    }
    let begun = Instant::now();
    while begun.elapsed() < longest {
        (0..PAUSES).for_each(|_| spin_loop());
        if is_so() {
            return true;
        }
    }
    false
}

fn has_other_cores() -> bool {
    cores() > 1
}

fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| available_parallelism().map_or(1, Into::into))
}

/// The waits in a row for jobs that were there before the first of these waits.
///
/// A thread that submits many jobs and then takes their results would spin for each result in turn, on a core that the workers could use.
/// If the thread sleeps, the next wake-up finds many results. So only the first waits of a streak spin.
#[derive(Debug)]
pub(crate) struct Streak {
    /// The first job that was not there when the streak began.
    until: Cell<u64>,
    waits: Cell<u32>,
}

impl Streak {
    /// More than the workers of a small pool, whose results come at about the same time.
    const LONGEST: u32 = 64;

    pub(crate) const fn new() -> Self {
        Self { until: Cell::new(0), waits: Cell::new(0) }
    }

    /// The thread waits for `job`. Returns whether the streak, which may begin now, is short enough to spin.
    pub(crate) fn goes_on(&self, job: JobId) -> bool {
        if job.get() >= self.until.get() {
            self.until.set(JobId::upcoming().get());
            self.waits.set(0);
        }
        self.waits.set(self.waits.get().saturating_add(1));
        self.waits.get() <= Self::LONGEST
    }
}

/// Calls `spin`, unless a core is left only for those that the spinning threads wait for. `None` if it was not called: no failure to learn
/// from.
pub(crate) fn with_core<R>(spin: impl FnOnce() -> R) -> Option<R> {
    static SPINNING: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: only the number counts.
    let before = SPINNING.fetch_add(1, Ordering::Relaxed);
    let spun = (before + 1 < cores()).then(spin);
    SPINNING.fetch_sub(1, Ordering::Relaxed);
    spun
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it stays awake for what does not come.
    fn is_awake(spin: &Spin) -> bool {
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            false
        };
        assert!(!spin.until(Duration::ZERO, look));
        looks.get() > 1
    }

    #[test]
    fn after_some_times_in_vain_it_mostly_sleeps() {
        if !has_other_cores() {
            return;
        }
        let spin = Spin::new();
        let times: Vec<_> = (0..1000).filter(|_| is_awake(&spin)).collect();
        assert_eq!(times[..5], [0, 2, 5, 10, 19]);
        assert!(times.len() < 25, "{times:?}");
    }

    #[test]
    fn long_streak_of_waits_sleeps() {
        let streak = Streak::new();
        let before: Vec<_> = std::iter::repeat_with(JobId::next).take(100).collect();
        let spins = |jobs: &[JobId]| jobs.iter().filter(|&&job| streak.goes_on(job)).count();
        assert_eq!(spins(&before), 64);
        let mut one_by_one = std::iter::repeat_with(JobId::next).take(100);
        assert!(one_by_one.all(|job| streak.goes_on(job)), "each is there since the last wait");
    }

    #[test]
    fn one_core_is_left_to_those_that_are_waited_for() {
        fn nested(depth: usize) -> usize {
            with_core(|| nested(depth + 1)).unwrap_or(depth)
        }
        // Other tests may spin meanwhile, so fewer is right, too.
        assert!(nested(0) < cores());
    }

    #[test]
    fn once_it_has_come_in_time_it_stays_awake_again() {
        if !has_other_cores() {
            return;
        }
        let spin = Spin::new();
        for _ in 0..3 {
            while !is_awake(&spin) {}
        }
        let looks = Cell::new(0);
        let comes = || looks.replace(looks.get() + 1) > 1;
        while !spin.until(Duration::ZERO, comes) {
            looks.set(0);
        }
        assert_eq!([(); 3].map(|()| is_awake(&spin)), [true, false, true]);
    }
}

//! Staying awake for what comes soon. For authors of executors.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::OnceLock;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// The most times that are slept through for one that was awake in vain.
const MOST_ASLEEP: u32 = 64;

/// How a thread decides whether to stay awake for what it waits for.
///
/// To wake a sleeping thread costs the waker and the sleeper some microseconds each. So it pays to stay awake for this time, if another
/// core ends the wait. If the wait does not end in this time, spinning was in vain, and delays work for this core, perhaps the very work
/// that would end the wait. So after a spin in vain, the next waits sleep at once; their number doubles with each further spin in vain.
///
/// The thread never yields: other work could then keep the core for milliseconds, while the system runs a woken sleeper first.
#[derive(Debug, Default)]
pub struct Spin {
    /// How many times are to be slept through.
    left: Cell<u32>,
    /// How many those were after the last time in vain, if nothing has come in time since.
    last: Cell<u32>,
}

impl Spin {
    /// One that has seen nothing yet.
    pub const fn new() -> Self {
        Self { left: Cell::new(0), last: Cell::new(0) }
    }

    /// Looks whether it `is_so`, for as long as it pays: some microseconds, or up to `longest` where that is more. False if it is not by
    /// then.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use executor::extend::spin::Spin;
    ///
    /// let spin = Spin::new();
    /// assert!(spin.until(Duration::ZERO, || true));
    /// assert!(!spin.until(Duration::ZERO, || false));
    /// ```
    pub fn until(&self, longest: Duration, mut is_so: impl FnMut() -> bool) -> bool {
        if is_so() {
            return true;
        }
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
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| available_parallelism().map_or(1, Into::into)) > 1
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

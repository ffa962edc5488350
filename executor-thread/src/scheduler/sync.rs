//! Locks, clock and threads of the scheduler: the real ones, or shuttle's, which chooses who runs next.

#[cfg(not(shuttle))]
mod real {
    use std::time::{Duration, Instant};

    pub(crate) use crossbeam_utils::sync::{Parker, Unparker};
    pub(crate) use parking_lot::{Mutex, MutexGuard};
    pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
    pub(crate) use std::thread::{Builder, JoinHandle, current};
    pub(crate) use std::thread_local;

    use executor_core::spin::Spin;

    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    /// For some microseconds, or until `is_over`, if that pays.
    pub(crate) fn spin(is_over: impl Fn() -> bool) {
        std::thread_local! {
            static SPIN: Spin = const { Spin::new() };
        }
        SPIN.with(|spin| spin.until(Duration::ZERO, is_over));
    }

    #[derive(Default)]
    pub(crate) struct Condvar(parking_lot::Condvar);

    impl Condvar {
        /// Waits until `deadline` at most. Says whether there is time left. It may return early.
        pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Option<Instant>) -> bool {
            let Some(deadline) = deadline else {
                self.0.wait(guard);
                return true;
            };
            !self.0.wait_until(guard, deadline).timed_out()
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

#[cfg(shuttle)]
pub(crate) mod chosen;

#[cfg(shuttle)]
pub(crate) use chosen::*;
#[cfg(not(shuttle))]
pub(crate) use real::*;

//! Locks, clock and threads of the scheduler: the real ones, or shuttle's, which chooses who runs next.

#[cfg(not(shuttle))]
mod real {
    use std::time::Instant;

    pub(crate) use crossbeam_utils::sync::{Parker, Unparker};
    pub(crate) use parking_lot::{Mutex, MutexGuard};
    pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
    pub(crate) use std::thread::{Builder, JoinHandle, current};
    pub(crate) use std::thread_local;

    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    /// For some microseconds, or until `is_over`: less than it takes to sleep and be woken. It does not yield: where others have work for
    /// this core, the system would let them have it for milliseconds, while a sleeper that is woken comes first.
    pub(crate) fn spin(is_over: impl Fn() -> bool) {
        const LONGEST_PAUSE: u32 = 6;
        for pause in 0..=LONGEST_PAUSE {
            for _ in 0..1 << pause {
                std::hint::spin_loop();
            }
            if is_over() {
                return;
            }
        }
    }

    #[derive(Default)]
    pub(crate) struct Condvar(parking_lot::Condvar);

    impl Condvar {
        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            self.0.wait(guard);
        }

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

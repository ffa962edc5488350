//! The locks and thread names that the job cell uses: `parking_lot`'s, or those of loom or shuttle while they choose who runs.
//! A condition variable takes its guard by value here, which both can do.

#[cfg(not(any(loom, shuttle)))]
mod real {
    use std::time::{Duration, Instant};

    pub(crate) use parking_lot::{Mutex, MutexGuard};
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use std::thread::ThreadId;

    use crate::spin::{self, Spin, Streak};
    use crate::status::JobId;

    pub(crate) fn thread_id() -> ThreadId {
        std::thread::current().id()
    }

    /// As long as the way to another process and back takes while this thread stays awake, and half of it again.
    const LONGEST: Duration = Duration::from_micros(20);

    /// Looks whether `job` has ended, for as long as it pays.
    #[inline]
    pub(crate) fn spin(job: JobId, has_ended: impl Fn() -> bool) -> bool {
        has_ended() || spin_for(job, has_ended)
    }

    fn spin_for(job: JobId, has_ended: impl Fn() -> bool) -> bool {
        thread_local! {
            static SPIN: Spin = const { Spin::new() };
            static STREAK: Streak = const { Streak::new() };
        }
        STREAK.with(|streak| streak.goes_on(job))
            && spin::with_core(|| SPIN.with(|spin| spin.until(LONGEST, has_ended))).unwrap_or(false)
    }

    #[derive(Default)]
    pub(crate) struct Condvar(parking_lot::Condvar);

    impl Condvar {
        pub(crate) fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            self.0.wait(&mut guard);
            guard
        }

        /// Waits until notified or `deadline`; a spurious return is possible.
        pub(crate) fn wait_until<'a, T>(&self, mut guard: MutexGuard<'a, T>, deadline: Instant) -> MutexGuard<'a, T> {
            self.0.wait_until(&mut guard, deadline);
            guard
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

#[cfg(any(loom, shuttle))]
mod modelled {
    use std::time::Instant;

    #[cfg(loom)]
    use loom as chooser;
    #[cfg(shuttle)]
    use shuttle as chooser;

    pub(crate) use chooser::sync::MutexGuard;
    pub(crate) use chooser::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use chooser::thread::ThreadId;

    use crate::status::JobId;

    pub(crate) fn thread_id() -> ThreadId {
        chooser::thread::current().id()
    }

    /// One look: a model has no time to waste.
    pub(crate) fn spin(_: JobId, has_ended: impl Fn() -> bool) -> bool {
        has_ended()
    }

    /// Their mutex behind `parking_lot`'s interface. A poisoned lock ends the model, as it should.
    pub(crate) struct Mutex<T>(chooser::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(chooser::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap()
        }
    }

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Self::new(T::default())
        }
    }

    pub(crate) struct Condvar(chooser::sync::Condvar);

    impl Default for Condvar {
        fn default() -> Self {
            Self(chooser::sync::Condvar::new())
        }
    }

    impl Condvar {
        pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            self.0.wait(guard).unwrap()
        }

        /// A model has no clock: a wait with a deadline is a wait.
        pub(crate) fn wait_until<'a, T>(&self, guard: MutexGuard<'a, T>, _: Instant) -> MutexGuard<'a, T> {
            self.wait(guard)
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

#[cfg(any(loom, shuttle))]
pub(crate) use modelled::*;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use real::*;

// Shuttle runs all threads of a test on one.
#[cfg(shuttle)]
pub(crate) use shuttle::thread_local;
#[cfg(not(shuttle))]
pub(crate) use std::thread_local;

//! Pools whose queue is bounded, and threads that are busy.

use std::sync::mpsc;

use executor::{QueueLimit, ThreadPool, WhenFull};

use super::latch::{Latch, LatchGuard};

pub(crate) fn bounded(threads: usize, bound: usize, when_full: WhenFull) -> ThreadPool {
    ThreadPool::builder().threads(threads).queue(QueueLimit::bounded(bound, when_full)).build().unwrap()
}

/// Keeps `n` threads of the pool busy until the hold is dropped. One by one: there may be one place only for those that wait.
pub(crate) fn occupy(pool: &ThreadPool, n: usize) -> LatchGuard {
    let (hold, latch) = Latch::closed();
    for _ in 0..n {
        let (latch, (started, starts)) = (latch.clone(), mpsc::channel());
        drop(pool.submit(move || {
            started.send(()).unwrap();
            latch.wait();
        }));
        starts.recv().unwrap();
    }
    hold
}

/// Tests each law, a `fn(usize)`, on pools of 1, 2 and 8 threads.
macro_rules! on_pools {
    ($($law:ident),* $(,)?) => {
        $(
            mod $law {
                #[test]
                fn threads_1() {
                    $crate::support::within_patience(|| super::$law(1));
                }

                #[test]
                fn threads_2() {
                    $crate::support::within_patience(|| super::$law(2));
                }

                #[test]
                fn threads_8() {
                    $crate::support::within_patience(|| super::$law(8));
                }
            }
        )*
    };
}
pub(crate) use on_pools;

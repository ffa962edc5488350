//! Memory is given back: after a burst, the pool's memory and the process's are where they were.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use executor::{Future, ThreadPool};

use crate::support::alone;
use crate::support::latch::block;
use crate::support::system::{other_tasks, resident, settle};

const JOBS: usize = 1_000_000;
const MIB: usize = 1 << 20;

/// The queue and its jobs must take at least this, or the test measures nothing.
const PEAK_AT_LEAST: usize = 64 * MIB;
/// The allocator may keep this for itself. It is less than the million entries of an empty queue.
const LEFT_AT_MOST: usize = 8 * MIB;
/// The same, if it is as much after each burst; it may then have grown by `GROWN_AT_MOST`.
const ALWAYS_LEFT_AT_MOST: usize = 12 * MIB;
const GROWN_AT_MOST: usize = MIB;

/// A pool that has worked before, and the memory that the process has then.
fn warm() -> (ThreadPool, usize) {
    let pool = ThreadPool::new(1);
    executor::join_all((0..10_000).map(|n| pool.submit(move || n)));
    (pool, resident())
}

/// `burst` fills the queue, returns how much memory is in use then, and empties it. The rest is kept by the allocator and differs from run
/// to run: it must be little after one of the bursts, or the same after all of them. A leak grows with each.
fn assert_gives_back(mut burst: impl FnMut(&ThreadPool) -> usize) {
    const BURSTS: usize = 3;
    let (pool, before) = warm();
    let mut lefts = [0; BURSTS];
    for left in &mut lefts {
        let peak = burst(&pool);
        // One worker runs the jobs in order, so all have ended when the last has, and it sleeps when that is dropped too.
        pool.submit(|| ()).result().unwrap();
        settle(&other_tasks());
        // glibc gives back what is free at the end of its heap, and keeps the holes; which there are is chance.
        // SAFETY: takes a number, and locks what it looks at.
        unsafe { libc::malloc_trim(0) };
        let grown = peak.saturating_sub(before);
        assert!(grown >= PEAK_AT_LEAST, "the burst took {} MiB only", grown / MIB);
        *left = resident().saturating_sub(before);
        if *left <= LEFT_AT_MOST {
            return;
        }
    }
    let [first, .., last] = lefts;
    let is_kept = last <= ALWAYS_LEFT_AT_MOST && last.saturating_sub(first) <= GROWN_AT_MOST;
    assert!(is_kept, "so many bytes were not given back: {lefts:?}");
}

#[test]
fn a_burst_of_a_million_jobs_leaves_nothing_behind() {
    alone(a_burst_of_a_million_jobs_leaves_nothing_behind, || {
        assert_gives_back(|pool| {
            let done = Arc::new(AtomicUsize::new(0));
            let hold = block(pool);
            for _ in 0..JOBS {
                let done = done.clone();
                pool.execute(move || done.fetch_add(1, Ordering::Relaxed));
            }
            let peak = resident();
            drop(hold);
            pool.submit(|| ()).result().unwrap();
            assert_eq!(done.load(Ordering::Relaxed), JOBS);
            peak
        });
    });
}

/// Enough to be seen; each takes longer here.
#[cfg(feature = "rayon")]
const RAYON_JOBS: usize = JOBS / 2;

/// glibc does not give back all memory after a burst, and how much differs from run to run. So the test checks whether, after two bursts,
/// the next one needs no more.
#[cfg(feature = "rayon")]
#[test]
fn bursts_on_rayon_use_the_same_memory_again() {
    alone(bursts_on_rayon_use_the_same_memory_again, || {
        let pool = crate::support::kinds::rayon(1);
        let peaks = [(); 4].map(|()| {
            let hold = block(&pool);
            (0..RAYON_JOBS).for_each(|n| pool.execute(move || n));
            let peak = resident();
            drop(hold);
            // One worker runs the jobs in order.
            pool.submit(|| ()).result().unwrap();
            settle(&other_tasks());
            peak
        });
        assert!(peaks[0] >= PEAK_AT_LEAST, "{peaks:?}");
        assert!(peaks[3] <= peaks[1] + LEFT_AT_MOST, "{peaks:?}");
    });
}

#[test]
fn a_million_outcomes_leave_nothing_behind() {
    alone(a_million_outcomes_leave_nothing_behind, || {
        assert_gives_back(|pool| {
            let futures: Vec<Future<usize>> = (0..JOBS).map(|n| pool.submit(move || n)).collect();
            // One half is waited for, the other is not.
            let peak = resident();
            let waited = executor::join_all(futures.into_iter().take(JOBS / 2));
            assert!(waited.into_iter().map(Result::unwrap).eq(0..JOBS / 2));
            peak
        });
    });
}

#[test]
fn a_million_cancelled_jobs_leave_nothing_behind() {
    alone(a_million_cancelled_jobs_leave_nothing_behind, || {
        let (pool, before) = warm();
        let hold = block(&pool);
        for n in 0..JOBS {
            assert!(pool.submit(move || n).cancel());
        }
        // Cancelled jobs leave the queue before a worker reaches them.
        let grown = resident().saturating_sub(before);
        assert!(grown <= LEFT_AT_MOST, "{} MiB of cancelled jobs wait behind one that runs", grown / MIB);
        drop(hold);
        pool.submit(|| ()).result().unwrap();
    });
}

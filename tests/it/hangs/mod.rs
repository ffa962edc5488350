//! Pools that hang, each named right by `dump` or `on_stall` among jobs that do not. A seed varies how many of those there are, and when
//! they come.

mod circles;
mod ends;
#[cfg(all(feature = "process", feature = "rayon", target_os = "linux"))]
mod measured;
#[cfg(all(feature = "process", target_os = "linux"))]
mod on_signal;
#[cfg(all(feature = "process", target_os = "linux"))]
mod processes;
mod stalls;
mod threads;

use std::sync::mpsc;
use std::thread;

use executor::{Dump, JobOptions, Pool, ThreadHandle, ThreadPool};

use crate::support::boxed;
use crate::support::latch::{Latch, LatchGuard};
use crate::support::{eventually, within_patience};

/// Numbers that depend on a seed alone.
struct Random(u64);

impl Random {
    /// A number below `n`.
    fn below(&mut self, n: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % n).expect("it is small")
    }
}

/// Runs the hang once for each of some seeds.
fn seeded(hang: fn(&mut Random)) {
    within_patience(move || (0..4).for_each(|seed| hang(&mut Random(seed))));
}

/// The number of the bystanders, and the threads that they need.
const MOST: u64 = 4;

/// A measured pool for a hang that needs `threads`, and for bystanders.
fn pool(threads: usize) -> ThreadPool {
    let all = threads + usize::try_from(MOST).expect("it is small");
    ThreadPool::builder().threads(all).measure(true).build().expect("a small pool")
}

/// Jobs that run beside a hang, until this is dropped.
struct Bystanders(#[expect(dead_code, reason = "they end when it is dropped")] LatchGuard);

/// Starts some jobs that wait, and waits until they run. Others come and go.
fn bystanders(pool: &ThreadHandle, random: &mut Random) -> Bystanders {
    let (guard, latch) = Latch::closed();
    let (started, starts) = mpsc::channel();
    let count = random.below(MOST);
    for number in 0..count {
        let (latch, started) = (latch.clone(), started.clone());
        let name = format!("bystander {number}");
        pool.with(JobOptions::new().name(name)).execute(boxed(move || {
            started.send(()).expect("the test waits");
            latch.wait();
        }));
    }
    (0..random.below(20)).for_each(|_| pool.execute(thread::yield_now));
    (0..count).for_each(|_| starts.recv().expect("they start"));
    Bystanders(guard)
}

/// The handle of a pool whose jobs have this name.
fn named(pool: &ThreadHandle, name: &str) -> ThreadHandle {
    pool.with(JobOptions::new().name(name))
}

/// Waits until one hint of the pool's report has all of these words. Returns the report.
fn expect_hint(pool: &dyn Pool, words: &[&str]) -> Dump {
    let mut last = pool.dump();
    eventually(&format!("a hint with {words:?}"), || {
        last = pool.dump();
        last.hints.iter().any(|hint| words.iter().all(|word| hint.contains(word)))
    });
    let text = last.to_string();
    // Short jobs may keep all other workers busy for a moment.
    let others = last.hints.iter().filter(|hint| !hint.starts_with("every worker is busy"));
    assert!(others.into_iter().all(|hint| !hint.contains("bystander")), "{text}");
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    last
}

//! How much memory the processes have, as samples that stay few.

use std::collections::BTreeSet;
use std::fs;

use super::timeline::Memory;

/// At most this many samples are kept. Then, every other one is dropped, and they are taken half as often.
const MOST: usize = 8_192;
/// The first time between two samples, in nanoseconds.
const INTERVAL: i64 = 10_000_000;
const SECOND: i64 = 1_000_000_000;
/// How many times as long as it took to take a sample there is none.
const PAUSE: i64 = 50;

/// Takes the samples.
pub(super) struct Sampler {
    samples: Vec<Memory>,
    interval: i64,
    /// Processes that had a job, and may live.
    workers: BTreeSet<u32>,
    had_workers: bool,
}

impl Sampler {
    pub(super) fn new() -> Self {
        Self { samples: Vec::new(), interval: INTERVAL, workers: BTreeSet::new(), had_workers: false }
    }

    /// The worker is in the samples from now on, until it ends.
    pub(super) fn add_worker(&mut self, pid: u32) {
        self.had_workers = true;
        self.workers.insert(pid);
    }

    /// Takes a sample, if the system tells. Returns the time of the next one. `clock` returns the time.
    pub(super) fn sample(&mut self, clock: impl Fn() -> i64) -> i64 {
        let at = clock();
        // It may be told later, when the process has a file descriptor left.
        let Some(own) = resident("self") else { return at.saturating_add(SECOND) };
        let mut total = 0_u64;
        self.workers.retain(|pid| {
            let size = resident(&pid.to_string());
            total = total.saturating_add(size.unwrap_or_default());
            size.is_some()
        });
        self.add(Memory { at, own, workers: self.had_workers.then_some(total) });
        let took = clock() - at;
        clock().saturating_add(self.interval.max(took.saturating_mul(PAUSE)))
    }

    fn add(&mut self, sample: Memory) {
        self.samples.push(sample);
        if self.samples.len() >= MOST {
            let mut index = 0;
            self.samples.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.interval *= 2;
        }
    }

    pub(super) fn samples(&self) -> &[Memory] {
        &self.samples
    }
}

/// The resident memory of a process, in bytes. `None` if it has ended, is a zombie, or the system does not tell.
fn resident(process: &str) -> Option<u64> {
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return None;
    }
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::cell::Cell;
    use std::process;

    use super::*;

    #[test]
    fn samples_stay_few() {
        let mut sampler = Sampler::new();
        for at in 0..100_000 {
            sampler.add(Memory { at, own: 1, workers: None });
        }
        let times: Vec<_> = sampler.samples().iter().map(|sample| sample.at).collect();
        assert!(times.len() < MOST && times.is_sorted() && times[0] == 0, "{} samples", times.len());
        assert!(sampler.interval > INTERVAL && times[times.len() - 1] > 95_000);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_of_living_processes_is_sampled() {
        let mut sampler = Sampler::new();
        let time = Cell::new(0);
        let clock = || time.replace(time.get() + 1_000);
        assert!(sampler.sample(clock) >= INTERVAL);
        // No process can have this number.
        sampler.add_worker(u32::MAX);
        sampler.add_worker(process::id());
        sampler.sample(clock);
        let [before, with_workers] = sampler.samples() else { panic!("two samples") };
        assert!(before.own > 100_000 && before.workers.is_none());
        assert!(with_workers.workers.is_some_and(|size| size > 100_000) && sampler.workers.len() == 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn slow_samples_are_taken_less_often() {
        let mut sampler = Sampler::new();
        let time = Cell::new(0);
        let next = sampler.sample(|| time.replace(time.get() + INTERVAL));
        assert!(next > PAUSE * INTERVAL);
    }
}

//! When a worker has lived long enough.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The limits at which a worker ends between two jobs, and another takes its place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LifetimeLimits {
    /// The most jobs.
    pub(crate) jobs: Option<u64>,
    /// The most private bytes in RAM.
    pub(crate) memory: Option<u64>,
}

/// The life of one worker.
#[derive(Debug)]
pub(crate) struct Lifetime {
    jobs_left: Option<u64>,
    memory: Option<(u64, Private)>,
}

impl Lifetime {
    /// That of the process `pid`. It runs up to a tenth fewer jobs than the limit, by chance, so that workers that started together do not
    /// end together.
    pub(crate) fn new(span: LifetimeLimits, pid: u32) -> Self {
        let memory = span.memory.and_then(|limit| Some((limit, Private::of(pid).ok()?)));
        Self { jobs_left: span.jobs.map(|most| most - jitter(most)), memory }
    }

    /// The memory that it has by now does not count: it is shared with the process that it was forked from.
    pub(crate) fn leave_out_present_memory(&mut self) {
        if let Some((limit, private)) = &mut self.memory {
            *limit = limit.saturating_add(private.bytes().unwrap_or_default());
        }
    }

    /// Records that it has run `jobs` more jobs.
    pub(crate) fn count(&mut self, jobs: u64) {
        if let Some(left) = &mut self.jobs_left {
            *left = left.saturating_sub(jobs);
        }
    }

    /// How many it may run still.
    pub(crate) fn jobs_left(&self) -> u64 {
        self.jobs_left.unwrap_or(u64::MAX)
    }

    /// Whether it should run no other job. Asks the kernel for its memory, where there is a limit: a few microseconds.
    pub(crate) fn is_over(&self) -> bool {
        let is_large =
            || self.memory.as_ref().is_some_and(|(limit, private)| private.bytes().is_ok_and(|now| now > *limit));
        self.jobs_left == Some(0) || is_large()
    }
}

/// A random number up to a tenth of `most`. 0 where that is below 10.
fn jitter(most: u64) -> u64 {
    fastrand::u64(0..=most / 10)
}

/// How much memory of a process is in RAM and of no file, so its alone: `/proc/<pid>/statm` (`proc_pid_statm(5)`), kept open. Shared memory
/// counts as a file's there.
#[derive(Debug)]
pub(crate) struct Private(File);

impl Private {
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        File::open(format!("/proc/{pid}/statm")).map(Self)
    }

    pub(crate) fn bytes(&self) -> io::Result<u64> {
        let mut text = [0; 128];
        let read = self.0.read_at(&mut text, 0)?;
        let numbers = std::str::from_utf8(&text[..read]).ok().and_then(|text| {
            let mut numbers = text.split(' ').skip(1).map(|number| number.parse::<u64>().ok());
            Some((numbers.next()??, numbers.next()??))
        });
        let (resident, shared) = numbers.ok_or_else(|| io::Error::other("statm has no three numbers"))?;
        Ok(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn of_jobs(most: u64) -> u64 {
        let mut life = Lifetime::new(LifetimeLimits { jobs: Some(most), memory: None }, std::process::id());
        let mut jobs = 0;
        while !life.is_over() {
            life.count(1);
            jobs += 1;
        }
        jobs
    }

    #[test]
    fn it_is_over_after_its_jobs_or_up_to_a_tenth_earlier() {
        assert_eq!((of_jobs(1), of_jobs(9)), (1, 9));
        let lives: BTreeSet<_> = (0..100).map(|_| of_jobs(100)).collect();
        assert!(lives.iter().all(|jobs| (90..=100).contains(jobs)), "{lives:?}");
        assert!(lives.len() > 5, "they do not end together: {lives:?}");
    }

    #[test]
    fn it_is_over_when_it_holds_too_much() {
        let me = std::process::id();
        let with = |memory: u64| Lifetime::new(LifetimeLimits { jobs: None, memory: Some(memory) }, me);
        assert!(with(1).is_over());
        assert!(!with(1 << 40).is_over());
    }

    #[test]
    fn without_limits_it_is_never_over() {
        let mut life = Lifetime::new(LifetimeLimits::default(), std::process::id());
        life.count(1);
        assert!(!life.is_over());
    }

    #[test]
    fn private_memory_grows_with_what_is_touched() {
        let private = Private::of(std::process::id()).unwrap();
        let before = private.bytes().unwrap();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = private.bytes().unwrap();
        assert!(after >= before + (32 << 20), "{before} bytes before, {after} after");
        drop(block);
    }
}

//! Hears of the jobs while a recording goes on.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::log::Log;
use super::memory::Sampler;
use super::timeline::{self, Bar, State, Timeline};
use crate::observe::{EndedJob, Observer, RunningJob};

/// The part of a recording that the pools share.
pub(super) struct Recorder {
    began: Instant,
    limit: usize,
    state: Mutex<Recorded>,
    sampler: Mutex<Sampler>,
    /// The time of the next sample.
    next_sample: AtomicI64,
}

struct Recorded {
    log: Log,
    /// When the recording was stopped, and the jobs that ran then.
    stopped: Option<(i64, Vec<Bar>)>,
}

impl Recorder {
    /// A recording that begins now.
    pub(super) fn new(limit: usize) -> Self {
        let state = Mutex::new(Recorded { log: Log::new(limit), stopped: None });
        let (sampler, next_sample) = (Mutex::new(Sampler::new()), AtomicI64::new(0));
        let recorder = Self { began: Instant::now(), limit, state, sampler, next_sample };
        recorder.sample(0);
        recorder
    }

    /// Ends the recording. `running` returns the jobs that run.
    pub(super) fn stop(&self, running: impl Fn() -> Vec<RunningJob>) {
        if self.state.lock().stopped.is_some() {
            return;
        }
        self.sample(i64::MAX);
        // Before the lock: those of them that end meanwhile are in the log.
        let running = running();
        let mut state = self.state.lock();
        if state.stopped.is_none() {
            let now = self.now();
            let running = self.still_running(&state.log, &running, now);
            state.stopped = Some((now, running));
        }
    }

    /// All until now, or until the recording was stopped.
    pub(super) fn timeline(&self, program: String, running: impl Fn() -> Vec<RunningJob>) -> Timeline {
        let running = running();
        if self.state.lock().stopped.is_none() {
            self.sample(i64::MAX);
        }
        let state = self.state.lock();
        let (mut bars, dropped) = state.log.all();
        let (length, running) = state.stopped.clone().unwrap_or_else(|| {
            let now = self.now();
            (now, self.still_running(&state.log, &running, now))
        });
        drop(state);
        bars.push(Arc::new(running));
        timeline::order_in_processes(&mut bars);
        let memory = self.sampler.lock().samples().to_vec();
        Timeline { program, bars, memory, length, dropped, limit: self.limit }
    }

    /// The bars of the jobs that run: of those in a worker process, the first runs, and the others wait behind it.
    fn still_running(&self, log: &Log, running: &[RunningJob], now: i64) -> Vec<Bar> {
        let mut processes = HashSet::new();
        let firsts = running.iter().filter(|job| job.pid.is_none_or(|pid| processes.insert(pid)));
        let bars = firsts.map(|job| {
            let start = self.time(job.started_at).min(now);
            self.bar(job, State::Running, [start, now], now - start)
        });
        bars.filter(|bar| !log.has(bar)).collect()
    }

    fn bar(&self, job: &RunningJob, state: State, [start, end]: [i64; 2], ran: i64) -> Bar {
        let (worker, id, attempt, pid) = (job.worker.clone(), job.id, job.attempt, job.pid);
        Bar {
            worker,
            pid,
            id,
            job: job.description.clone(),
            attempt,
            queued: self.time(job.queued_at),
            start,
            end,
            ran,
            state,
        }
    }

    fn now(&self) -> i64 {
        self.time(Instant::now())
    }

    fn time(&self, when: Instant) -> i64 {
        match when.checked_duration_since(self.began) {
            Some(since) => nanos(since.as_nanos()),
            None => -nanos(self.began.duration_since(when).as_nanos()),
        }
    }

    /// Takes a sample of the memory, if that is due at the time `now` and no other thread does so.
    fn sample(&self, now: i64) {
        // Relaxed: the sampler is behind a lock, and two samples in a row do no harm.
        if now >= self.next_sample.load(Ordering::Relaxed) {
            if let Some(mut sampler) = self.sampler.try_lock() {
                self.next_sample.store(sampler.sample(|| self.now()), Ordering::Relaxed);
            }
        }
    }
}

impl Observer for Recorder {
    fn job_started(&self, job: &RunningJob) {
        if let Some(pid) = job.pid {
            if let Some(mut sampler) = self.sampler.try_lock() {
                sampler.add_worker(pid);
            }
        }
        self.sample(self.time(job.started_at));
    }

    fn job_ended(&self, ended: &EndedJob) {
        let (start, ran) = (self.time(ended.job.started_at), nanos(ended.ran.as_nanos()));
        // A job of a thread has ended by now, as its times say.
        let end = if ended.job.pid.is_some() { self.now() } else { start.saturating_add(ran) };
        let bar = self.bar(&ended.job, ended.outcome.into(), [start, end], ran);
        let mut state = self.state.lock();
        let oldest = if state.stopped.is_none() { state.log.add(bar) } else { None };
        drop(state);
        drop(oldest);
        self.sample(end);
    }
}

/// The range is 292 years.
fn nanos(nanos: u128) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

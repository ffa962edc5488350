//! A recording, ready to be drawn or saved.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::observe::{JobDescription, JobOutcome};
use crate::status::JobId;

/// All that was recorded until some moment. Times are nanoseconds since the start of the recording, negative before it.
#[derive(Debug)]
pub(super) struct Timeline {
    /// The name of the program.
    pub(super) program: String,
    /// In the order in which the jobs ended, then those that still run.
    pub(super) bars: Vec<Arc<Vec<Bar>>>,
    pub(super) memory: Vec<Memory>,
    pub(super) length: i64,
    /// How many of the oldest jobs were dropped, and at how many that began.
    pub(super) dropped: u64,
    pub(super) limit: usize,
}

/// A job that ran, or runs, on a worker.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) worker: Arc<str>,
    /// The worker's process, if that is not this one.
    pub(super) pid: Option<u32>,
    pub(super) id: JobId,
    pub(super) job: JobDescription,
    pub(super) attempt: u32,
    pub(super) queued: i64,
    /// For a job in a process, when it was sent there, until [`order_in_processes`] is called.
    pub(super) start: i64,
    /// For a job that runs, the end of the recording.
    pub(super) end: i64,
    /// How long the job ran.
    pub(super) ran: i64,
    pub(super) state: State,
}

/// How a job ended, if it did. Later ones are drawn over earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum State {
    Completed,
    Running,
    Cancelled,
    Failed,
    TimedOut,
    Panicked,
    Crashed,
}

impl State {
    pub(super) const ALL: [Self; 7] =
        [Self::Completed, Self::Running, Self::Cancelled, Self::Failed, Self::TimedOut, Self::Panicked, Self::Crashed];

    /// In words, like those of [`JobOutcome::as_str`].
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Running => "still running",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Panicked => "panicked",
            Self::Crashed => "crashed",
        }
    }

    /// As one word of letters.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::TimedOut => "late",
            other => other.text(),
        }
    }
}

impl Bar {
    pub(super) fn name(&self) -> &str {
        self.job.name.as_str()
    }
}

impl From<JobOutcome> for State {
    fn from(outcome: JobOutcome) -> Self {
        match outcome {
            JobOutcome::Completed => Self::Completed,
            JobOutcome::Cancelled => Self::Cancelled,
            JobOutcome::Panicked => Self::Panicked,
            JobOutcome::TimedOut => Self::TimedOut,
            JobOutcome::Crashed => Self::Crashed,
            JobOutcome::Failed => Self::Failed,
        }
    }
}

/// The memory in use, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) at: i64,
    pub(super) own: u64,
    /// Of all worker processes together.
    pub(super) workers: Option<u64>,
}

/// The bars of one worker.
pub(super) struct Worker<'a> {
    pub(super) name: &'a str,
    /// In the order of their starts; of those that start at once, the longest first.
    pub(super) bars: Vec<&'a Bar>,
    /// Of each bar: the stack that it is in, and how many bars of the stack it is inside of.
    pub(super) places: Vec<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) stack: usize,
    pub(super) depth: usize,
}

impl Timeline {
    pub(super) fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.bars.iter().flat_map(|some| some.iter())
    }

    /// The bars by worker, or by worker and process, in the order of their names. Numbers in names count by their value.
    pub(super) fn workers(&self, by_process: bool) -> Vec<Worker<'_>> {
        let mut workers: BTreeMap<_, Vec<&Bar>> = BTreeMap::new();
        for bar in self.bars() {
            let pid = bar.pid.filter(|_| by_process);
            workers.entry((sort_key(&bar.worker), pid)).or_default().push(bar);
        }
        workers.into_iter().map(|((key, _), bars)| Worker::new(key.worker, bars)).collect()
    }

    /// How many jobs waited in the queue, from each moment on when that changes. Counts jobs that ran in the end.
    pub(super) fn queue_depth(&self) -> Vec<(i64, u64)> {
        let waits = self.bars().map(|bar| (bar.queued, bar.start)).filter(|(queued, start)| queued < start);
        let mut changes: Vec<_> = waits.flat_map(|(queued, start)| [(queued.max(0), 1), (start.max(0), -1)]).collect();
        changes.sort_unstable();
        let mut depth = 0_i64;
        let mut steps: Vec<(i64, u64)> = Vec::new();
        for (at, change) in changes {
            depth += change;
            let now = u64::try_from(depth).unwrap_or_default();
            match steps.last_mut() {
                Some(last) if last.0 == at => last.1 = now,
                _ => steps.push((at, now)),
            }
        }
        steps
    }

    /// How many jobs are in each state, without the states of none.
    pub(super) fn counts(&self) -> Vec<(State, usize)> {
        let mut counts = State::ALL.map(|state| (state, 0));
        for bar in self.bars() {
            counts[bar.state as usize].1 += 1;
        }
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct SortKey<'a> {
    text: &'a str,
    number: u64,
    worker: &'a str,
}

/// So that `exec-10` comes after `exec-9`.
fn sort_key(worker: &str) -> SortKey<'_> {
    let text = worker.trim_end_matches(|c: char| c.is_ascii_digit());
    SortKey { text, number: worker[text.len()..].parse().unwrap_or_default(), worker }
}

impl<'a> Worker<'a> {
    fn new(name: &'a str, mut bars: Vec<&'a Bar>) -> Self {
        bars.sort_by_key(|bar| (bar.start, std::cmp::Reverse(bar.end), bar.id));
        let places = places(&bars);
        Self { name, bars, places }
    }

    /// How many rows it takes to draw each stack.
    pub(super) fn heights(&self) -> Vec<usize> {
        let mut heights = Vec::new();
        for place in &self.places {
            heights.resize(heights.len().max(place.stack + 1), 0);
            heights[place.stack] = heights[place.stack].max(place.depth + 1);
        }
        heights
    }

    /// How long the worker had a job, within `0..length`. Jobs inside of others count once.
    pub(super) fn busy(&self, length: i64) -> i64 {
        let (mut busy, mut until) = (0, 0);
        for bar in &self.bars {
            let end = bar.end.min(length);
            busy += (end - bar.start.max(until)).max(0);
            until = until.max(end);
        }
        busy
    }
}

/// Puts each bar on a stack, where it is inside of the one below it, or begins after all of them have ended.
fn places(bars: &[&Bar]) -> Vec<Place> {
    let mut stacks: Vec<Vec<i64>> = Vec::new();
    let mut place = |bar: &&Bar| {
        for (stack, ends) in stacks.iter_mut().enumerate() {
            while ends.last().is_some_and(|end| *end <= bar.start) {
                ends.pop();
            }
            if ends.last().is_none_or(|end| bar.end <= *end) {
                ends.push(bar.end);
                return Place { stack, depth: ends.len() - 1 };
            }
        }
        stacks.push(vec![bar.end]);
        Place { stack: stacks.len() - 1, depth: 0 }
    };
    bars.iter().map(&mut place).collect()
}

/// Sets the starts of jobs that were sent to a worker process together. It runs one at a time, in the order in which it reports their ends.
pub(super) fn order_in_processes(bars: &mut [Arc<Vec<Bar>>]) {
    let mut processes: HashMap<u32, Vec<&mut Bar>> = HashMap::new();
    let with_processes = bars.iter_mut().filter(|bars| bars.iter().any(|bar| bar.pid.is_some()));
    for bar in with_processes.flat_map(Arc::make_mut) {
        if let Some(pid) = bar.pid {
            processes.entry(pid).or_default().push(bar);
        }
    }
    for bars in processes.values_mut() {
        order(bars);
    }
}

fn order(bars: &mut [&mut Bar]) {
    // As late as possible: a report comes at the job's end, or behind those of later jobs.
    let mut next = i64::MAX;
    for bar in bars.iter_mut().rev() {
        bar.end = bar.end.min(next);
        bar.start = bar.start.max(bar.end.saturating_sub(bar.ran));
        // Of a job that returned, the process measured the time. That of others began when they were sent.
        next = if matches!(bar.state, State::Completed | State::Panicked) { bar.start } else { bar.end };
    }
    let mut before = i64::MIN;
    for bar in bars {
        bar.start = bar.start.max(before);
        bar.end = bar.end.max(bar.start);
        before = bar.end;
    }
}

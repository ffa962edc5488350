//! The settings of a scheduler.

use std::sync::Arc;
use std::time::Duration;

use executor_core::dump::{Inspect, OnStall};
use executor_core::observe::measures_all;

use super::hooks::Hooks;

/// The settings of a [`Scheduler`](super::Scheduler).
#[derive(Clone, Debug)]
pub struct Config {
    /// The prefix of thread names: `name-0`, `name-1` and so on.
    pub name: Arc<str>,
    /// How many jobs run at once, at most.
    pub workers: usize,
    /// How many workers stay alive while idle.
    pub min_workers: usize,
    /// How long the other workers stay idle before they end.
    pub keep_alive: Duration,
    /// How many jobs may wait. `None` means no limit.
    pub capacity: Option<usize>,
    /// The stack size of each thread, in bytes. `None` means the standard library's (2 MiB, or `RUST_MIN_STACK`).
    pub stack_size: Option<usize>,
    /// Whether to measure how long jobs wait and run, and to list those that run. A runner that does not run jobs on its own thread reports
    /// them with [`ObservedRun`](executor_core::registry::ObservedRun).
    pub measure: bool,
    /// The functions that each thread calls when it starts and stops.
    pub hooks: Hooks,
    /// The type of the pool, for reports. Default: `Scheduler`.
    pub kind: &'static str,
    /// Adds to a report what only the pool knows.
    pub inspect: Option<Inspect>,
    /// When to report a stall, and to which function. Needs `measure`.
    pub on_stall: Option<OnStall>,
}

impl Config {
    /// Settings for up to `workers` threads, named `name-0`, `name-1` and so on. Defaults: they end after 10 s without a job, the stack
    /// size is the standard library's, and the queue has no limit.
    pub fn new(name: impl Into<Arc<str>>, workers: usize) -> Self {
        let keep_alive = Duration::from_secs(10);
        let hooks = Hooks::default();
        Self {
            name: name.into(),
            workers,
            min_workers: 0,
            keep_alive,
            capacity: None,
            stack_size: None,
            measure: false,
            hooks,
            kind: "Scheduler",
            inspect: None,
            on_stall: None,
        }
    }

    /// Sets whether to measure. True also if stalls are to be reported, or if the environment says so for
    /// [all pools](executor_core::observe::measures_all).
    #[must_use]
    pub fn with_measure(mut self, measures: bool) -> Self {
        self.measure = measures || self.on_stall.is_some() || measures_all();
        self
    }
}

//! The settings of a scheduler.

use std::sync::Arc;
use std::time::Duration;

use super::hooks::Hooks;

/// The settings of a [`Scheduler`](super::Scheduler).
#[derive(Clone, Debug)]
pub struct Config {
    /// The workers' threads are called this and a number: `name-0`.
    pub name: Arc<str>,
    /// How many jobs run at once.
    pub workers: usize,
    /// How many of the workers stay, however long they are idle.
    pub min_workers: usize,
    /// How long the others stay idle before they end.
    pub keep_alive: Duration,
    /// How many jobs may wait. `None` for as many as there is memory for.
    pub capacity: Option<usize>,
    /// The stack of a worker's thread, in bytes. `None` leaves it to the standard library (2 MiB, or `RUST_MIN_STACK`).
    pub stack_size: Option<usize>,
    /// Whether it measures how long jobs wait, and how long they run. Those that a worker runs in place tell it themselves; others are
    /// told of by [`QueuedControl::record_run`](executor_core::cell::QueuedControl::record_run).
    pub measure: bool,
    /// The functions that each worker's thread calls when it starts and stops.
    pub hooks: Hooks,
}

impl Config {
    /// Up to `workers` threads called `name-0`, `name-1`, and so on, each with a stack of the usual size, which end after
    /// ten idle seconds.
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
        }
    }
}

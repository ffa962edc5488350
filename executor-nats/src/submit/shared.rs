//! Shared by an executor's handles, its engine and its callbacks.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Instant;

use executor_core::current::activity::{ActivityKind, PoolName};
use executor_core::current::block_in;
use executor_core::job_counters::JobCounters;
use executor_core::queue_id::{JobDeparture, QueueId};
use executor_core::registry::QueueRegistration;
use executor_core::{Promise, Stats};
use parking_lot::{Condvar, Mutex};
use tokio::sync::mpsc::UnboundedSender;

use super::callbacks::{Callbacks, Inside, inside};
use super::engine::Command;
use super::hosts::Hosts;

/// How many jobs may be on their way to the server, before a submit waits.
const MAX_UNSTORED: usize = 10_000;

pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    queue: QueueRegistration,
    pub(crate) counters: Arc<JobCounters>,
    pub(crate) hosts: Hosts,
    commands: UnboundedSender<Command>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_closed: bool,
    /// The engine has been told to end.
    is_ending: bool,
    is_gone: bool,
    next_number: u64,
    /// Jobs that were accepted and have no outcome, or whose callback has not returned.
    open: usize,
    delayed: usize,
    running: usize,
    /// Jobs that have their outcome, and whose callback has not returned.
    telling: usize,
    unstored: usize,
    threads: Vec<JoinHandle<()>>,
    joiners: usize,
    closed: Vec<Promise<()>>,
}

impl State {
    fn take_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }
}

impl Shared {
    pub(crate) fn new(name: Arc<str>, hosts: Hosts, commands: UnboundedSender<Command>) -> Arc<Self> {
        let counters = JobCounters::new(false);
        Arc::new_cyclic(|shared: &Weak<Self>| {
            let departures: Weak<dyn JobDeparture> = shared.clone();
            Self {
                name,
                queue: QueueRegistration::counted(departures, counters.clone()),
                counters,
                hosts,
                commands,
                state: Mutex::default(),
                changed: Condvar::new(),
            }
        })
    }

    pub(crate) fn queue_id(&self) -> QueueId {
        self.queue.id()
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.state.lock().is_gone
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    /// Which thread of this executor the calling one is.
    pub(crate) fn inside(&self) -> Option<Inside> {
        inside(self.queue_id())
    }

    /// Whether there are too many jobs on their way to the server, so that a submit should wait.
    pub(crate) fn is_behind(&self) -> bool {
        self.state.lock().unstored >= MAX_UNSTORED
    }

    /// Lets a job in. Returns `None` if the executor is closed. Waits if `waits` and too many jobs are on their way to the server.
    /// `command` makes its command from its number; commands come to the engine in the order of the numbers.
    pub(crate) fn enter(&self, is_delayed: bool, waits: bool, command: impl FnOnce(u64) -> Command) -> Option<u64> {
        if waits && self.inside().is_none() {
            self.wait_for_slot();
        }
        self.let_in(command, |state| {
            state.unstored += usize::from(!is_delayed);
            state.delayed += usize::from(is_delayed);
        })
    }

    /// Lets a job in that the server has already. Returns `None` if the executor is closed.
    pub(crate) fn enter_stored(&self, command: impl FnOnce(u64) -> Command) -> Option<u64> {
        self.let_in(command, |_| ())
    }

    fn let_in(&self, command: impl FnOnce(u64) -> Command, count: impl FnOnce(&mut State)) -> Option<u64> {
        let mut state = self.state.lock();
        if state.is_closed {
            return None;
        }
        let number = state.take_number();
        state.open += 1;
        count(&mut state);
        // The engine is there as long as the executor is not closed.
        drop(self.commands.send(command(number)));
        Some(number)
    }

    /// A number that no job has.
    pub(crate) fn next_number(&self) -> u64 {
        self.state.lock().take_number()
    }

    /// Waits while too many jobs are on their way to the server.
    fn wait_for_slot(&self) {
        let mut state = self.state.lock();
        if state.unstored < MAX_UNSTORED {
            return;
        }
        drop(state);
        let _blocked = block_in(ActivityKind::WaitForSlot(self.pool_name()), None);
        state = self.state.lock();
        while state.unstored >= MAX_UNSTORED && !state.is_closed {
            self.changed.wait(&mut state);
        }
    }

    fn pool_name(&self) -> PoolName {
        PoolName { name: self.name.clone(), queue_id: self.queue_id() }
    }

    /// Waits until every job that is not delayed is stored. Returns false if the time is over, and on a thread of this executor if jobs
    /// are not stored.
    pub(crate) fn wait_stored(&self, deadline: Option<Instant>) -> bool {
        let is_inside = self.inside().is_some();
        let mut state = self.state.lock();
        while state.unstored > 0 {
            if is_inside || !self.wait_for_change(&mut state, deadline) {
                return false;
            }
        }
        true
    }

    /// Returns false if the engine has ended.
    pub(crate) fn send(&self, command: Command) -> bool {
        self.commands.send(command).is_ok()
    }

    /// A job that was on its way to the server is stored there, or never will be.
    pub(crate) fn one_stored(&self) {
        let left = {
            let mut state = self.state.lock();
            state.unstored -= 1;
            state.unstored
        };
        // A submitter that waits for room is not woken for each job.
        if left == 0 || left == MAX_UNSTORED / 2 {
            self.changed.notify_all();
        }
    }

    /// The delay of a job is over: it is on its way to the server.
    pub(crate) fn one_due(&self) {
        let mut state = self.state.lock();
        state.delayed -= 1;
        state.unstored += 1;
    }

    /// A delayed job ends before its time.
    pub(crate) fn one_undelayed(&self) {
        self.state.lock().delayed -= 1;
    }

    pub(crate) fn one_started(&self) {
        self.state.lock().running += 1;
    }

    pub(crate) fn one_stopped(&self) {
        self.state.lock().running -= 1;
    }

    /// A job has its outcome, and its callback is about to be called.
    pub(crate) fn one_to_tell(&self) {
        self.state.lock().telling += 1;
    }

    /// The callback of such a job has returned.
    pub(crate) fn one_told(&self) {
        self.state.lock().telling -= 1;
        self.one_done();
    }

    /// A job has its outcome, and no callback.
    pub(crate) fn one_done(&self) {
        let mut state = self.state.lock();
        state.open -= 1;
        self.end_if_done(&mut state);
        let is_idle = state.open == 0;
        drop(state);
        if is_idle {
            self.changed.notify_all();
        }
    }

    fn end_if_done(&self, state: &mut State) {
        if state.is_closed && state.open == 0 && !state.is_ending {
            state.is_ending = true;
            drop(self.commands.send(Command::End));
        }
    }

    /// Lets no further job in. Returns the numbers at that moment.
    pub(crate) fn close(&self) -> Stats {
        let mut state = self.state.lock();
        let stats = self.stats_in(&state);
        if !std::mem::replace(&mut state.is_closed, true) {
            drop(self.commands.send(Command::Close));
        }
        self.end_if_done(&mut state);
        drop(state);
        self.changed.notify_all();
        stats
    }

    pub(crate) fn set_threads(&self, threads: Vec<JoinHandle<()>>) {
        self.state.lock().threads = threads;
    }

    /// The engine has ended: no thread and no connection is left, but for the one that says so, and the one for callbacks.
    pub(crate) fn gone(&self, callbacks: &Callbacks) {
        let closed = {
            let mut state = self.state.lock();
            state.is_gone = true;
            std::mem::take(&mut state.closed)
        };
        self.changed.notify_all();
        for promise in closed {
            callbacks.run(move || {
                promise.complete(());
            });
        }
    }

    pub(crate) fn when_closed(&self, promise: Promise<()>) {
        let mut state = self.state.lock();
        if state.is_gone {
            drop(state);
            promise.complete(());
        } else {
            state.closed.push(promise);
        }
    }

    /// Waits until the executor is empty and its threads have ended. Returns false if the time is over.
    pub(crate) fn wait_gone(&self, deadline: Option<Instant>) -> bool {
        if self.inside().is_some() {
            return true;
        }
        let _blocked = block_in(ActivityKind::WaitForShutdown(self.pool_name()), deadline);
        let mut state = self.state.lock();
        while !state.is_gone {
            if !self.wait_for_change(&mut state, deadline) {
                return false;
            }
        }
        let threads = std::mem::take(&mut state.threads);
        state.joiners += 1;
        drop(state);
        for thread in threads {
            drop(thread.join());
        }
        let mut state = self.state.lock();
        state.joiners -= 1;
        self.changed.notify_all();
        // Another caller may be about to join them.
        while state.joiners > 0 {
            self.changed.wait(&mut state);
        }
        true
    }

    /// Waits until no job is open. Returns false if the time is over.
    pub(crate) fn wait_idle(&self, deadline: Option<Instant>) -> bool {
        if self.inside().is_some() {
            return true;
        }
        let _blocked = block_in(ActivityKind::WaitForIdle(self.pool_name()), deadline);
        let mut state = self.state.lock();
        while state.open > 0 {
            if !self.wait_for_change(&mut state, deadline) {
                return false;
            }
        }
        true
    }

    fn wait_for_change(&self, state: &mut parking_lot::MutexGuard<'_, State>, deadline: Option<Instant>) -> bool {
        match deadline {
            None => self.changed.wait(state),
            Some(deadline) if deadline <= Instant::now() => return false,
            Some(deadline) => drop(self.changed.wait_until(state, deadline)),
        }
        true
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stats_in(&self.state.lock())
    }

    /// How many jobs are delayed, and how many run.
    pub(crate) fn delayed_and_running(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.delayed, state.running)
    }

    fn stats_in(&self, state: &State) -> Stats {
        let mut stats = self.counters.stats();
        stats.delayed = state.delayed;
        stats.running = state.running;
        stats.queued = state.open.saturating_sub(state.delayed + state.running + state.telling);
        stats.workers = self.hosts.workers();
        stats.idle = stats.workers.saturating_sub(stats.running);
        stats
    }
}

/// Jobs that never start leave by way of their cells.
impl JobDeparture for Shared {
    fn on_removed(&self, _: QueueId, _: bool) {}

    fn on_finished(&self, _: QueueId) {
        self.one_done();
    }
}

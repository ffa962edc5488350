//! Hears of the death of each worker, whatever else is open: the end of its channel would not tell, since a process that it
//! started may hold that open.
//!
//! One thread for all pools of this process waits on a descriptor of each worker (`pidfd_open(2)`), and on a timer for each
//! that is to end. It starts with the first worker and ends with the last.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use executor_thread::fork::PerProcess;
use parking_lot::Mutex;
use rustix::event::{Timespec, epoll};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};

use crate::protocol::limits::ANSWER_LIMIT;

/// A process that is watched. Its methods run on the watcher's thread.
pub(crate) trait Watched: Send + Sync {
    fn pid(&self) -> u32;
    /// The process has died.
    fn on_death(&self);
    /// It had the time that [`alarm`] was given.
    fn on_timer(&self);
    /// It has closed the other end of its socket.
    fn on_hang_up(&self);
}

/// Memory that is looked at again after a while.
pub(crate) trait Rested: Send + Sync {
    /// Gives the memory back if it has rested. Returns how long to wait before the next look.
    fn shrink_after_rest(&self) -> Option<Duration>;
}

/// The one that takes new processes.
static RUNNING: PerProcess<Mutex<Option<Running>>> = PerProcess::new(Mutex::new(None));

type Running = (Arc<Watcher>, JoinHandle<()>);

struct Watcher {
    events: OwnedFd,
    /// Ready when the first of the calls is due. Made with the watcher, so that no call fails for lack of a descriptor.
    calls_timer: OwnedFd,
    list: Mutex<List>,
}

/// A function that is called at the end of a limit.
type Call = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct List {
    watched: HashMap<u32, Entry>,
    /// By their times, which have the same distance from when they were added.
    calls: VecDeque<(Instant, Call)>,
    /// Its thread ends, or has ended: it takes no new process.
    is_closed: bool,
}

struct Entry {
    process: Arc<dyn Watched>,
    /// Ready when it has died.
    death: Arc<OwnedFd>,
    /// Ready when it has had its time to end.
    alarm: Option<OwnedFd>,
    /// Ready when its memory may have rested for long enough.
    reminder: Option<(OwnedFd, Weak<dyn Rested>)>,
}

/// The events that a ready descriptor stands for, beside the pid of the process.
const DEATH: u64 = 0;
const ALARM: u64 = 1;
const REMINDER: u64 = 2;
const HANG_UP: u64 = 3;

/// Of no process: the timer of the calls.
const CALLS: u32 = 0;

fn key(pid: u32, event: u64) -> epoll::EventData {
    epoll::EventData::new_u64(u64::from(pid) << 2 | event)
}

/// Watches `process`, whose death `death` becomes ready for.
pub(crate) fn watch(process: Arc<dyn Watched>, death: Arc<OwnedFd>) -> io::Result<()> {
    let member = Entry { process, death, alarm: None, reminder: None };
    let mut running = RUNNING.get().lock();
    if let Some((watcher, _)) = &*running {
        let mut list = watcher.list.lock();
        if !list.is_closed {
            return watcher.add(&mut list, member);
        }
    }
    let events = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let calls_timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
    epoll::add(&events, &calls_timer, key(CALLS, ALARM), epoll::EventFlags::IN)?;
    let watcher = Arc::new(Watcher { events, calls_timer, list: Mutex::default() });
    watcher.add(&mut watcher.list.lock(), member)?;
    let body = Arc::clone(&watcher);
    let builder = thread::Builder::new().name("executor-watcher".into()).stack_size(128 * 1024);
    let thread = builder.spawn(move || body.work())?;
    let before = running.replace((watcher, thread));
    drop(running);
    join(before);
    Ok(())
}

/// Calls [`on_hang_up`](Watched::on_hang_up) once, when the process has closed the other end of `socket`.
pub(crate) fn watch_connection(process: &dyn Watched, socket: BorrowedFd<'_>) -> io::Result<()> {
    match &*RUNNING.get().lock() {
        // The kernel tells of an end whatever else is asked for. Closing the socket takes it from the set.
        Some((watcher, _)) => {
            epoll::add(&watcher.events, socket, key(process.pid(), HANG_UP), epoll::EventFlags::ONESHOT)
                .map_err(Into::into)
        }
        None => Ok(()), // it is gone
    }
}

/// Calls [`on_timer`](Watched::on_timer) at the end of `limit`, unless the process has died. Replaces an earlier alarm of it.
pub(crate) fn alarm(process: &dyn Watched, limit: Duration) -> io::Result<()> {
    // Not under the lock, which a death needs too.
    let timer = timer(limit)?;
    match &*RUNNING.get().lock() {
        Some((watcher, _)) => watcher.set_alarm(process, timer),
        None => Ok(()), // it was the last one, and is gone
    }
}

/// Calls `call` at the end of [`ANSWER_LIMIT`], on the watcher's thread, if any process is left by then.
pub(crate) fn call_after_answer_limit(call: Call) {
    let running = RUNNING.get().lock();
    let Some((watcher, _)) = &*running else { return };
    let mut list = watcher.list.lock();
    if list.calls.is_empty() {
        // It fails for no timer of ours.
        let _ = set(&watcher.calls_timer, ANSWER_LIMIT);
    }
    list.calls.push_back((Instant::now() + ANSWER_LIMIT, call));
}

/// Looks after `limit` whether the memory that goes to the process `pid` and back has rested. False if it cannot.
pub(crate) fn remind(pid: u32, payloads: Weak<dyn Rested>, limit: Duration) -> bool {
    let running = RUNNING.get().lock();
    let Some((watcher, _)) = &*running else { return false };
    let mut list = watcher.list.lock();
    let Some(watched) = list.watched.get_mut(&pid) else { return false };
    let Ok(timer) = timer(limit) else { return false };
    let is_added = epoll::add(&watcher.events, &timer, key(pid, REMINDER), epoll::EventFlags::IN).is_ok();
    if is_added {
        watched.reminder = Some((timer, payloads));
    }
    is_added
}

/// Returns when the thread is gone, unless it has something left to watch.
pub(crate) fn settle() {
    let mut running = RUNNING.get().lock();
    let is_idle = running.as_ref().is_some_and(|(watcher, _)| {
        let mut list = watcher.list.lock();
        list.is_closed |= list.watched.is_empty();
        list.is_closed
    });
    let before = running.take_if(|_| is_idle);
    drop(running);
    join(before);
}

fn join(ended: Option<(Arc<Watcher>, JoinHandle<()>)>) {
    if let Some((_, thread)) = ended {
        // It has nothing left to do but to return.
        drop(thread.join());
    }
}

impl Watcher {
    fn add(&self, list: &mut List, watched: Entry) -> io::Result<()> {
        let pid = watched.process.pid();
        epoll::add(&self.events, &*watched.death, key(pid, DEATH), epoll::EventFlags::IN)?;
        list.watched.insert(pid, watched);
        Ok(())
    }

    /// The body of the thread. The list is empty only before it ends, so it never waits for nothing.
    fn work(&self) {
        let mut events = Vec::with_capacity(32);
        loop {
            events.clear();
            // An error is an interruption by a signal, or a mistake of ours that has no cure.
            let _ = epoll::wait(&self.events, rustix::buffer::spare_capacity(&mut events), None);
            for event in events.drain(..) {
                let data = event.data.u64();
                let pid = u32::try_from(data >> 2).unwrap_or_default();
                match data & 3 {
                    DEATH => self.reap(pid),
                    ALARM if pid == CALLS => self.make_calls(),
                    ALARM => self.ring(pid),
                    HANG_UP => self.hang_up(pid),
                    _ => self.remind(pid),
                }
            }
            let mut list = self.list.lock();
            if list.watched.is_empty() {
                list.is_closed = true;
                return;
            }
        }
    }

    fn reap(&self, pid: u32) {
        // Off the list while the pid is still its own: the next process may get the same one.
        let watched = self.list.lock().watched.remove(&pid);
        if let Some(watched) = watched {
            let _ = epoll::delete(&self.events, &*watched.death);
            watched.process.on_death();
        }
    }

    /// Makes the calls that are due.
    fn make_calls(&self) {
        let mut list = self.list.lock();
        let _ = rustix::io::read(&self.calls_timer, &mut [0; 8]);
        let now = Instant::now();
        let due = list.calls.iter().take_while(|(when, _)| *when <= now).count();
        let due: Vec<_> = list.calls.drain(..due).collect();
        if let Some((when, _)) = list.calls.front() {
            let _ = set(&self.calls_timer, when.saturating_duration_since(now));
        }
        drop(list);
        for (_, call) in due {
            call();
        }
    }

    fn hang_up(&self, pid: u32) {
        let process = self.list.lock().watched.get(&pid).map(|watched| Arc::clone(&watched.process));
        if let Some(process) = process {
            process.on_hang_up();
        }
    }

    fn set_alarm(&self, process: &dyn Watched, timer: OwnedFd) -> io::Result<()> {
        let mut list = self.list.lock();
        let watched = list
            .watched
            .get_mut(&process.pid())
            .filter(|watched| std::ptr::addr_eq(Arc::as_ptr(&watched.process), process));
        let Some(watched) = watched else { return Ok(()) };
        epoll::add(&self.events, &timer, key(process.pid(), ALARM), epoll::EventFlags::IN)?;
        // Closing the last descriptor of a timer takes it from the set.
        watched.alarm = Some(timer);
        Ok(())
    }

    fn remind(&self, pid: u32) {
        let reminder = self.list.lock().watched.get_mut(&pid).and_then(|watched| watched.reminder.take());
        let Some((timer, payloads)) = reminder else { return };
        let _ = epoll::delete(&self.events, &timer);
        let Some(payloads) = payloads.upgrade() else { return };
        if let Some(left) = payloads.shrink_after_rest() {
            remind(pid, Arc::downgrade(&payloads), left);
        }
    }

    fn ring(&self, pid: u32) {
        let mut list = self.list.lock();
        let Some(watched) = list.watched.get_mut(&pid) else { return };
        // One that was heard may have been replaced since, by one whose time has not come.
        let has_rung = |timer: &mut OwnedFd| rustix::io::read(&*timer, &mut [0; 8]).is_ok();
        if watched.alarm.take_if(has_rung).is_some() {
            let process = Arc::clone(&watched.process);
            drop(list);
            process.on_timer();
        }
    }
}

/// A descriptor that becomes ready once `limit` is over.
fn timer(limit: Duration) -> io::Result<OwnedFd> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
    set(&timer, limit)?;
    Ok(timer)
}

fn set(timer: &OwnedFd, limit: Duration) -> io::Result<()> {
    // All zeros would mean never.
    let limit = limit.max(Duration::from_nanos(1));
    let it_value = Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
    let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
    Ok(())
}

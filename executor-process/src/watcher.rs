//! Hears of the death of each worker, whatever else is open: the end of its channel would not tell, since a process that it
//! started may hold that open.
//!
//! One thread for all pools of this process waits on a descriptor of each worker (`pidfd_open(2)`), and on a timer for each
//! that has not said hello. It starts with the first worker and ends with the last.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{Timespec, epoll};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};

use crate::process::Process;
use crate::seat::Kill;
use crate::transport::ParentEnd;

/// The one that takes new processes.
static RUNNING: Mutex<Option<(Arc<Watcher>, JoinHandle<()>)>> = Mutex::new(None);

struct Watcher {
    events: OwnedFd,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    watched: HashMap<u32, Watched>,
    /// Its thread ends, or has ended: it takes no new process.
    is_closed: bool,
}

struct Watched {
    process: Arc<Process>,
    /// Ready when it has died.
    death: OwnedFd,
    /// Ready when it has had its time to say hello.
    alarm: Option<OwnedFd>,
    /// Ready when its memory may have rested for long enough.
    reminder: Option<(OwnedFd, Weak<ParentEnd>)>,
}

/// What a descriptor that became ready tells, beside the pid of the process.
const DEATH: u64 = 0;
const ALARM: u64 = 1;
const REMINDER: u64 = 2;

fn key(pid: u32, event: u64) -> epoll::EventData {
    epoll::EventData::new_u64(u64::from(pid) << 2 | event)
}

/// Watches `process`, whose death `death` becomes ready for, and kills it unless it is [`connected`] within `limit`.
pub(crate) fn watch(process: &Arc<Process>, death: OwnedFd, limit: Duration) -> io::Result<()> {
    let member = Watched { process: Arc::clone(process), death, alarm: Some(alarm(limit)?), reminder: None };
    let mut running = RUNNING.lock();
    if let Some((watcher, _)) = &*running {
        let mut list = watcher.list.lock();
        if !list.is_closed {
            return watcher.add(&mut list, member);
        }
    }
    let events = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let watcher = Arc::new(Watcher { events, list: Mutex::default() });
    watcher.add(&mut watcher.list.lock(), member)?;
    let body = Arc::clone(&watcher);
    let builder = thread::Builder::new().name("executor-watcher".into()).stack_size(128 * 1024);
    let thread = builder.spawn(move || body.work())?;
    let before = running.replace((watcher, thread));
    drop(running);
    join(before);
    Ok(())
}

/// The process `pid` has said hello: its time no longer matters.
pub(crate) fn connected(pid: u32) {
    if let Some((watcher, _)) = &*RUNNING.lock() {
        watcher.forget_alarm(pid);
    }
}

/// Looks after `limit` whether the memory that goes to the process `pid` and back has rested. False if it cannot.
pub(crate) fn remind(pid: u32, payloads: Weak<ParentEnd>, limit: Duration) -> bool {
    let running = RUNNING.lock();
    let Some((watcher, _)) = &*running else { return false };
    let mut list = watcher.list.lock();
    let Some(watched) = list.watched.get_mut(&pid) else { return false };
    let Ok(timer) = alarm(limit) else { return false };
    let is_added = epoll::add(&watcher.events, &timer, key(pid, REMINDER), epoll::EventFlags::IN).is_ok();
    if is_added {
        watched.reminder = Some((timer, payloads));
    }
    is_added
}

/// Returns when the thread is gone, unless it has something left to watch.
pub(crate) fn settle() {
    let mut running = RUNNING.lock();
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
    fn add(&self, list: &mut List, watched: Watched) -> io::Result<()> {
        let pid = watched.process.pid();
        epoll::add(&self.events, &watched.death, key(pid, DEATH), epoll::EventFlags::IN)?;
        if let Some(alarm) = &watched.alarm {
            epoll::add(&self.events, alarm, key(pid, ALARM), epoll::EventFlags::IN)?;
        }
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
                    DEATH => self.bury(pid),
                    ALARM => self.time_out(pid),
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

    fn bury(&self, pid: u32) {
        // Off the list while the pid is still its own: the next process may get the same one.
        let watched = self.list.lock().watched.remove(&pid);
        if let Some(watched) = watched {
            let _ = epoll::delete(&self.events, &watched.death);
            watched.process.bury();
        }
    }

    fn time_out(&self, pid: u32) {
        self.forget_alarm(pid);
        let process = self.list.lock().watched.get(&pid).map(|watched| Arc::clone(&watched.process));
        if let Some(process) = process {
            process.kill();
        }
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

    fn forget_alarm(&self, pid: u32) {
        let alarm = self.list.lock().watched.get_mut(&pid).and_then(|watched| watched.alarm.take());
        if let Some(alarm) = alarm {
            let _ = epoll::delete(&self.events, &alarm);
        }
    }
}

/// A descriptor that becomes ready once `limit` is over.
fn alarm(limit: Duration) -> io::Result<OwnedFd> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let seconds = limit.as_secs().try_into().unwrap_or(i64::MAX);
    let once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let value = Timespec { tv_sec: seconds, tv_nsec: limit.subsec_nanos().into() };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: once, it_value: value })?;
    Ok(timer)
}

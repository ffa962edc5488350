//! Calls code of the user's that hears of workers (output handlers, loggers) on a thread of its own. That code may panic or block, and
//! holds up neither a worker nor its pool.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use executor_core::panics::{catch, drop_catching};
use parking_lot::{Condvar, Mutex, MutexGuard};

/// The most bytes that calls may hold that were not made yet. More are refused.
const MOST_BYTES: usize = 4 << 20;

/// The bytes that a call takes beside the bytes that it holds.
const CALL: usize = 128;

/// The time that an outcome, or a shutdown, waits for the calls before it.
const LIMIT: Duration = Duration::from_secs(1);

type Call = Box<dyn FnOnce() + Send>;

/// The calls of a pool, made one after the other. The thread starts with the first call, and ends with the last user.
#[derive(Default)]
pub(crate) struct Delivery {
    state: Mutex<State>,
    /// There is a call, or the thread is to end.
    is_wanted: Condvar,
    /// A call is finished, or the thread has ended.
    has_finished: Condvar,
    /// Makes the thread one of the pool's: a call may shut the pool down, and must not wait for itself.
    enlist: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

#[derive(Default)]
struct State {
    calls: VecDeque<(usize, Call)>,
    /// Of all `calls`.
    bytes: usize,
    /// How many calls were added, and how many of them are finished.
    added: u64,
    finished: u64,
    /// Whether a call has taken longer than the limit, and has not returned since.
    is_stuck: bool,
    users: usize,
    thread: Option<JoinHandle<()>>,
    /// The number of that thread. A thread with another number ends when its call returns.
    number: u64,
}

/// While one of these exists, calls are made.
pub(crate) struct DeliveryUser(Arc<Delivery>);

impl Delivery {
    pub(crate) fn user(self: &Arc<Self>) -> DeliveryUser {
        self.state.lock().users += 1;
        DeliveryUser(Arc::clone(self))
    }

    /// Makes the thread call `enlist` when it starts.
    pub(crate) fn enlist_by(&self, enlist: impl Fn() + Send + Sync + 'static) {
        let _ = self.enlist.set(Box::new(enlist));
    }

    /// Adds a call, which holds `bytes`. Returns its number, from 1. `None` if there is no room for it, no thread, or no user.
    pub(crate) fn add(self: &Arc<Self>, bytes: usize, call: impl FnOnce() + Send + 'static) -> Option<u64> {
        let (bytes, call) = (bytes + CALL, Box::new(call));
        let mut state = self.state.lock();
        let has_room = state.users > 0 && state.bytes + bytes <= MOST_BYTES;
        if !has_room || !self.ensure_thread(&mut state) {
            drop(state);
            // Not under the lock: it may hold the last reference to a value of the user's.
            drop_catching(call);
            return None;
        }
        state.added += 1;
        state.bytes += bytes;
        state.calls.push_back((bytes, call));
        let number = state.added;
        drop(state);
        self.is_wanted.notify_one();
        Some(number)
    }

    fn ensure_thread(self: &Arc<Self>, state: &mut State) -> bool {
        if state.thread.is_none() {
            state.number += 1;
            let (own, number) = (Arc::clone(self), state.number);
            let builder = thread::Builder::new().name("executor-output".into());
            state.thread = builder.spawn(move || own.work(number)).ok();
        }
        state.thread.is_some()
    }

    /// Blocks until the call of that number, and all before it, are finished, for 1 s at most. After that, does not block until the call that
    /// takes so long has returned.
    pub(crate) fn catch_up(&self, wanted: u64) {
        self.wait(&mut self.state.lock(), wanted);
    }

    fn wait(&self, state: &mut MutexGuard<'_, State>, wanted: u64) {
        let deadline = Instant::now() + LIMIT;
        while state.finished < wanted && !state.is_stuck {
            state.is_stuck = self.has_finished.wait_until(state, deadline).timed_out() && state.finished < wanted;
        }
    }

    /// The body of the thread.
    fn work(&self, number: u64) {
        if let Some(enlist) = self.enlist.get() {
            enlist();
        }
        let mut state = self.state.lock();
        loop {
            if state.number != number {
                return;
            }
            let Some((bytes, call)) = state.calls.pop_front() else {
                self.is_wanted.wait(&mut state);
                continue;
            };
            state.bytes -= bytes;
            drop(state);
            drop_catching(catch(call));
            state = self.state.lock();
            // If the calls were given up, this one is not counted any more.
            if state.number == number {
                state.finished += 1;
                state.is_stuck = false;
                self.has_finished.notify_all();
            }
        }
    }

    /// The last user is gone: waits for the calls and the end of the thread. If one call takes longer than the limit, or all of them longer than
    /// ten limits, the thread ends later, and the other calls are dropped.
    fn end(&self) {
        let mut state = self.state.lock();
        let added = state.added;
        for _ in 0..10 {
            let before = state.finished;
            self.wait(&mut state, added);
            if state.finished >= added || state.finished == before {
                break;
            }
            state.is_stuck = false;
        }
        if state.users > 0 {
            return;
        }
        let thread = state.thread.take();
        let is_stuck = state.finished < state.added;
        // A thread that waits for a call ends by this, too.
        state.number += 1;
        state.finished = state.added;
        (state.bytes, state.is_stuck) = (0, false);
        let calls = take(&mut state.calls);
        drop(state);
        self.is_wanted.notify_all();
        calls.into_iter().for_each(drop_catching);
        if let Some(thread) = thread.filter(|thread| !is_stuck && thread.thread().id() != thread::current().id()) {
            drop(thread.join());
        }
    }
}

impl Drop for DeliveryUser {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.users -= 1;
        let is_last = state.users == 0;
        drop(state);
        if is_last {
            self.0.end();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::panic::resume_unwind;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// A delivery, and what its calls have written down.
    fn delivery() -> (Arc<Delivery>, DeliveryUser, Arc<Mutex<Vec<usize>>>) {
        let delivery = Arc::<Delivery>::default();
        let user = delivery.user();
        (delivery, user, Arc::default())
    }

    fn catch_up(delivery: &Delivery) {
        let added = delivery.state.lock().added;
        delivery.catch_up(added);
    }

    fn note(delivery: &Arc<Delivery>, noted: &Arc<Mutex<Vec<usize>>>, number: usize) -> bool {
        let noted = Arc::clone(noted);
        delivery.add(0, move || noted.lock().push(number)).is_some()
    }

    /// Blocks the thread until the sender is used or dropped.
    fn block(delivery: &Arc<Delivery>) -> std::sync::mpsc::Sender<()> {
        let (wake, sleep) = channel();
        let (tell, is_asleep): (_, Receiver<()>) = channel();
        let added = delivery.add(0, move || {
            drop(tell);
            let _ = sleep.recv();
        });
        assert!(added.is_some());
        assert!(is_asleep.recv().is_err(), "the call has begun");
        wake
    }

    #[test]
    fn calls_are_made_in_order() {
        let (delivery, _user, noted) = delivery();
        assert!((0..1000).all(|number| note(&delivery, &noted, number)));
        catch_up(&delivery);
        assert_eq!(*noted.lock(), (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_costs_one_call() {
        let (delivery, _user, noted) = delivery();
        assert!(
            note(&delivery, &noted, 1)
                && delivery.add(0, || resume_unwind(Box::new("no luck"))).is_some()
                && note(&delivery, &noted, 2)
        );
        catch_up(&delivery);
        assert_eq!(*noted.lock(), [1, 2]);
    }

    #[test]
    fn a_blocked_call_is_waited_for_once() {
        let (delivery, user, noted) = delivery();
        let wake = block(&delivery);
        assert!(note(&delivery, &noted, 1));
        catch_up(&delivery);
        assert!(delivery.state.lock().is_stuck && noted.lock().is_empty());
        // The calls that follow are refused where there is no room, and the drop waits for none of them.
        assert!(delivery.add(MOST_BYTES - 4 * CALL, || {}).is_some() && delivery.add(2 * CALL, || {}).is_none());
        catch_up(&delivery);
        drop(user);
        assert!(noted.lock().is_empty());
        // Another user gets another thread.
        let user = delivery.user();
        assert!(note(&delivery, &noted, 2));
        catch_up(&delivery);
        assert_eq!(*noted.lock(), [2], "the calls of the first user were dropped");
        drop(wake);
        drop(user);
    }

    #[test]
    fn the_thread_ends_with_the_last_user() {
        let (delivery, user, noted) = delivery();
        let other = delivery.user();
        assert!(delivery.state.lock().thread.is_none(), "no call, no thread");
        assert!(note(&delivery, &noted, 1));
        drop(user);
        assert!(note(&delivery, &noted, 2));
        drop(other);
        assert_eq!(*noted.lock(), [1, 2]);
        assert!(delivery.state.lock().thread.is_none());
        assert!(!note(&delivery, &noted, 3), "there is no user");
    }
}

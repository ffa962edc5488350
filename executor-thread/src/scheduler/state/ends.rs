//! Whether it is over, and whether it is idle: each thing that there may be to do holds that up.

use executor_core::Rejection;

use super::super::number::Number;
use super::counts::{busy, delay, push, started, state};
use super::*;

#[test]
fn it_is_over_when_it_is_closed_and_nothing_waits_for_a_worker() {
    let mut state = state(1);
    let mut local = busy(&mut state);
    assert!(!state.is_over());
    state.is_open = false;
    assert!(state.is_over());
    push(&mut state, 0);
    assert!(!state.is_over());
    assert!(state.take(&mut local, false).is_some() && state.is_over());
    delay(&mut state, 0);
    assert!(!state.is_over());
    assert!(state.delayed.pop().is_some() && state.is_over());
    state.mailboxes.post(|| Number(1));
    assert!(!state.is_over());
}

#[test]
fn the_timer_is_needed_for_delayed_and_running_jobs() {
    let mut state = state(1);
    assert!(!state.needs_no_timer());
    state.is_open = false;
    assert!(state.needs_no_timer());
    delay(&mut state, 0);
    assert!(!state.needs_no_timer());
    assert!(state.delayed.pop().is_some() && state.needs_no_timer());
    let _own = busy(&mut state);
    assert!(!state.needs_no_timer());
}

#[test]
fn it_is_gone_with_the_last_thread_and_the_last_end() {
    let mut state = state(1);
    assert!(state.is_gone());
    let mut local = busy(&mut state);
    assert!(!state.is_gone());
    assert!(state.leave(&mut local).is_empty() && !state.is_gone(), "its thread has a hook to run");
    state.leaving = 0;
    assert!(state.is_gone());
    state.has_timer = true;
    assert!(!state.is_gone());
    state.has_timer = false;
    state.ending = 1;
    assert!(!state.is_gone());
    state.ending = 0;
    state.lanes.removed_tombstones(1);
    assert!(!state.is_gone(), "its end was not reported yet");
    drop(state.lanes.add_tombstone());
    state.displaced = 1;
    assert!(!state.is_gone());
}

#[test]
fn it_is_idle_when_nothing_waits_runs_or_ends() {
    let mut state = state(1);
    assert!(state.is_idle());
    push(&mut state, 0);
    assert!(!state.is_idle());
    let mut local = started(state.wake());
    assert!(state.take(&mut local, false).is_some() && !state.is_idle(), "it runs");
    state.fall_asleep(&local, "one");
    assert!(state.is_idle());
    for ending in [1, 2, 0] {
        state.ending = ending;
        assert_eq!(state.is_idle(), ending == 0);
    }
    for is_moving in [true, false] {
        state.is_moving = is_moving;
        assert_eq!(state.is_idle(), !is_moving);
    }
    delay(&mut state, 0);
    assert!(!state.is_idle());
    assert!(state.delayed.pop().is_some() && state.is_idle());
    state.mailboxes.post(|| Number(0));
    assert!(!state.is_idle());
    assert_eq!(state.take_pending(|_| false, |_| false).1.len(), 1);
    assert!(!state.is_idle(), "its end was not reported yet");
    drop(state.delayed.add_tombstone(false));
    assert!(state.is_idle());
    push(&mut state, 0);
    assert_eq!(state.take_pending(|_| true, |_| true).0.len(), 1);
    assert!(!state.is_idle(), "it has no outcome yet");
    state.displaced = 0;
    assert!(state.is_idle());
    local.jobs.push(Number(0));
    state.workers.count_local_jobs(&mut local);
    assert!(!state.is_idle(), "a batch was taken");
}

#[test]
fn refusal_has_a_reason() {
    let mut state = state(1);
    assert_eq!(state.refusal(), None);
    state.is_open = false;
    assert_eq!(state.refusal(), Some(Rejection::Shutdown));
    state.broken = Some(JobError::cancelled());
    assert_eq!(state.refusal(), Some(Rejection::Broken));
}

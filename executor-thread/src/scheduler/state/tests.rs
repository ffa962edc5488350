//! The decisions, one by one, without threads.

use super::super::number::Number;
use super::*;

fn state(width: usize) -> State<Number> {
    State::new(&Config::new("test", width))
}

fn push(state: &mut State<Number>, number: usize) -> Wake<Number> {
    state.lanes.push(Priority::Normal, Number(number));
    state.wake()
}

fn started(wake: Wake<Number>) -> Own<Number> {
    match wake {
        Wake::Start(own) => own,
        Wake::Sleeper(_) | Wake::Nobody => panic!("no worker was started"),
    }
}

#[test]
fn a_burst_wakes_one_who_wakes_the_next() {
    let mut state = state(2);
    let mut one = started(push(&mut state, 0));
    assert!((1..5).all(|number| matches!(push(&mut state, number), Wake::Nobody)), "one looks already");
    assert_eq!(state.take(&mut one, false).map(|job| job.0), Some(0));
    let mut two = started(state.wake());
    assert_eq!(state.take(&mut two, false).map(|job| job.0), Some(1));
    assert!(matches!(state.wake(), Wake::Nobody), "the pool is two wide");
}

#[test]
fn a_blocked_worker_is_replaced_and_its_jobs_are_stolen() {
    let mut state = state(1);
    let mut one = started(push(&mut state, 0));
    for number in 1..9 {
        assert!(matches!(push(&mut state, number), Wake::Nobody));
    }
    assert_eq!(state.take(&mut one, true).map(|job| job.0), Some(0));
    assert_eq!((state.lanes.len(), state.members.has_hoard()), (4, true));
    let mut spare = started(state.block());
    let order: Vec<usize> = std::iter::from_fn(|| state.take(&mut spare, false)).map(|job| job.0).collect();
    assert_eq!(order.len(), 8, "{order:?}");
    state.unblock();
    assert!(state.is_too_wide());
    assert!(state.leave(&mut spare).is_empty());
    assert!(!state.is_too_wide());
    state.members.count_hoard(&mut one);
    assert!(!state.members.has_hoard());
}

#[test]
fn what_a_worker_puts_back_comes_first() {
    let mut state = state(1);
    let mut one = started(push(&mut state, 0));
    for number in 1..9 {
        assert!(matches!(push(&mut state, number), Wake::Nobody));
    }
    state.take(&mut one, true).unwrap();
    state.put_back(&mut one);
    let order: Vec<usize> = std::iter::from_fn(|| state.take(&mut one, false)).map(|job| job.0).collect();
    assert_eq!(order, (1..9).collect::<Vec<_>>());
}

#[test]
fn a_sleeper_is_woken_before_a_worker_is_started_and_the_last_one_first() {
    let mut state = state(3);
    let mut workers: Vec<_> = (0..2)
        .map(|number| {
            let mut own = started(push(&mut state, number));
            state.take(&mut own, false).unwrap();
            own
        })
        .collect();
    let parkers = [(); 2].map(|()| super::super::sync::Parker::new());
    for (own, parker) in workers.iter_mut().zip(&parkers) {
        state.fall_asleep(own, parker.unparker().clone());
    }
    assert!(matches!(push(&mut state, 7), Wake::Sleeper(_)));
    assert!(!state.wake_up(&mut workers[0]), "it sleeps still");
    assert!(state.wake_up(&mut workers[1]));
}

//! The decisions, one by one, without threads.

use executor_core::Priority;

use super::super::number::Number;
use super::super::workers::BATCH;
use super::*;

fn state(width: usize) -> State<Number> {
    State::new(&Config::new("test", width))
}

fn push(state: &mut State<Number>, number: usize) -> Wake<Number> {
    state.lanes.push(Priority::Normal, Number(number));
    state.wake()
}

fn started(wake: Wake<Number>) -> WorkerLocal<Number> {
    match wake {
        Wake::Start(local) => local,
        _ => panic!("no worker was started"),
    }
}

#[test]
fn a_burst_wakes_one_who_wakes_the_next() {
    let mut state = state(2);
    let mut one = started(push(&mut state, 0));
    assert!((1..5).all(|number| matches!(push(&mut state, number), Wake::NoWorker)), "one looks already");
    assert_eq!(state.take(&mut one, false).map(|job| job.0), Some(0));
    let mut two = started(state.wake());
    assert_eq!(state.take(&mut two, false).map(|job| job.0), Some(1));
    assert!(matches!(state.wake(), Wake::NoWorker), "the pool is two wide");
}

#[test]
fn a_blocked_worker_is_replaced_and_its_batch_returned() {
    let mut state = state(1);
    let mut one = started(push(&mut state, 0));
    for number in 1..9 {
        assert!(matches!(push(&mut state, number), Wake::NoWorker));
    }
    assert_eq!(state.take(&mut one, true).map(|job| job.0), Some(0));
    assert_eq!((state.lanes.len(), state.workers.has_local_jobs()), (4, true));
    let mut spare = started(state.block(one.place));
    let order: Vec<usize> = std::iter::from_fn(|| state.take(&mut spare, false)).map(|job| job.0).collect();
    assert_eq!(order, (1..9).collect::<Vec<_>>());
    state.unblock(one.place);
    assert!(state.is_over_width());
    assert!(state.leave(&mut spare).is_empty());
    assert!(!state.is_over_width());
    state.workers.count_local_jobs(&mut one);
    assert!(!state.workers.has_local_jobs());
}

#[test]
fn jobs_put_back_come_first() {
    let mut state = state(1);
    let mut one = started(push(&mut state, 0));
    for number in 1..9 {
        assert!(matches!(push(&mut state, number), Wake::NoWorker));
    }
    state.take(&mut one, true).unwrap();
    assert_eq!((one.jobs.len(), state.lanes.len()), (4, 4));
    state.put_back(&mut one);
    assert!(one.jobs.is_empty() && !state.workers.has_local_jobs());
    assert!(state.leave(&mut one).is_empty());
    drop(one);
    // Another worker finds all of them, in their order, though the first one is gone.
    let mut two = state.spawn();
    let order: Vec<usize> = std::iter::from_fn(|| state.take(&mut two, false)).map(|job| job.0).collect();
    assert_eq!(order, (1..9).collect::<Vec<_>>());
}

#[test]
fn a_sleeper_is_woken_before_a_worker_is_started_and_the_last_one_first() {
    let mut state = state(3);
    let mut workers: Vec<_> = (0..2)
        .map(|number| {
            let mut local = started(push(&mut state, number));
            state.take(&mut local, false).unwrap();
            local
        })
        .collect();
    let parkers = [(); 2].map(|()| super::super::sync::Parker::new());
    for (local, parker) in workers.iter_mut().zip(&parkers) {
        state.fall_asleep(local, parker.unparker().clone());
    }
    assert!(matches!(push(&mut state, 7), Wake::Sleeper(_)));
    assert!(!state.wake_up(&workers[0]), "it sleeps still");
    assert!(state.wake_up(&workers[1]));
}

/// As a worker does: its local queue first, unless a job waits that may come before.
fn next(state: &mut State<Number>, local: &mut WorkerLocal<Number>) -> usize {
    let from_local = if state.is_urgent() { None } else { local.jobs.pop() };
    from_local.or_else(|| state.take(local, true)).map(|job| job.0).unwrap()
}

#[test]
fn a_low_job_has_its_turn_whatever_the_batches() {
    for (width, before) in [1, 2, 8, 50].into_iter().flat_map(|width| [0, 1, 7, 31, 40].map(|before| (width, before))) {
        let mut state = state(width);
        let mut workers: Vec<_> = (0..width)
            .map(|number| {
                let mut local = started(push(&mut state, number));
                state.take(&mut local, false).unwrap();
                local
            })
            .collect();
        (100..10_000).for_each(|number| drop(push(&mut state, number)));
        for local in &mut workers {
            (0..before).for_each(|_| assert!(next(&mut state, local) >= 100));
        }
        assert!(before == 0 || state.workers.has_local_jobs());
        state.lanes.push(Priority::Low, Number(1));
        let others = (0..10_000).take_while(|&at| next(&mut state, &mut workers[at % width]) != 1).count();
        assert!(others <= 100, "{width} workers, {before} jobs before: {others}");
    }
}

#[test]
fn a_low_job_has_its_turn_beside_those_in_hand() {
    for (width, before) in [1, 2, 8].into_iter().flat_map(|width| (0..50).map(move |before| (width, before))) {
        let mut state = state(width);
        (2..10_000).for_each(|number| drop(push(&mut state, number)));
        let mut workers: Vec<_> = (0..width).map(|_| started(Wake::Start(state.spawn()))).collect();
        for local in &mut workers {
            next(&mut state, local);
        }
        for _ in 0..before {
            next(&mut state, &mut workers[0]);
        }
        let mut in_hand = 0;
        for local in &mut workers {
            in_hand += std::iter::from_fn(|| state.take_extra(local)).take(63).count();
        }
        state.lanes.push(Priority::Low, Number(1));
        state.lanes.push(Priority::Low, Number(0));
        assert!(in_hand > 48 && state.take_extra(&mut workers[0]).is_none());
        for number in [1, 0] {
            let others = (0..10_000).take_while(|&at| next(&mut state, &mut workers[at % width]) != number).count();
            assert!(in_hand + others <= 100, "{width} workers, {before} jobs before: {in_hand} and {others}");
        }
    }
}

#[test]
fn jobs_behind_a_slow_one_are_found_while_others_come() {
    let mut state = state(3);
    let mut workers: Vec<_> = (0..3)
        .map(|number| {
            let mut local = started(push(&mut state, number));
            state.take(&mut local, false).unwrap();
            local
        })
        .collect();
    (1000..1400).for_each(|number| drop(push(&mut state, number)));
    // The second and the third go on, the first is slow; and there is always something in the lanes.
    for local in &mut workers {
        assert!(next(&mut state, local) >= 1000);
    }
    let mut hidden: Vec<_> = (1001..1001 + BATCH).collect();
    for round in 0..3000 {
        for local in &mut workers[1..] {
            drop(push(&mut state, 2000 + round));
            let number = next(&mut state, local);
            hidden.retain(|&job| job != number);
        }
    }
    assert_eq!(hidden, [0; 0], "it was never looked for");
    assert!(!state.lanes.is_empty());
}

#[test]
fn a_queue_that_was_emptied_by_others_starts_nobody() {
    let mut state = state(2);
    let mut one = started(push(&mut state, 0));
    for number in 1..9 {
        assert!(matches!(push(&mut state, number), Wake::NoWorker));
    }
    state.take(&mut one, true).unwrap();
    let mut two = started(state.wake());
    while state.take(&mut two, true).is_some() {}
    assert!(matches!(state.wake(), Wake::NoWorker) && !state.workers.has_local_jobs());
    assert!(state.leave(&mut two).is_empty());
    assert!(
        matches!(state.wake(), Wake::NoWorker),
        "nothing waits, though the first has not looked at its own queue yet"
    );
}

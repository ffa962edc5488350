//! The counts: how many workers work, whether that is enough, and which takes which job.

use std::time::{Duration, Instant};

use executor_core::Priority;

use super::super::number::Number;
use super::super::workers::BATCH;
use super::*;

pub(super) type Counts = State<Number, &'static str>;

pub(super) fn state(width: usize) -> Counts {
    State::new(&Config::new("test", width))
}

pub(super) fn push(state: &mut Counts, number: usize) {
    state.lanes.push(Priority::Normal, Number(number));
}

pub(super) fn delay(state: &mut Counts, number: usize) {
    state.delayed.push_job(Instant::now(), Priority::Normal, Number(number), false);
}

pub(super) fn started(wake: Wake<Number, &'static str>) -> WorkerLocal<Number> {
    match wake {
        Wake::Start(local) => local,
        _ => panic!("no worker was started"),
    }
}

fn wakes_none(wake: &Wake<Number, &'static str>) -> bool {
    matches!(wake, Wake::NoWorker)
}

/// One more worker that is busy with a job.
pub(super) fn busy(state: &mut Counts) -> WorkerLocal<Number> {
    push(state, 0);
    let mut local = started(state.wake());
    assert!(state.take(&mut local, false).is_some());
    local
}

/// Jobs that the worker takes as a batch beside the one that it takes.
fn take_batch(state: &mut Counts, local: &mut WorkerLocal<Number>) {
    (0..9).for_each(|number| push(state, number));
    assert!(state.take(local, true).is_some());
    assert!(state.workers.has_local_jobs());
}

fn numbers(jobs: Vec<Number>) -> Vec<usize> {
    jobs.into_iter().map(|job| job.0).collect()
}

#[test]
fn workers_that_run_search_and_wait_are_told_apart() {
    let mut state = state(2);
    assert!(wakes_none(&state.wake()), "there is nothing to do");
    assert!(state.all_blocked() && !state.is_saturated() && state.is_wanted());
    push(&mut state, 0);
    let mut one = started(state.wake());
    assert_eq!((one.number, state.workers(), state.running()), (0, 1, 0));
    assert!(wakes_none(&state.wake()), "one looks");
    assert!(state.is_wanted() && !state.is_saturated() && !state.all_blocked());
    assert!(state.take(&mut one, false).is_some());
    assert_eq!(state.running(), 1);
    assert!(state.is_wanted() && !state.is_saturated());

    let two = busy(&mut state);
    assert_eq!((two.number, state.workers(), state.running()), (1, 2, 2));
    assert!(!state.is_wanted() && state.is_saturated() && !state.is_over_width());
    push(&mut state, 7);
    assert!(wakes_none(&state.wake()), "the pool is two wide");

    let mut three = started(state.block(one.place));
    assert_eq!((three.number, state.workers(), state.running()), (2, 3, 2));
    assert!(state.take(&mut three, false).is_some());
    assert_eq!(state.running(), 3);
    assert!(state.is_saturated() && !state.is_over_width());
    state.unblock(one.place);
    assert!(state.is_over_width());
    assert!(wakes_none(&state.block(one.place)) && wakes_none(&state.block(two.place)));
    assert!(!state.all_blocked() && !state.is_saturated());
    assert!(wakes_none(&state.block(three.place)));
    assert!(state.all_blocked());
    assert_eq!(state.running(), 3);
}

#[test]
fn shortage_starts_no_other_worker() {
    let (mut state, now) = (state(4), Instant::now());
    let later = now.checked_add(Duration::from_secs(3600));
    let [mut one, mut two, mut three] = [busy(&mut state), busy(&mut state), busy(&mut state)];
    assert_eq!(state.retire(&mut three, now, later), Some(true));
    push(&mut state, 7);
    assert!(wakes_none(&state.wake()) && state.is_saturated() && !state.is_wanted());
    assert_eq!(state.retire(&mut two, now, later), Some(false), "that is known");
    assert_eq!(state.retire(&mut one, now, later), None, "the last one stays");
    assert!(!state.all_blocked());
    assert!(state.leave(&mut two).is_empty() && state.leave(&mut three).is_empty());
    assert!(wakes_none(&state.wake()));
    state.fall_asleep(&one, "one");
    assert!(matches!(state.wake(), Wake::Sleeper("one")), "those that live are woken");
    assert!(state.wake_up(&one) && state.take(&mut one, false).is_some());
    push(&mut state, 8);
    let mut four = started(state.block(one.place));
    assert!(state.take(&mut four, false).is_some(), "nobody else could take it");
    state.unblock(one.place);
    state.short_until = Some(now);
    push(&mut state, 9);
    assert!(matches!(state.wake(), Wake::Start(_)), "it is over");
}

/// The runner says that it waits, and gives its job up meanwhile.
#[test]
fn blocked_worker_may_retire_once() {
    let (mut state, now) = (state(2), Instant::now());
    let [mut one, _two] = [busy(&mut state), busy(&mut state)];
    assert!(matches!(state.block(one.place), Wake::NoWorker));
    assert_eq!(state.retire(&mut one, now, None), Some(true));
    assert_eq!(state.retire(&mut one, now, None), None);
    state.unblock(one.place);
    assert!(state.is_retiring(&one));
    assert_eq!(state.retire(&mut one, now, None), None);
    assert!(state.leave(&mut one).is_empty());
    assert_eq!(state.workers(), 1);
}

#[test]
fn worker_keeps_job_for_it_alone() {
    let (mut state, now) = (state(2), Instant::now());
    let [mut one, _two] = [busy(&mut state), busy(&mut state)];
    state.mailboxes.post(|| Number(7));
    assert!(state.take_mail(&mut one).is_some());
    assert_eq!(state.retire(&mut one, now, None), None);
}

#[test]
fn a_worker_that_makes_ready_runs_nothing_and_searches_nothing() {
    let mut state = state(1);
    let mut local = busy(&mut state);
    state.search(&local);
    state.search(&local);
    assert_eq!(state.running(), 0);
    state.begin(&local);
    assert_eq!(state.running(), 0);
    state.has_begun(&local);
    assert_eq!(state.running(), 1);
    state.has_begun(&local);
    assert_eq!(state.running(), 1, "it had begun");
    state.search(&local);
    state.found(&local);
    state.found(&local);
    assert_eq!(state.running(), 1);
    assert!(state.leave(&mut local).is_empty());
    assert_eq!((state.workers(), state.running()), (0, 0));
}

#[test]
fn those_who_sleep_are_spare_when_they_are_enough_and_all_are_woken_at_the_end() {
    let mut state = state(2);
    let mut workers = [busy(&mut state), busy(&mut state)];
    for (local, name) in workers.iter_mut().zip(["one", "two"]) {
        assert!(!state.enough_idle());
        state.fall_asleep(local, name);
    }
    assert!(state.enough_idle() && state.is_wanted());
    assert_eq!(state.running(), 0);
    push(&mut state, 7);
    assert!(matches!(state.wake(), Wake::Sleeper("two")), "the one who sleeps for the shortest time");
    assert!(wakes_none(&state.wake()), "it looks");
    assert!(state.wake_up(&workers[1]) && state.take(&mut workers[1], false).is_some());
    assert_eq!(state.running(), 1);
    state.fall_asleep(&workers[1], "again");
    assert_eq!(state.wake_all(), ["one", "again"]);
    assert!(workers.iter_mut().all(|local| state.wake_up(local)));
    assert_eq!((state.running(), state.enough_idle()), (0, false));
    for local in &mut workers {
        state.found(local);
    }
    assert_eq!(state.running(), 2, "they were counted as searching, once each");
    state.fall_asleep(&workers[0], "one");
    state.fall_asleep(&workers[1], "two");
    assert!(!state.wake_up(&workers[0]), "it was nobody who woke it");
    assert_eq!(state.wake_all(), ["two"]);
}

#[test]
fn missing_workers_are_spawned() {
    let mut state = state(3);
    let local = busy(&mut state);
    let spawned = state.spawn_all();
    assert_eq!((local.number, spawned.iter().map(|local| local.number).collect::<Vec<_>>()), (0, vec![1, 2]));
    assert_eq!((state.workers(), state.running()), (3, 1));
    assert!(state.spawn_all().is_empty());
    assert!(wakes_none(&state.block(local.place)));
    let more = state.spawn_all();
    assert_eq!(more.len(), 1, "one waits");
    assert!([&more[0], &spawned[1]].iter().all(|local| state.did_not_start(local.number, local.place).is_empty()));
    assert_eq!((state.workers(), state.running()), (2, 1));
}

#[test]
fn mail_is_for_its_worker_alone() {
    let mut state = state(3);
    let (mut one, mut two) = (busy(&mut state), busy(&mut state));
    let three = busy(&mut state);
    assert!(!state.is_urgent() && state.take_mail(&mut one).is_none());
    let mut number = 10;
    state.mailboxes.post(|| {
        number += 1;
        Number(number)
    });
    assert!(state.is_urgent() && !state.mailboxes.is_empty());
    assert_eq!((state.mailboxes.len(), state.mailboxes.alive()), (3, 3));
    state.search(&one);
    assert_eq!(state.take_mail(&mut one).map(|job| job.0), Some(11));
    assert!(one.has_mail && state.running() == 3, "it has found something");
    state.delayed.removed_tombstones(1);
    assert_eq!((state.delayed.unreported(), state.lanes.unreported()), (1, 0));
    assert!(state.take_mail(&mut one).is_none() && !one.has_mail);
    state.lanes.removed_tombstones(1);
    assert_eq!((state.delayed.unreported(), state.lanes.unreported()), (1, 1));
    assert_eq!(numbers(state.leave(&mut two)), [12], "nobody is left to open it");
    assert_eq!((state.mailboxes.len(), state.workers()), (1, 2));
    state.mailboxes.post(|| Number(20));
    assert_eq!(state.mailboxes.len(), 3);
    state.search(&one);
    assert_eq!(numbers(state.did_not_start(three.number, three.place)), [13, 20]);
    assert_eq!((state.delayed.unreported(), state.mailboxes.len()), (3, 1));
}

#[test]
fn a_worker_takes_more_jobs_only_where_they_would_wait() {
    let mut state = state(2);
    let mut one = busy(&mut state);
    push(&mut state, 1);
    assert!(state.take_extra(&mut one).is_none(), "another worker could have it");
    let mut two = started(state.wake());
    assert!(state.take(&mut two, false).is_some());
    (2..5).for_each(|number| push(&mut state, number));
    let taken: Vec<_> = std::iter::from_fn(|| state.take_extra(&mut one)).map(|job| job.0).collect();
    assert_eq!((taken, one.extra, state.lanes.extra), (vec![2, 3, 4], 3, 3));
    push(&mut state, 5);
    assert!(state.take_extra(&mut two).is_some());
    state.forget_extra(&mut one, 2);
    assert_eq!((one.extra, state.lanes.extra), (1, 2));
    state.forget_extra(&mut one, 9);
    assert_eq!((one.extra, two.extra, state.lanes.extra), (0, 1, 1));
    for _ in 0..2 {
        state.extra_is_revoked();
        assert_eq!((state.lanes.extra, state.living_extra()), (1, 0), "no more than there are");
    }
    state.forget_extra(&mut two, 1);
    assert_eq!((state.lanes.extra, state.living_extra()), (0, 0));
}

#[test]
fn a_share_of_a_long_queue_is_a_batch() {
    for (width, queued, share) in [(1, 1, 0), (1, 2, 0), (1, 3, 1), (1, 9, 4), (3, 19, 3), (1, 1000, BATCH)] {
        let mut state = state(width);
        let mut local = busy(&mut state);
        (0..queued).for_each(|number| push(&mut state, number));
        assert!(state.take(&mut local, true).is_some());
        assert_eq!((local.jobs.len(), state.workers.local_jobs()), (share, share), "{width} {queued}");
        assert_eq!(state.workers.has_local_jobs(), share > 0);
        assert!(state.take(&mut local, true).is_some() || queued == 1);
        assert!(local.jobs.len() <= share.max(queued / 2), "it has some still");
    }
    let mut state = state(1);
    let mut local = busy(&mut state);
    (0..9).for_each(|number| push(&mut state, number));
    assert!(state.take(&mut local, false).is_some());
    assert!(local.jobs.is_empty() && !state.workers.has_local_jobs(), "it was not to");
}

#[test]
fn given_back_jobs_come_before_batches() {
    let order = |priority| {
        let mut state = state(1);
        let mut local = busy(&mut state);
        take_batch(&mut state, &mut local);
        state.give_back(priority, Number(99));
        std::iter::from_fn(|| state.take(&mut local, false)).map(|job| job.0).collect::<Vec<_>>()
    };
    assert_eq!(order(Priority::Normal), [99, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(order(Priority::High), [99, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(order(Priority::Low), [1, 2, 3, 4, 5, 6, 7, 8, 99]);
}

#[test]
fn pending_jobs_are_taken_from_everywhere() {
    let mut state = state(1);
    let mut local = busy(&mut state);
    take_batch(&mut state, &mut local);
    state.mailboxes.post(|| Number(20));
    delay(&mut state, 30);
    for cancel_on_shutdown in [40, 50] {
        state.delayed.push_job(Instant::now(), Priority::Normal, Number(cancel_on_shutdown), true);
    }
    let moves = |job: &Number| ![3, 20, 50].contains(&job.0);
    let (alive, tombstones) = state.take_pending(moves, moves);
    assert_eq!((numbers(alive), numbers(tombstones)), (vec![1, 2, 4, 5, 6, 7, 8, 30, 40], vec![3, 20, 50]));
    assert_eq!((state.lanes.unreported(), state.delayed.unreported()), (1, 2), "the ends are not reported yet");
    assert_eq!(state.displaced, 9);
    state.workers.count_local_jobs(&mut local);
    assert!(state.lanes.is_empty() && state.delayed.is_empty() && state.mailboxes.is_empty());
    assert!(!state.workers.has_local_jobs());
    drop((state.delayed.add_tombstone(false), state.delayed.add_cancel_on_shutdown_tombstone(false)));
    delay(&mut state, 31);
    state.delayed.push_job(Instant::now(), Priority::Normal, Number(41), true);
    assert_eq!((state.delayed.alive(), state.delayed.awaited()), (2, 1), "nothing is counted that has left");
}

#[test]
fn each_worker_is_called_once() {
    let mut state = state(2);
    let (one, mut two) = (busy(&mut state), busy(&mut state));
    assert!(!state.workers.is_called(&one));
    state.workers.call_all();
    assert!(state.workers.is_called(&one) && !state.workers.is_called(&one));
    assert!(state.leave(&mut two).is_empty());
    assert!(!state.workers.is_called(&one) && !state.workers.is_called(&two));
    state.workers.call_all();
    assert!(state.workers.is_called(&one) && !state.workers.is_called(&one));
}

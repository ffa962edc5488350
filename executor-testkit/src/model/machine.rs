//! Draws scripts that make sense, and shrinks them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use proptest_state_machine::ReferenceStateMachine;

use super::op::{Act, Delay, JobNumber, Op, Policy, Work};
use super::shape::{Ability, Shape};
use super::world::{Hold, Life, World, raced};

/// How many jobs may be under way beyond those that the workers have.
const MOST_WAITING: usize = 4;

/// The reference: one of the worlds in which the executor may be, and what can be done next.
pub(crate) struct Machine;

impl ReferenceStateMachine for Machine {
    type State = World;
    type Transition = Op;

    fn init_state() -> BoxedStrategy<World> {
        Just(World::new(Shape::threads(1))).boxed()
    }

    fn transitions(world: &World) -> BoxedStrategy<Op> {
        let mut choices = singles(world);
        let parts = Union::new_weighted(choices.clone());
        if world.shape.has(Ability::Race) && !world.shape.has(Ability::Manual) {
            choices.push((3, vec(parts, 2..=3).prop_map(Op::Race).boxed()));
        }
        Union::new_weighted(choices).boxed()
    }

    fn preconditions(world: &World, op: &Op) -> bool {
        match op {
            Op::Race(parts) => is_race(world, parts),
            one => makes_sense(world, one),
        }
    }

    fn apply(world: World, op: &Op) -> World {
        // Its calls have been answered, and the order of a set must not decide which world it is.
        let mut next = raced(&world, next_call(&world), op.parts());
        next.sort_by_cached_key(|world| format!("{world:?}"));
        next.into_iter().next().expect("an executor comes to rest somewhere")
    }
}

type Choice = (u32, BoxedStrategy<Op>);

/// What can be done at once.
fn singles(world: &World) -> Vec<Choice> {
    let shape = world.shape;
    let number = world.jobs.keys().next_back().map_or(1, |last| last + 1);
    let mut choices = vec![(8, works(shape, number).prop_map(move |work| Op::Submit(number, work)).boxed())];
    let mut add = |weight: u32, strategy: BoxedStrategy<Op>| choices.push((weight, strategy));
    add(2, works(shape, number).prop_map(move |work| Op::TrySubmit(number, work)).boxed());
    add(1, any::<bool>().prop_map(|is_left| Op::Shutdown(!is_left)).boxed());
    if shape.has(Ability::Delay) {
        let delays = prop_oneof![Just(Delay::Soon), Just(Delay::Never)];
        let delayed = (works(shape, number), delays);
        add(2, delayed.prop_map(move |(work, delay)| Op::SubmitAfter(number, delay, work)).boxed());
    }
    if shape.has(Ability::Idle) {
        add(1, Just(Op::WaitIdle).boxed());
    }
    if shape.has(Ability::Report) {
        add(1, select(Policy::ALL.to_vec()).prop_map(Op::ShutdownWith).boxed());
    }
    if shape.has(Ability::Handle) {
        add(1, Just(Op::DropHandle).boxed());
    }
    if shape.has(Ability::Manual) {
        add(6, Just(Op::RunNext).boxed());
        add(2, Just(Op::Advance).boxed());
    }
    add(1, Just(Op::DropPool).boxed());
    let held: Vec<_> = numbers(world, |world, job| world.jobs[&job].is_held);
    if !held.is_empty() {
        add(6, select(held).prop_map(Op::Open).boxed());
    }
    let alive = numbers(world, World::is_known);
    if !alive.is_empty() {
        let on = [Op::Cancel, Op::Wait, Op::CallBack, Op::DropFuture, Op::Abort];
        let weights = [6, 3, 2, 2, 3];
        for (op, weight) in on.into_iter().zip(weights) {
            add(weight, select(alive.clone()).prop_map(op).boxed());
        }
        if shape.has(Ability::Processes) {
            add(2, select(alive).prop_map(Op::Kill).boxed());
        }
    }
    choices
}

fn next_call(world: &World) -> usize {
    world.calls.keys().next_back().map_or(0, |last| last + 1)
}

fn numbers(world: &World, is_it: impl Fn(&World, JobNumber) -> bool) -> Vec<JobNumber> {
    world.jobs.keys().copied().filter(|&job| is_it(world, job)).collect()
}

fn works(shape: Shape, number: JobNumber) -> BoxedStrategy<Work> {
    let mut acts = vec![(6, Just(Act::Return).boxed()), (1, Just(Act::Panic).boxed())];
    if shape.has(Ability::Processes) {
        acts.push((1, Just(Act::Crash).boxed()));
    }
    if shape.has(Ability::Nest) {
        acts.push((1, Just(Act::Submit(number + 1)).boxed()));
        acts.push((1, Just(Act::SubmitAndWait(number + 1)).boxed()));
    }
    let is_held = if shape.has(Ability::Manual) { Just(false).boxed() } else { any::<bool>().boxed() };
    (Union::new_weighted(acts), is_held).prop_map(|(act, is_held)| Work { act, is_held }).boxed()
}

/// Whether there is something to do it to.
fn makes_sense(world: &World, op: &Op) -> bool {
    let has_either = world.has_pool || world.has_handle;
    let has_future = |job| world.jobs.get(&job).is_some_and(|job| job.future == Hold::Future);
    match op {
        Op::Submit(..) | Op::TrySubmit(..) | Op::SubmitAfter(..) => {
            let (number, work) = op.submitted().expect("it submits");
            let is_new = std::iter::once(number).chain(work.act.child()).all(|job| !world.jobs.contains_key(&job));
            has_either && is_new && has_room(world, work)
        }
        Op::Open(job) => world.jobs.get(job).is_some_and(|job| job.is_held),
        Op::Wait(job) | Op::CallBack(job) | Op::DropFuture(job) => has_future(*job) && is_reached(world, *job),
        Op::Cancel(job) | Op::Abort(job) | Op::Kill(job) => world.is_known(*job) && is_reached(world, *job),
        Op::WaitIdle | Op::Shutdown(_) | Op::ShutdownWith(_) | Op::RunNext | Op::Advance => has_either,
        Op::DropPool => world.has_pool && may_drop(world),
        Op::DropHandle => world.has_handle,
        Op::Race(_) => false,
    }
}

/// Who waits for a place has no future yet.
fn is_reached(world: &World, job: JobNumber) -> bool {
    !matches!(world.life(job), Some(Life::Knocking | Life::Inline | Life::Unborn))
}

/// What waits must not hold the pool, so that it goes when the script drops it.
fn may_drop(world: &World) -> bool {
    let nobody_waits = world.calls.values().all(|call| !call.is_waiting());
    world.has_handle || nobody_waits && !world.shape.has(Ability::Nest)
}

fn has_room(world: &World, work: Work) -> bool {
    let waiting = world.owed().count() + world.count(|life| matches!(life, Life::Knocking | Life::Inline));
    let crashes = world.jobs.values().filter(|job| job.act == Act::Crash).count();
    waiting < world.shape.workers + MOST_WAITING && (work.act != Act::Crash || crashes < 2)
}

fn is_race(world: &World, parts: &[Op]) -> bool {
    let numbers: Vec<_> = parts.iter().filter_map(Op::submitted).map(|(job, _)| job).collect();
    let of_job =
        |op: &Op| matches!(op, Op::Wait(_) | Op::CallBack(_) | Op::DropFuture(_)).then(|| op.target()).flatten();
    let futures: Vec<_> = parts.iter().filter_map(of_job).collect();
    let is_once = |kind: fn(&Op) -> bool| parts.iter().filter(|op| kind(op)).count() <= 1;
    parts.iter().all(|op| makes_sense(world, op) && !matches!(op, Op::Kill(_) | Op::RunNext | Op::Advance))
        && numbers.len() <= 1
        && futures.len() <= 1
        && is_once(|op| matches!(op, Op::DropPool | Op::DropHandle))
        && (world.has_handle || !parts.contains(&Op::DropPool))
        && parts.iter().any(|op| !matches!(op, Op::Open(_)))
}

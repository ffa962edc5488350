//! Draws scripts that make sense, and shrinks them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use proptest_state_machine::ReferenceStateMachine;

use super::op::{Act, Delay, JobNumber, Op, Policy, Work};
use super::shape::{Ability, Shape};
use super::world::{Hold, Life, World, is_soon_raced, raced};

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
        if world.shape.has(Ability::Race) {
            let (parts, world) = (Union::new_weighted(choices.clone()), world.clone());
            choices.push((6, vec(parts, 2..=3).prop_map(move |parts| race_of(&world, parts)).boxed()));
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
        let next = raced(&world, next_call(&world), op.parts()).into_iter();
        let mut next = next.min_by_key(|world| format!("{world:?}")).expect("an executor comes to rest somewhere");
        next.forget(|_| true);
        next
    }
}

type Choice = (u32, BoxedStrategy<Op>);

/// The operations that can come next. `makes_sense` accepts all of them: scripts that are refused too often would be given up.
fn singles(world: &World) -> Vec<Choice> {
    let mut choices = Vec::new();
    if world.has_pool || world.has_handle {
        add_calls(world, &mut choices);
    }
    let mut add = |weight: u32, strategy: BoxedStrategy<Op>| choices.push((weight, strategy));
    if world.has_pool && may_drop(world) {
        add(1, Just(Op::DropPool).boxed());
    }
    if world.has_handle {
        add(1, Just(Op::DropHandle).boxed());
    }
    let held = numbers(world, |job| world.jobs[&job].is_held);
    let (known, futures) = (numbers(world, |job| world.is_known(job)), numbers(world, |job| has_future(world, job)));
    if !held.is_empty() {
        add(6, select(held).prop_map(Op::Open).boxed());
    }
    if !known.is_empty() {
        add(6, select(known.clone()).prop_map(Op::Cancel).boxed());
        add(3, select(known.clone()).prop_map(Op::Abort).boxed());
        if world.shape.has(Ability::Processes) {
            add(2, select(known).prop_map(Op::Kill).boxed());
        }
    }
    if !futures.is_empty() {
        for (weight, op) in [(3, Op::Wait as fn(JobNumber) -> Op), (2, Op::CallBack), (2, Op::DropFuture)] {
            add(weight, select(futures.clone()).prop_map(op).boxed());
        }
    }
    if choices.is_empty() {
        // The script holds nothing any more. No job has this number.
        choices.push((1, Just(Op::Open(0)).boxed()));
    }
    choices
}

/// Adds the calls that the executor can take.
fn add_calls(world: &World, choices: &mut Vec<Choice>) {
    let shape = world.shape;
    let mut add = |weight: u32, strategy: BoxedStrategy<Op>| choices.push((weight, strategy));
    if has_room(world) {
        let number = world.jobs.keys().next_back().map_or(1, |last| last + 1);
        let works = works(world, number);
        add(8, works.clone().prop_map(move |work| Op::Submit(number, work)).boxed());
        add(2, works.clone().prop_map(move |work| Op::TrySubmit(number, work)).boxed());
        if shape.has(Ability::Delay) {
            let delayed = (works, prop_oneof![Just(Delay::Soon), Just(Delay::Never)]);
            add(2, delayed.prop_map(move |(work, delay)| Op::SubmitAfter(number, delay, work)).boxed());
        }
    }
    add(1, any::<bool>().prop_map(|is_left| Op::Shutdown(!is_left)).boxed());
    if shape.has(Ability::Idle) {
        add(1, Just(Op::WaitIdle).boxed());
    }
    if shape.has(Ability::Report) {
        add(1, select(Policy::ALL.to_vec()).prop_map(Op::ShutdownWith).boxed());
    }
    if shape.has(Ability::Manual) {
        add(6, Just(Op::RunNext).boxed());
        add(2, Just(Op::Advance).boxed());
    }
}

fn next_call(world: &World) -> usize {
    world.calls.keys().next_back().map_or(0, |last| last + 1)
}

fn numbers(world: &World, is_it: impl Fn(JobNumber) -> bool) -> Vec<JobNumber> {
    world.jobs.keys().copied().filter(|&job| is_it(job)).collect()
}

fn works(world: &World, number: JobNumber) -> BoxedStrategy<Work> {
    let shape = world.shape;
    let mut acts = vec![(6, Just(Act::Return).boxed()), (1, Just(Act::Panic).boxed())];
    if may_crash(world) {
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
    match op {
        Op::Submit(..) | Op::TrySubmit(..) | Op::SubmitAfter(..) => {
            let (number, work) = op.submitted().expect("it submits");
            let is_new = std::iter::once(number).chain(work.act.child()).all(|job| !world.jobs.contains_key(&job));
            has_either && is_new && has_room(world) && (work.act != Act::Crash || may_crash(world))
        }
        Op::Open(job) => world.jobs.get(job).is_none_or(|job| job.is_held),
        Op::Wait(job) | Op::CallBack(job) | Op::DropFuture(job) => has_future(world, *job),
        Op::Cancel(job) | Op::Abort(job) | Op::Kill(job) => world.is_known(*job),
        Op::WaitIdle | Op::Shutdown(_) | Op::ShutdownWith(_) | Op::RunNext | Op::Advance => has_either,
        Op::DropPool => world.has_pool && may_drop(world),
        Op::DropHandle => world.has_handle,
        Op::Race(_) => false,
    }
}

/// A waiting call must not hold the pool, so that the pool goes when the script drops it.
fn may_drop(world: &World) -> bool {
    let nobody_waits = world.calls.values().all(|call| !call.is_waiting());
    world.has_handle || nobody_waits && !world.shape.has(Ability::Nest)
}

fn has_future(world: &World, job: JobNumber) -> bool {
    world.is_known(job) && world.jobs[&job].future == Hold::Future
}

fn has_room(world: &World) -> bool {
    let waiting = world.owed().count() + world.count(|life| life == Life::AwaitingSlot);
    waiting < world.shape.workers + MOST_WAITING
}

/// A worker takes long to start.
fn may_crash(world: &World) -> bool {
    world.shape.has(Ability::Processes) && world.jobs.values().filter(|job| job.act == Act::Crash).count() < 2
}

/// Those of them at once that go together. Each job that is submitted gets a number of its own.
fn race_of(world: &World, parts: Vec<Op>) -> Op {
    let (mut race, mut submits) = (Vec::new(), 0);
    for part in &parts {
        let mut part = part.clone();
        part.renumber(2 * submits);
        submits += JobNumber::from(part.submitted().is_some());
        race.push(part);
        if !is_race(world, &race) {
            race.pop();
        }
    }
    if race.len() > 1 { Op::Race(race) } else { parts.into_iter().next().expect("it has two parts or three") }
}

fn is_race(world: &World, parts: &[Op]) -> bool {
    let of_job =
        |op: &Op| matches!(op, Op::Wait(_) | Op::CallBack(_) | Op::DropFuture(_)).then(|| op.target()).flatten();
    let is_taken_once = |job| parts.iter().filter_map(of_job).filter(|&other| other == job).count() <= 1;
    let is_once = |kind: fn(&Op) -> bool| parts.iter().filter(|op| kind(op)).count() <= 1;
    // A race has no kill: which job the process runs when it is killed would be unknown.
    parts.iter().all(|op| makes_sense(world, op) && !matches!(op, Op::Kill(_)))
        && parts.iter().filter_map(of_job).all(is_taken_once)
        && is_once(|op| matches!(op, Op::DropPool | Op::DropHandle))
        && (world.has_handle || !parts.contains(&Op::DropPool))
        && (!world.shape.has(Ability::Manual) || is_once(Op::drives))
        && (parts.len() < 2 || is_soon_raced(world, next_call(world), parts))
}

//! Does to an executor what a script says, and watches whether what it does is allowed.

mod actors;
mod deeds;
mod seen;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::coordinator::Coordinator;
use super::op::{JobNumber, Op};
use super::shape::{Ability, Shape};
use super::subject::Subject;
use super::task::Task;
use super::world::{Answer, Job, Life, World, Worlds, raced};
use actors::{Actors, switches_if_asleep};
use seen::{Known, Seen};

/// More than a race has parts.
const PARTS: usize = 8;

/// The fault, and the operation at which it showed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) text: String,
    /// The executor never came to rest: a thread waits for ever.
    pub(crate) is_hang: bool,
}

/// An executor in the hands of a script.
pub(crate) struct Driver {
    shape: Shape,
    patience: Duration,
    coordinator: Arc<Coordinator>,
    pool: Option<Arc<dyn Subject>>,
    handle: Option<Arc<dyn Subject>>,
    /// Tells the stats, also when the script has let go of everything.
    watch: Option<Arc<dyn Subject>>,
    jobs: BTreeMap<JobNumber, Arc<Known>>,
    answers: Arc<Mutex<BTreeMap<usize, Answer>>>,
    /// The threads of the calls that have not returned.
    busy: Arc<Mutex<BTreeMap<usize, PathBuf>>>,
    /// An actor's report of a fault: no world allows it.
    wrong: Arc<Mutex<Option<String>>>,
    actors: Actors,
    worlds: Vec<World>,
    trace: Vec<String>,
    /// How many calls were made.
    called: usize,
}

impl Driver {
    pub(crate) fn new(shape: Shape, pool: Arc<dyn Subject>, patience: Duration) -> Self {
        let coordinator = Coordinator::new(shape.has(Ability::Processes));
        let handle = shape.has(Ability::Handle).then(|| pool.handle());
        let watch = handle.clone().filter(|_| shape.has(Ability::Stats));
        if shape.has(Ability::Nest) {
            let (executor, address) = (handle.clone().unwrap_or_else(|| pool.clone()), coordinator.address());
            coordinator.set_submit_child(Arc::new(move |child| executor.submit(Task::child(child, address.clone()))));
        }
        Self {
            shape,
            patience,
            coordinator,
            pool: Some(pool),
            handle,
            watch,
            jobs: BTreeMap::new(),
            answers: Arc::default(),
            busy: Arc::default(),
            wrong: Arc::default(),
            actors: Actors::default(),
            worlds: vec![World::new(shape)],
            trace: Vec::new(),
            called: 0,
        }
    }

    /// Does it all, then brings every job to its end.
    pub(crate) fn run(mut self, ops: &[Op], mut about_to_do: impl FnMut()) -> Result<(), Failure> {
        let mut run = || {
            for op in ops {
                about_to_do();
                self.step(op)?;
            }
            self.finish()
        };
        let ended = run();
        self.coordinator.close();
        if ended.is_err() {
            // A drop of the pool may wait for the hanging call, so an actor drops it instead of this thread.
            let (pool, handle) = (self.pool.take(), self.handle.take());
            self.actors.run(Box::new(move || drop((pool, handle))));
        }
        ended
    }

    fn step(&mut self, op: &Op) -> Result<(), Failure> {
        let at = self.trace.len() * PARTS;
        self.trace.push(op.to_string());
        let allowed: Worlds = self.worlds.iter().flat_map(|world| raced(world, at, op.parts())).collect();
        self.called += op.parts().len();
        self.perform(at, op);
        self.worlds = allowed.into_iter().collect();
        self.settle()
    }

    /// Waits until the executor is where one of the worlds is at rest.
    fn settle(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        let mut pause = Duration::from_micros(20);
        loop {
            let seen = Seen::of(self);
            let before = std::mem::take(&mut self.worlds);
            let (allowed, others) = before.into_iter().partition(|world| seen.may_become(world));
            self.worlds = allowed;
            if let Some(text) = self.wrong.lock().take() {
                return Err(self.failure(&text, false));
            }
            if self.worlds.is_empty() {
                return Err(self.failure(&seen.tell(&others), false));
            }
            // The one that it is in comes first. Others, that nothing speaks against yet, stay: a look is not of one moment.
            if let Some(place) = self.worlds.iter().position(|world| seen.is(world))
                && self.are_asleep(&seen)
            {
                self.worlds.swap(0, place);
                self.worlds.iter_mut().for_each(|world| world.forget(|at| seen.has_answered(at)));
                return Ok(());
            }
            if start.elapsed() > self.patience {
                return Err(self.failure(&seen.tell(&self.worlds), true));
            }
            self.coordinator.wait_for_change(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
        }
    }

    /// Whether the calls that have not returned have done what they do before they wait.
    fn are_asleep(&self, seen: &Seen) -> bool {
        let look = || {
            let busy = self.busy.lock().clone();
            busy.iter().map(|(&at, thread)| Some((at, switches_if_asleep(thread)?))).collect::<Option<Vec<_>>>()
        };
        let before = look();
        if before.as_ref().is_some_and(Vec::is_empty) {
            return seen.count() == self.called;
        }
        self.coordinator.wait_for_change(Duration::from_micros(200));
        let after = look();
        // Those that have returned are none of the busy ones, and one that has not begun is neither.
        before.is_some() && before == after && before.map_or(0, |busy| busy.len()) + seen.count() == self.called
    }

    /// Lets all jobs end, shuts down, and looks whether anything is left.
    fn finish(&mut self) -> Result<(), Failure> {
        while let Some(op) = self.towards_the_end() {
            self.step(&op)?;
        }
        self.look_what_is_left()
    }

    /// The next operation that brings the script to its end.
    fn towards_the_end(&self) -> Option<Op> {
        let world = &self.worlds[0];
        let first = |is_it: fn(&Job) -> bool| world.jobs.iter().find(|(_, job)| is_it(job)).map(|(&number, _)| number);
        if let Some(job) = first(|job| matches!(job.life, Life::Delayed(_))) {
            return Some(Op::Cancel(job));
        }
        if let Some(job) = first(|job| job.is_held) {
            return Some(Op::Open(job));
        }
        if self.shape.has(Ability::Manual) && !world.queue.is_empty() {
            return Some(Op::RunNext);
        }
        self.pool.is_some().then_some(if world.is_open { Op::Shutdown(true) } else { Op::DropPool })
    }

    fn look_what_is_left(&mut self) -> Result<(), Failure> {
        let open: Vec<_> = self.worlds[0].calls.values().filter(|call| call.is_waiting()).collect();
        if !open.is_empty() {
            return Err(self.failure(&format!("every job has ended, and these calls wait: {open:?}"), true));
        }
        for (number, known) in &self.jobs {
            if known.told() > 1 {
                return Err(self.failure(&format!("job {number} was told of {} times", known.told()), false));
            }
            if known.is_late() {
                let text = format!("job {number} never ran, and its end was told before what it captured was dropped");
                return Err(self.failure(&text, false));
            }
            if known.is_captured() {
                return Err(self.failure(&format!("what job {number} captured is there after its end"), false));
            }
        }
        Ok(())
    }

    fn failure(&self, what: &str, is_hang: bool) -> Failure {
        let (last, before) = self.trace.split_last().expect("something was done");
        let verb = if is_hang { "hangs" } else { "is wrong" };
        let mut text = format!("after `{last}` the executor {verb}:\n{what}\nwhat was done:\n");
        for (number, op) in before.iter().chain([last]).enumerate() {
            let _ = writeln!(text, "  {:2}: {op}", number + 1);
        }
        Failure { text, is_hang }
    }
}

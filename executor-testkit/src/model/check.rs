//! Looks for a script that breaks a law, and makes it short.

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::test_runner::{Config, TestCaseError, TestError, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, Sequential};

use super::driver::Failure;
use super::machine::Machine;
use super::op::Op;
use super::script::Script;
use super::shape::Shape;
use super::subject::Subject;
use super::watchdog;
use super::world::World;

/// How often a script in which chance has a part is run again to see whether a shorter one fails too.
const TRIES: usize = 12;

/// Settings of a search for a script that breaks a law.
///
/// ```
/// use executor_testkit::model::{Check, Shape};
///
/// let check = Check::new(Shape::threads(2)).cases(64).steps(12).seed(7);
/// # let _ = check;
/// ```
#[derive(Clone, Debug)]
#[must_use = "it looks for nothing until it is run"]
pub struct Check {
    shape: Shape,
    cases: u32,
    steps: usize,
    seed: Option<u64>,
    patience: Duration,
    names: (String, String),
}

/// A broken law: the evidence, and the shortest script found that breaks it.
#[derive(Clone, Debug)]
pub struct Broken {
    script: Script,
    test: String,
    failure: Failure,
    cases: usize,
    seed: u64,
}

impl Check {
    /// A search of 256 scripts of up to 20 operations each. The environment variable `EXECUTOR_MODEL_CASES` overrides [`cases`](Self::cases);
    /// `EXECUTOR_MODEL_SEED` sets the [seed](Self::seed) of a check that has none.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            cases: 256,
            steps: 20,
            seed: None,
            patience: Duration::from_secs(20),
            names: ("shape".to_owned(), "make".to_owned()),
        }
    }

    /// Sets how many scripts are tried. Default: 256.
    pub fn cases(mut self, cases: u32) -> Self {
        self.cases = cases;
        self
    }

    /// Sets how many operations a script has at most. Default: 20.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Draws the scripts from this seed, so that each run has the same scripts. Default: another seed in each run; a failure prints its
    /// seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets how long an executor may take to come to rest before it counts as hanging. While a script is made shorter, a tenth of this time
    /// is allowed, but where only the shorter script hangs.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets the code that makes shape and executor in the printed test. [`check_shutdown!`](crate::check_shutdown) passes its own arguments.
    pub fn named(mut self, shape: &str, make: &str) -> Self {
        self.names = (shape.to_owned(), make.to_owned());
        self
    }

    /// Searches for a script that breaks a law. Blocks until all scripts have run, or one has failed and is shortened.
    ///
    /// # Panics
    ///
    /// If a script breaks a law: with the evidence, and a test to paste. If the executor hangs, also with the state of every thread.
    #[track_caller]
    pub fn run<S: Subject>(&self, make: impl Fn() -> S) {
        if let Err(broken) = self.find(make) {
            panic!("{broken}");
        }
    }

    /// As [`run`](Self::run), without the panic.
    ///
    /// # Errors
    ///
    /// [`Broken`], if a script breaks a law.
    ///
    /// # Panics
    ///
    /// If an executor cannot be made, or lacks a method that its shape declares.
    pub fn find<S: Subject>(&self, make: impl Fn() -> S) -> Result<(), Box<Broken>> {
        let found: RefCell<Option<Failure>> = RefCell::default();
        let count = AtomicUsize::new(0);
        let shape = self.shape;
        let scripts = Sequential::new(
            (1..=self.steps).into(),
            move || proptest::strategy::Just(World::new(shape)),
            Machine::preconditions,
            Machine::transitions,
            Machine::apply,
        );
        let case = |(_, ops, seen): (World, Vec<Op>, Option<Arc<AtomicUsize>>)| {
            let script = Script::of(shape, ops);
            let is_first = found.borrow().is_none();
            let tries = if is_first || !script.has_race() { 1 } else { TRIES };
            let patience = if is_first { self.patience } else { self.patience / 10 };
            for _ in 0..tries {
                let about_to_do = || {
                    if let Some(seen) = &seen {
                        seen.fetch_add(1, Ordering::SeqCst);
                    }
                };
                let mut ended = script.run(Arc::new(make()), patience, about_to_do);
                let may_be_a_pause = |failure: &Failure| {
                    failure.is_hang && found.borrow().as_ref().is_some_and(|before| !before.is_hang)
                };
                // With less patience, a pause of a busy machine looks like a hang.
                if ended.as_ref().is_err_and(may_be_a_pause) {
                    ended = script.run(Arc::new(make()), self.patience, || ());
                }
                if let Err(failure) = ended {
                    let text = failure.text.clone();
                    *found.borrow_mut() = Some(failure);
                    return Err(TestCaseError::fail(text));
                }
            }
            if is_first {
                count.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        };
        let seed = self.seed.or_else(|| set_to("EXECUTOR_MODEL_SEED")).unwrap_or_else(any_seed);
        let ops = match self.runner(seed).run(&scripts, case) {
            Ok(()) => return Ok(()),
            Err(TestError::Fail(_, (_, ops, _))) => ops,
            Err(TestError::Abort(reason)) => panic!("no more scripts can be drawn: {reason}"),
        };
        let script = Script::of(shape, ops);
        let mut failure = found.into_inner().expect("it failed, so it was seen to");
        if failure.is_hang {
            failure.text += &watchdog::threads();
        }
        let test = script.as_test(&self.names.0, &self.names.1);
        Err(Box::new(Broken { script, test, failure, cases: count.into_inner() + 1, seed }))
    }

    fn runner(&self, seed: u64) -> TestRunner {
        let cases = set_to("EXECUTOR_MODEL_CASES").unwrap_or(self.cases);
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 512, ..Config::default() };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let algorithm = config.rng_algorithm;
        TestRunner::new_with_rng(config, TestRng::from_seed(algorithm, &bytes))
    }
}

/// The number that an environment variable is set to.
fn set_to<N: std::str::FromStr>(variable: &str) -> Option<N> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is `{value}`; set it to a number")))
}

/// A number that differs from run to run.
fn any_seed() -> u64 {
    RandomState::new().hash_one(())
}

impl Broken {
    /// Returns the shortest script found.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// Returns the script as a test, to paste beside `use executor_testkit::model::*`.
    pub fn test(&self) -> &str {
        &self.test
    }

    /// Returns the value for [`Check::seed`] that draws the same scripts.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns how many scripts were tried, up to the first that failed.
    pub fn cases(&self) -> usize {
        self.cases
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { test, failure, cases, seed, .. } = self;
        writeln!(
            f,
            "script {cases} of seed {seed} broke a law (EXECUTOR_MODEL_SEED={seed} draws it again). Made short, and as a test to be pasted:\n\n{test}\n{}",
            failure.text
        )
    }
}

impl std::error::Error for Broken {}

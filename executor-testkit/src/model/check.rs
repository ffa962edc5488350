//! Looks for a script that breaks a law, and makes it short.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::test_runner::{Config, TestCaseError, TestError, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, Sequential};

use super::driver::Failure;
use super::machine::Machine;
use super::op::Op;
use super::world::World;
use super::{Script, Shape, Subject, watchdog};

/// How often a script in which chance has a part is run again to see whether a shorter one fails too.
const TRIES: usize = 12;

/// How hard to look for a script that breaks a law.
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

/// A law was broken: what was seen, and the shortest script that was found to do it.
#[derive(Clone, Debug)]
pub struct Broken {
    script: Script,
    test: String,
    failure: Failure,
    cases: usize,
}

impl Check {
    /// 256 cases of up to 20 operations; the environment variable `PROPTEST_CASES` sets another number, whatever [`cases`](Self::cases) says.
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

    /// How many scripts are tried.
    pub fn cases(mut self, cases: u32) -> Self {
        self.cases = cases;
        self
    }

    /// How many operations a script has at most.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Draws the scripts from this seed, so that they are the same each time. Without, they differ from run to run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How long an executor may take to come to rest before it is said to hang. Only one that hangs takes so long; while the script is made shorter, a tenth
    /// of it.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How shape and executor are made, as code, for the test that is printed. [`check_shutdown!`](crate::check_shutdown) gives what it was called with.
    pub fn named(mut self, shape: &str, make: &str) -> Self {
        self.names = (shape.to_owned(), make.to_owned());
        self
    }

    /// Looks for a script that breaks a law.
    ///
    /// # Panics
    ///
    /// When there is one: with what was seen, and a test to be pasted. When it hangs, also with what every thread is doing.
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
    /// When there is one.
    ///
    /// # Panics
    ///
    /// When an executor cannot be made, or lacks a method that its shape says it has.
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
                if let Err(failure) = script.run(Arc::new(make()), patience, about_to_do) {
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
        let Err(TestError::Fail(_, (_, ops, _))) = self.runner().run(&scripts, case) else { return Ok(()) };
        let script = Script::of(shape, ops);
        let mut failure = found.into_inner().expect("it failed, so it was seen to");
        if failure.is_hang {
            failure.text += &watchdog::threads();
        }
        let test = script.as_test(&self.names.0, &self.names.1);
        Err(Box::new(Broken { script, test, failure, cases: count.into_inner() + 1 }))
    }

    fn runner(&self) -> TestRunner {
        let default = Config::default();
        let is_set = std::env::var_os("PROPTEST_CASES").is_some();
        let cases = if is_set { default.cases } else { self.cases };
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 512, ..default };
        let Some(seed) = self.seed else { return TestRunner::new(config) };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let algorithm = config.rng_algorithm;
        TestRunner::new_with_rng(config, TestRng::from_seed(algorithm, &bytes))
    }
}

impl Broken {
    /// The shortest script that was found.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// The same as a test, to be pasted beside `use executor_testkit::model::*`.
    pub fn test(&self) -> &str {
        &self.test
    }

    /// How many scripts were tried, up to the first that failed.
    pub fn cases(&self) -> usize {
        self.cases
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { test, failure, cases, .. } = self;
        writeln!(f, "script {cases} broke a law. Made short, and as a test to be pasted:\n\n{test}\n{}", failure.text)
    }
}

impl std::error::Error for Broken {}

//! A small service, and tests of what happens to its work at shutdown, with the tools of `executor-testkit` for services.
//!
//! The service sends letters, each in a job. A letter that could not be sent is tried again later. A stop waits for the letters under way, and
//! returns those that were not sent, to be kept for the next start. The promise under test: **every accepted letter is sent once, or
//! returned by the stop.** In an application, each function below `main` is a `#[test]`.
//!
//! `cargo run --example property_test_shutdown`

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use executor::{ClosureExecutor, ThreadPool};
use executor_testkit::model::{Act, Closures, Delay, Script};
use executor_testkit::{Chaos, ManualExecutor, check_shutdown};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

// ---- the service ----

const ATTEMPTS: u32 = 3;

/// Generic over its executor: a `ThreadPool` in production, any other in a test.
struct Mailer<E: ClosureExecutor> {
    executor: E,
    office: Arc<Office>,
}

/// The state that the jobs share.
struct Office {
    /// The network: whether the letter went through.
    post: Box<dyn Fn(u32) -> bool + Send + Sync>,
    unsent: Mutex<BTreeSet<u32>>,
}

impl<E: ClosureExecutor> Mailer<E> {
    fn new(executor: E, post: impl Fn(u32) -> bool + Send + Sync + 'static) -> Self {
        Self { executor, office: Arc::new(Office { post: Box::new(post), unsent: Mutex::default() }) }
    }

    fn send(&self, letter: u32) {
        self.office.unsent.lock().unwrap().insert(letter);
        attempt(self.executor.handle(), self.office.clone(), letter, 0);
    }

    /// Waits for the letters under way, and returns those that were not sent.
    fn stop(self) -> Vec<u32> {
        self.executor.shutdown(true);
        self.office.unsent.lock().unwrap().iter().copied().collect()
    }
}

/// Tries to send the letter: at once, then after a second, then after two.
fn attempt<H: ClosureExecutor + Clone + 'static>(handle: H, office: Arc<Office>, letter: u32, number: u32) {
    let delay = Duration::from_secs(number.into());
    let at_work = office.clone();
    let job = move || {
        // An attempt may have gone through although its outcome was lost.
        let is_unsent = at_work.unsent.lock().unwrap().contains(&letter);
        let is_sent = !is_unsent || (at_work.post)(letter);
        if is_sent {
            at_work.unsent.lock().unwrap().remove(&letter);
        }
        is_sent
    };
    let future = if number == 0 { handle.submit(job) } else { handle.submit_after(delay, job) };
    // For any failure: the network, a panic, a cancel, a crash. After the stop, the new attempt is rejected, and the letter stays unsent.
    future.on_done(move |outcome| {
        if !outcome.unwrap_or(false) && number + 1 < ATTEMPTS {
            attempt(handle, office, letter, number + 1);
        }
    });
}

// ---- its tests ----

fn main() {
    println!("sent at the third attempt, after: {:?}", retries_take_no_time());
    println!("told by a stop between two attempts: {:?}", a_stop_tells_what_was_not_sent());
    println!("courses of events without a letter lost: {}", no_course_of_events_loses_a_letter());
    println!("seeds of trouble without a letter lost: {}", no_trouble_loses_a_letter());
    the_pool_keeps_its_word();
    println!("the pool beside the model: nothing found");
}

/// On virtual time, an hour passes in one call. Nothing runs before the test says so, so the test can look at each moment.
fn retries_take_no_time() -> Duration {
    let manual = ManualExecutor::new();
    let start = manual.now();
    let attempts = Mutex::new(0);
    let mailer = Mailer::new(manual.handle(), move |_| {
        let mut attempts = attempts.lock().unwrap();
        *attempts += 1;
        *attempts == 3
    });
    mailer.send(1);
    manual.run_until_idle(); // the first attempt fails
    manual.advance(Duration::from_secs(1)); // so does the second
    assert_eq!(mailer.office.unsent.lock().unwrap().len(), 1);
    manual.advance(Duration::from_secs(2)); // the third goes through
    let took = manual.now() - start;
    assert!(mailer.stop().is_empty());
    took
}

/// A stop with an attempt under way, whose retry comes too late: the one moment that is hard to hit with threads.
fn a_stop_tells_what_was_not_sent() -> Vec<u32> {
    let mailer = Mailer::new(ManualExecutor::new(), |letter| letter % 2 == 0);
    (1..=4).for_each(|letter| mailer.send(letter));
    mailer.stop()
}

/// A step of a script of events.
#[derive(Clone, Debug)]
enum Step {
    Send,
    Run,
    Advance(u64),
}

/// Any letters, any answers of the network, any order of the jobs, a stop at any moment: proptest draws scripts, and shortens one that fails.
fn no_course_of_events_loses_a_letter() -> u32 {
    let step = prop_oneof![Just(Step::Send), Just(Step::Run), (0..3_u64).prop_map(Step::Advance)];
    let course = (proptest::collection::vec(step, 0..30), any::<u64>(), any::<u64>());
    let config = Config { cases: 500, failure_persistence: None, ..Config::default() };
    let cases = config.cases;
    let check = |(steps, seed, answers): (Vec<Step>, u64, u64)| {
        // Jobs of several workers start in any order: by the seed.
        let manual = ManualExecutor::seeded(seed);
        let sent = Arc::new(Mutex::new(Vec::new()));
        let network = sent.clone();
        let mailer = Mailer::new(manual.handle(), move |letter| {
            let mut sent = network.lock().unwrap();
            let turn = u32::try_from(sent.len()).expect("a course is short") + 7 * letter;
            let goes_through = answers.rotate_right(turn) & 1 == 1;
            if goes_through {
                sent.push(letter);
            }
            goes_through
        });
        let mut accepted = 0;
        for step in steps {
            match step {
                Step::Send => {
                    mailer.send(accepted);
                    accepted += 1;
                }
                Step::Run => _ = manual.run_next(),
                Step::Advance(seconds) => _ = manual.advance(Duration::from_secs(seconds)),
            }
        }
        let mut all = mailer.stop();
        all.extend(&*sent.lock().unwrap());
        all.sort_unstable();
        prop_assert!(all.iter().copied().eq(0..accepted), "sent or told: {all:?} of {accepted}");
        Ok(())
    };
    TestRunner::new(config).run(&course, check).unwrap_or_else(|failure| panic!("{failure}"));
    cases
}

/// `Chaos` cancels, rejects, crashes and panics some of the jobs. Around a manual executor, the seed decides every event, so a failure can be
/// repeated.
fn no_trouble_loses_a_letter() -> u64 {
    const SEEDS: u64 = 100;
    for seed in 0..SEEDS {
        let trouble = Chaos::builder().seed(seed).cancel(0.1).reject(0.1).crash(0.2).panic(0.1);
        let sent = Arc::new(Mutex::new(Vec::new()));
        let network = sent.clone();
        let mailer = Mailer::new(trouble.around(ManualExecutor::seeded(seed)), move |letter| {
            network.lock().unwrap().push(letter);
            true
        });
        (0..20).for_each(|letter| mailer.send(letter));
        let log = mailer.executor.handle();
        let mut all = mailer.stop();
        all.extend(&*sent.lock().unwrap());
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..20), "seed {seed}: {all:?}\n{:?}", log.log());
    }
    SEEDS
}

/// Tests the pool below the service against the model of shutdowns. A fault would be printed as such a script.
fn the_pool_keeps_its_word() {
    let shape = Closures::shape(&ThreadPool::new(2));
    check_shutdown!(shape, || Closures::new(ThreadPool::new(2)), |check| check.cases(32));
    Script::new(shape)
        .submit(1, Act::Return.held()) // a letter is under way
        .submit_after(2, Delay::Never, Act::Return) // another will be tried again
        .shutdown(true) // waits for both
        .submit(3, Act::Return) // is refused
        .race(|race| race.open(1).cancel(2))
        .check(|| Closures::new(ThreadPool::new(2)));
}

//! Pools that break a law: the model finds each, and tells it shortly.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use executor::{Executor, Future, Rejected, Shutdown, ThreadPool};
use executor_testkit::model::{Ability, Broken, Check, Shape, Subject, Task};
use parking_lot::Mutex;

use crate::support::boxed;
use crate::support::within_patience;

/// Takes jobs after its shutdown.
pub(super) struct Deaf(ThreadPool);

pub(super) fn deaf() -> Deaf {
    Deaf(ThreadPool::new(1))
}

impl Shutdown for Deaf {
    fn shutdown(&self, wait: bool) {
        if wait {
            self.0.shutdown(true);
        }
    }
}

/// Returns from its shutdown although jobs run.
struct Hasty(ThreadPool);

impl Shutdown for Hasty {
    fn shutdown(&self, _: bool) {
        self.0.shutdown(false);
    }
}

/// As [`Hasty`], and takes its time to end.
struct HastyAndSlow {
    pool: Hasty,
    pause: Duration,
}

impl Drop for HastyAndSlow {
    fn drop(&mut self) {
        let (_sender, never) = mpsc::channel::<()>();
        let _ = never.recv_timeout(self.pause);
    }
}

impl Shutdown for HastyAndSlow {
    fn shutdown(&self, wait: bool) {
        self.pool.shutdown(wait);
    }
}

impl Executor<Task> for HastyAndSlow {
    fn submit(&self, job: Task) -> Future<u64> {
        self.pool.submit(job)
    }

    fn try_submit(&self, job: Task) -> Result<Future<u64>, Rejected<Task>> {
        self.pool.try_submit(job)
    }
}

impl Subject for HastyAndSlow {}

/// Loses each job, but not the promise that it will run.
struct Lossy(Arc<ThreadPool>);

impl Shutdown for Lossy {
    fn shutdown(&self, wait: bool) {
        self.0.shutdown(wait);
    }
}

macro_rules! hands_on {
    ($($pool:ident)*) => {
        $(
            impl Executor<Task> for $pool {
                fn submit(&self, job: Task) -> Future<u64> {
                    self.0.submit(job)
                }

                fn try_submit(&self, job: Task) -> Result<Future<u64>, Rejected<Task>> {
                    self.0.try_submit(job)
                }
            }

            impl Subject for $pool {}
        )*
    };
}

hands_on!(Deaf Hasty);

impl Executor<Task> for Lossy {
    fn submit(&self, job: Task) -> Future<u64> {
        let (promise, future) = executor::promise();
        // The promise is leaked, so the future never ends.
        self.0.execute(boxed(move || std::mem::forget((promise, job))));
        future
    }

    fn try_submit(&self, job: Task) -> Result<Future<u64>, Rejected<Task>> {
        Ok(self.submit(job))
    }
}

impl Subject for Lossy {}

/// How long an executor may take to come to rest. A pause of the machine is no longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where an executor hangs, all threads of this process are stopped for some time, to look at their stacks.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn found<S: Subject>(make: impl Fn() -> S, name: &str) -> Broken {
    let _alone = ONE_AT_A_TIME.lock();
    // Without races, so that the shortest script is the same each time.
    let shape = Shape::new(1).without(Ability::Race);
    let check = Check::new(shape).named("Shape::new(1)", name).seed(7).patience(PATIENCE);
    *check.find(make).expect_err("it breaks a law")
}

#[test]
fn faults_are_printed_as_tests() {
    within_patience(|| {
        let broken = found(deaf, "deaf");
        let pasted = include_str!("pasted.rs");
        let (before, after) = pasted.split_once("#[should_panic").expect("it is expected to fail");
        let (_, after) = after.split_once('\n').expect("the rest");
        // Which number the job had is chance.
        let (_, number) = broken.test().split_once(".submit(").expect("a job is submitted");
        let (number, _) = number.split_once(',').expect("a number, then what it does");
        let expected = format!("{before}{after}").replace(".submit(1,", &format!(".submit({number},"));
        // How it is laid out is the formatter's.
        let words = |text: &str| text.split_whitespace().collect::<String>();
        assert!(words(&expected).ends_with(&words(broken.test())), "{broken}");
        let text = broken.to_string();
        let last = format!("after `.submit({number}, Act::Return)` the executor is wrong");
        for line in [&last, "what was done:\n   1: .shutdown(false)\n"] {
            assert!(text.contains(line), "{text}");
        }
    });
}

#[test]
fn a_shutdown_that_returns_early_is_found() {
    within_patience(|| {
        let text = found(|| Hasty(ThreadPool::new(1)), "hasty").to_string();
        assert!(text.contains("has returned Done; it should wait: AllEnded"), "{text}");
        assert!(text.matches("\n        .").count() <= 4, "it can be made shorter: {text}");
    });
}

/// A shorter script is given a tenth of the time. A pause of the machine that is longer is no fault.
#[test]
fn a_pause_is_no_shorter_form_of_a_fault() {
    within_patience(|| {
        let text = found(|| HastyAndSlow { pool: Hasty(ThreadPool::new(1)), pause: PATIENCE / 7 }, "slow").to_string();
        assert!(text.contains("has returned Done; it should wait: AllEnded"), "{text}");
    });
}

#[test]
fn a_job_that_never_ends_is_found_and_every_thread_is_told() {
    within_patience(|| {
        let text = found(|| Lossy(Arc::new(ThreadPool::new(1))), "lossy").to_string();
        for part in ["hangs", "it has not started", "threads:\n", "R (running)", "stacks"] {
            assert!(text.contains(part), "no `{part}` in: {text}");
        }
    });
}

//! Executors that break a law, and what the contract says of each.

use std::time::Duration;

use executor_testkit::contract::{Broken, Check, Law, Make, Subject, closure_checks, portable_checks};

use super::faulty::Tiny;

/// One that hangs is known to: nothing else here takes as long, where it is not kept from running.
const PATIENCE: Duration = Duration::from_millis(500);

/// The fault of the tiny executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Every 7th job is forgotten.
    LosesJobs,
    /// Every 7th job is another one.
    MixesOutcomesUp,
    /// Every 7th job does its work a second time.
    RunsTwice,
    /// A job submitted while it shuts down may be left in the queue.
    LosesTheRace,
    /// It says that a job was refused, and runs it all the same.
    RunsWhatItRefuses,
    /// The job that it gives back is not the one that it was given.
    GivesBackAnother,
    /// A job that runs can be cancelled, and one that was cancelled runs.
    CancelsWhatRuns,
    /// A cancelled job keeps its captures until its turn comes.
    KeepsCaptures,
    /// A cancelled job's place in the queue stays taken.
    LeaksPlaces,
    /// A job runs while the queue is locked.
    RunsUnderItsLock,
    /// A cancelled job's captures are dropped while the queue is locked.
    DropsUnderItsLock,
    /// A job that panics takes the thread along.
    DiesOfPanics,
    /// A shutdown inside of a job waits for that job.
    WaitsForItself,
    /// `shutdown(true)` does not wait.
    ReturnsEarly,
    /// `shutdown(false)` waits.
    ReturnsLate,
    /// A second `shutdown(true)` never returns.
    HangsAtTheSecondShutdown,
    /// Waiting jobs are cancelled by a shutdown.
    CancelsAtShutdown,
    /// The last is the first.
    LastInFirstOut,
    /// Every 50th job wakes no thread.
    MissesWakeUps,
    /// A thread is started for each job.
    StartsThreads,
    /// A reference to each result is kept.
    KeepsResults,
    /// When the executor is gone, a handle still takes jobs, which never run.
    TakesJobsWhenGone,
}

/// Runs the checks of `law` until one fails.
fn find(law: Law, fault: Option<Fault>) -> Option<Broken> {
    let name = format!("an executor with the fault {fault:?}");
    // Many faults keep a place, too, but should be found as what they are.
    let is_meant = |need: Option<&str>| need != Some("bounded") || fault == Some(Fault::LeaksPlaces);
    let of_law = |check: &Check<Make>| check.law() == law && is_meant(check.need());
    let portable = portable_checks().into_iter().filter(of_law).find_map(|check| {
        let make: Box<Make> = Box::new(move || Subject::of_closures(Tiny::new(fault)));
        check.run(&name, make, PATIENCE).err()
    });
    portable.or_else(|| {
        closure_checks().into_iter().filter(|check| check.law() == law).find_map(|check| {
            let make: Box<dyn Fn() -> Tiny + Send + Sync> = Box::new(move || Tiny::new(fault));
            check.run(&name, make, PATIENCE).err()
        })
    })
}

/// The fault is found, as what it is.
fn is_found(law: Law, fault: Option<Fault>) {
    let broken = find(law, fault).unwrap_or_else(|| panic!("{fault:?} was not found by the checks of {law}"));
    let text = broken.to_string();
    assert_eq!(broken.law(), law);
    let start = format!(
        "an executor with the fault {fault:?} breaks {}: {}\n  found by the check that ",
        law.name(),
        law.text()
    );
    assert!(text.starts_with(&start), "{text}");
    println!("{text}");
}

macro_rules! find {
    ($($test:ident: $fault:ident $law:ident;)*) => {
        $(
            #[test]
            fn $test() {
                is_found(Law::$law, Some(Fault::$fault));
            }
        )*
    };
}

find! {
    law_1_a_lost_job: LosesJobs Outcome;
    law_1_a_wrong_outcome: MixesOutcomesUp Outcome;
    law_1_a_job_that_ran_twice: RunsTwice Outcome;
    law_2_a_job_lost_between: LosesTheRace Race;
    law_2_another_job_given_back: GivesBackAnother Race;
    law_3_a_cancel_of_what_runs: CancelsWhatRuns Cancel;
    law_3_captures_that_stay: KeepsCaptures Cancel;
    law_3_places_that_stay: LeaksPlaces Cancel;
    law_4_a_job_under_a_lock: RunsUnderItsLock NoLocks;
    law_4_a_drop_under_a_lock: DropsUnderItsLock NoLocks;
    law_5_a_thread_that_dies: DiesOfPanics Panics;
    law_7_a_job_that_waits_for_itself: WaitsForItself ShutdownInside;
    law_8_a_shutdown_that_does_not_wait: ReturnsEarly Shutdown;
    law_8_a_shutdown_that_waits_unasked: ReturnsLate Shutdown;
    law_8_a_second_shutdown_that_hangs: HangsAtTheSecondShutdown Shutdown;
    law_8_jobs_cancelled_unasked: CancelsAtShutdown Shutdown;
    law_8_refused_and_run: RunsWhatItRefuses Shutdown;
    law_8_another_job_given_back: GivesBackAnother Shutdown;
    law_9_a_stack_for_a_queue: LastInFirstOut Order;
    law_10_a_missed_wake_up: MissesWakeUps WakeUps;
    law_10_a_thread_for_each_job: StartsThreads WakeUps;
    law_11_a_lost_callback: LosesJobs Callbacks;
    law_12_results_that_stay: KeepsResults Memory;
    maps_that_run_on: CancelsWhatRuns Maps;
    handles_of_nobody: TakesJobsWhenGone Handles;
}

#[test]
fn law_6_jobs_that_must_not_wait() {
    is_found(Law::NestedWaits, None);
}

#[test]
fn delays_that_are_none() {
    is_found(Law::Delays, None);
}

//! The matrix of faults: what goes wrong, when, and how the job came to its worker. Each cell checks which job failed and with what error,
//! that all others have their own results, that jobs start in their order, and that no job ran twice; each test, that nothing is left
//! of its pools.
//!
//! Left out, because it cannot be or says nothing:
//!
//! - a result or a job that is not encodable, but where it is encoded or decoded;
//! - a hang of any kind in a chunk: a time limit is for one item, which then goes alone; in a thread that no job waits for; and in an
//!   initializer, which has a test of its own, since each try takes its whole time;
//! - forged words where there is no job;
//! - for what goes wrong before there is a job (initializer, constructors), ways that differ only once there is one: those that
//!   make a job wait, and retries in chunks;
//! - a lack of memory before the hello: the limit is not set yet;
//! - in a thread that a job left, ways that differ only in how the job that left it came.

mod faults;
mod leftovers;
mod orders;
mod outside;
mod threads;
mod ways;

use std::ops::RangeInclusive;

use executor::JobError;

use self::faults::Fault;
use self::leftovers::Leftovers;
use self::orders::Moment;
use self::ways::{Cell, Outcomes, Way};
use crate::support::alone;
use crate::support::event_log::EventLog;

/// Of faults while a worker has the job.
const CELLS: usize = 664;

/// The outcome that the faulty job must have.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Result,
    Crash(&'static str),
    Panic,
    Codec(&'static str),
    TimeOut,
    Broken(&'static str),
}

impl Expected {
    /// The fault of this outcome of the job with this number, if it has one.
    fn complaint(self, number: u64, outcome: &Result<orders::Answer, JobError>) -> Option<String> {
        let is_so = match (self, outcome) {
            (Self::Result, Ok(answer)) => answer.number == number,
            (Self::Crash(end), Err(JobError::Crashed(crash))) => {
                let text = crash.to_string();
                let is_named = crash.job().ends_with("matrix::orders::obey")
                    || crash.job().starts_with("map at tests/it/processes/matrix/ways.rs:");
                is_named && text.contains(&format!("its worker process {} {end}", crash.pid()))
            }
            (Self::Panic, Err(JobError::Panicked(panic))) => panic.message() == "the matrix wants it",
            (Self::Codec(step), Err(JobError::Codec(error))) => error.to_string().contains(step),
            (Self::TimeOut, Err(JobError::TimedOut(_))) => true,
            (Self::Broken(why), Err(JobError::Broken(broken))) => {
                let text = broken.to_string();
                text.contains("its worker process could not be started in 4 attempts: ") && text.contains(why)
            }
            _ => false,
        };
        (!is_so).then(|| format!("job {number}: {self:?} was expected, and it is {outcome:?}"))
    }
}

fn expected(fault: Fault, moment: Moment, way: Way) -> Expected {
    match (fault, fault.end()) {
        (_, Some(_)) if way.retries() => Expected::Result,
        (_, Some(end)) => Expected::Crash(end),
        (fault, _) if fault.hangs() => Expected::TimeOut,
        (Fault::Panic | Fault::IsNotEncodable, _) => match moment {
            Moment::Reading => Expected::Codec("decode the job in the worker process"),
            Moment::Running => Expected::Panic,
            Moment::Replying => Expected::Codec("encode the result in the worker process"),
            // No outcome waits for a destructor.
            Moment::Dropping => Expected::Result,
        },
        _ => Expected::Result,
    }
}

/// How often the function of the job that goes wrong is called.
fn runs(fault: Fault, moment: Moment, way: Way) -> RangeInclusive<usize> {
    let is_killed = fault.end().is_some();
    let first =
        usize::from(moment != Moment::Reading || matches!(expected(fault, moment, Way::Plain), Expected::Result));
    let most = first + usize::from(is_killed && way.retries());
    // Its time is short: on a busy machine it may be up before the job has started.
    let least = if fault.hangs() { 0 } else { most };
    least..=most
}

fn is_left_out(fault: Fault, moment: Moment, way: Way) -> bool {
    match fault {
        Fault::IsNotEncodable => !matches!(moment, Moment::Reading | Moment::Replying),
        fault if fault.hangs() => way.is_chunked(),
        _ => false,
    }
}

/// Each fault at each moment.
fn cells(way: Way) -> impl Iterator<Item = (Fault, Moment)> {
    let all = faults::ALL.into_iter().flat_map(|fault| orders::ALL.map(|moment| (fault, moment)));
    all.filter(move |&(fault, moment)| !is_left_out(fault, moment, way))
}

/// The faults of the outcomes, of which the victim's must be `expected`, and of the number of runs of each job.
fn complaints(
    outcomes: &Outcomes,
    log: &EventLog,
    victim: u64,
    expected: Expected,
    runs: RangeInclusive<usize>,
) -> Vec<String> {
    let entries = log.sorted();
    let of = |number| if number == victim { (expected, runs.clone()) } else { (Expected::Result, 1..=1) };
    let about = |(number, outcome)| {
        let (expected, wanted) = of(number);
        let ran = entries.iter().filter(|&&entry| entry == number).count();
        let miscount = (!wanted.contains(&ran)).then(|| format!("job {number} ran {ran} times, and not {wanted:?}"));
        [expected.complaint(number, outcome), miscount]
    };
    (0..).zip(outcomes).flat_map(about).flatten().collect()
}

fn go(way: Way) {
    let leftovers = Leftovers::count();
    let mut wrong = Vec::new();
    let mut shared = way.builder().build().expect("a small pool");
    for (fault, moment) in cells(way) {
        let log = EventLog::new();
        let outcomes = Cell { way, trap: Some((fault, moment)), log: &log }.run(&shared);
        let (count, victim) = way.jobs();
        assert_eq!(outcomes.len() as u64, count);
        let mut found = complaints(&outcomes, &log, victim, expected(fault, moment, way), runs(fault, moment, way));
        if !way.is_chunked() && !log.entries().is_sorted() {
            found.push(format!("they started in the order {:?}", log.entries()));
        }
        wrong.extend(found.into_iter().map(|what| format!("{fault:?} while {moment:?}, by {way:?}: {what}")));
        if way == Way::Shutdown {
            assert!(shared.pids().is_empty(), "{fault:?} while {moment:?}: a worker outlives its pool");
            shared = way.builder().build().expect("a small pool");
        }
    }
    shared.shutdown(true);
    drop(shared);
    leftovers.assert_none();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

macro_rules! by {
    ($($name:ident: $way:ident),* $(,)?) => {
        const WAYS: [Way; [$(Way::$way),*].len()] = [$(Way::$way),*];

        $(
            #[test]
            fn $name() {
                alone($name, || go(Way::$way));
            }
        )*
    };
}

by! {
    in_a_job_alone: Plain,
    in_a_job_of_a_forked_worker: Template,
    in_a_job_among_others_of_its_message: Ahead,
    in_an_item_of_a_map: Map,
    in_an_item_of_a_chunk: Chunk,
    in_a_job_with_a_time_limit: TimeLimit,
    in_a_job_that_may_run_again: Retry,
    in_a_chunk_that_may_run_again: RetriedChunk,
    in_a_job_that_a_shutdown_waits_for: Shutdown,
    in_a_job_of_a_bounded_queue: BoundedQueue,
}

#[test]
fn the_matrix_has_so_many_cells() {
    assert_eq!(WAYS.into_iter().flat_map(cells).count(), CELLS);
    println!("{} cells", CELLS + threads::CELLS + outside::CELLS);
}

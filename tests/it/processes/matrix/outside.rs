//! Faults before a worker has a job: in the initializer, or in a constructor, before the hello.

use std::env;
use std::time::Duration;

use executor::{JobError, call};

use super::Expected;
use super::faults::{self, Fault};
use super::leftovers::Leftovers;
use super::ways::{Cell, Killer, Way};
use crate::support::alone;
use crate::support::event_log::EventLog;
use crate::support::rendezvous::Arrival;

const WAYS: [Way; 3] = [Way::Plain, Way::Chunk, Way::Retry];

pub(super) const CELLS: usize = WAYS.len() * (14 + 15);

/// The variable that makes the constructor of this program go wrong.
const FAULT: &str = "EXECUTOR_TEST_FAULT_BEFORE_HELLO";

extern "C" fn go_wrong() {
    let Some((fault, arrival)) =
        env::var(FAULT).ok().and_then(|text| serde_json::from_str::<(Fault, Arrival)>(&text).ok())
    else {
        return;
    };
    fault.commit(&arrival).expect("nothing is encoded here");
}

#[used]
// SAFETY: the section holds pointers to functions, which may ignore what they are called with.
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = go_wrong;

fn initialize((fault, arrival): (Fault, Arrival)) {
    fault.commit(&arrival).expect("nothing is encoded here");
}

fn in_an_initializer() -> impl Iterator<Item = Fault> {
    faults::ALL.into_iter().filter(|fault| !matches!(fault, Fault::IsNotEncodable) && !fault.hangs())
}

fn before_the_hello() -> impl Iterator<Item = Fault> {
    let is_possible =
        |fault: &Fault| !matches!(fault, Fault::IsNotEncodable | Fault::OutOfMemory | Fault::ForgesItsWord);
    faults::ALL.into_iter().filter(is_possible)
}

fn expected(fault: Fault, is_greeted: bool) -> Expected {
    match fault {
        Fault::WritesToStdout | Fault::ForksACopy | Fault::GroupIsTerminated => Expected::Result,
        Fault::Hang | Fault::IsStopped => Expected::Broken("it was not ready within"),
        Fault::BecomesAnotherProgram if !is_greeted => Expected::Broken("it closed its connection before it was ready"),
        Fault::Panic if is_greeted => Expected::Broken("outside::initialize` panicked at "),
        // It comes out of a function that nothing may come out of.
        Fault::Panic => Expected::Broken("it ended before it was ready: it was killed by SIGABRT"),
        Fault::ClosesItsDescriptors if is_greeted => Expected::Broken("its initializer ended the process: it "),
        _ => Expected::Broken(fault.end().unwrap_or_default()),
    }
}

/// Whether the worker's time to say hello was over before anything else was known.
fn is_late<T>(outcome: &Result<T, JobError>) -> bool {
    outcome.as_ref().is_err_and(|error| error.to_string().contains("it was not ready within"))
}

/// All jobs of a cell have the same fate.
fn go(is_greeted: bool, faults: impl Iterator<Item = Fault> + Clone) {
    let leftovers = Leftovers::count();
    let mut wrong = Vec::new();
    for (way, fault) in WAYS.into_iter().flat_map(|way| faults.clone().map(move |fault| (way, fault))) {
        let chunks = if way == Way::Chunk { 2 } else { 3 };
        // A worker that hangs up and lives on is waited for, too; but on a busy machine, it may not get that far in 50 ms.
        let mut limit = match fault {
            Fault::Hang | Fault::IsStopped => Duration::from_millis(10),
            Fault::BecomesAnotherProgram | Fault::ClosesItsDescriptors => Duration::from_millis(50),
            _ => Duration::from_secs(60),
        };
        let (outcomes, log) = loop {
            let (log, killer) = (EventLog::new(), Killer::of(fault, 4 * chunks));
            let builder = if is_greeted {
                way.builder().initializer(call!(initialize((fault, killer.arrival()))))
            } else {
                let text = serde_json::to_string(&(fault, killer.arrival())).expect("a path of text");
                way.builder().env(FAULT, text).start_limit(limit)
            };
            let pool = builder.build().expect("a small pool");
            let outcomes = Cell { way, trap: None, log: &log }.run(&pool);
            drop(pool);
            killer.join();
            let is_late = limit == Duration::from_millis(50) && outcomes.iter().any(is_late);
            if !is_late {
                break (outcomes, log);
            }
            limit = Duration::from_secs(2);
        };
        let expected = expected(fault, is_greeted);
        let runs = usize::from(matches!(expected, Expected::Result));
        let all = 0..outcomes.len() as u64;
        let mut found: Vec<_> = all.clone().zip(&outcomes).filter_map(|(n, one)| expected.complaint(n, one)).collect();
        let entries = log.sorted();
        if !entries.iter().copied().eq(all.filter(|_| runs == 1)) {
            found.push(format!("ran {entries:?}"));
        }
        wrong.extend(found.into_iter().map(|what| format!("{fault:?}, by {way:?}: {what}")));
    }
    leftovers.assert_none();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn in_the_initializer() {
    alone(in_the_initializer, || go(true, in_an_initializer().collect::<Vec<_>>().into_iter()));
}

#[test]
fn before_the_worker_says_hello() {
    alone(before_the_worker_says_hello, || go(false, before_the_hello().collect::<Vec<_>>().into_iter()));
}

#[test]
fn so_many_cells_are_outside_of_jobs() {
    assert_eq!(WAYS.len() * (in_an_initializer().count() + before_the_hello().count()), CELLS);
}

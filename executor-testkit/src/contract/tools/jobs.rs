//! The one type of job that the contract is tested with: what it does is data, so it runs in any process.

use std::time::Instant;

use executor_core::{Job, current};
use serde::{Deserialize, Serialize};

use super::event_log::Writer;
use super::rendezvous::Arrival;

/// The text of an error without the name of the job: executors may know it, or not.
pub(in crate::contract) fn without_name(text: &str) -> String {
    match text.strip_prefix("job `").and_then(|named| named.split_once("` ")) {
        Some((_, text)) => format!("the job {text}"),
        None => text.to_owned(),
    }
}

/// A job whose behaviour is data. Each variant says what the job does and returns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Do {
    /// Returns this number.
    Echo(u64),
    /// Panics with this text.
    Panic(String),
    /// Panics with this number as the payload.
    PanicWith(u64),
    /// Writes this number into the event log, and returns it.
    Write(Writer, u64),
    /// Waits at the rendezvous, then returns this number.
    Arrive(Arrival, u64),
    /// Returns the job's id.
    TellId,
    /// Returns the id of the process that runs the job.
    TellPid,
    /// Returns the number in the worker's name.
    TellWorker,
    /// Returns the sum of: 1 if the job has this name, 2 if it has this tag, 4 if its deadline is in the future.
    Compare(Option<String>, Option<String>),
    /// Returns the number that the initializer made for the worker, or 0.
    TellState,
}

/// Where [`Do::Panic`] panics.
pub const PANICS_IN: &str = file!();
/// On which line.
pub const PANICS_ON_LINE: u32 = line!() + 2;
fn panic_with_text(text: &str) -> u64 {
    panic!("{text}")
}

impl Job for Do {
    type Output = u64;

    fn run(self) -> u64 {
        match self {
            Self::Echo(number) => number,
            Self::Panic(text) => panic_with_text(&text),
            Self::PanicWith(number) => std::panic::panic_any(number),
            Self::Write(writer, number) => {
                writer.write(number);
                number
            }
            Self::Arrive(arrival, number) => {
                arrival.arrive(number);
                number
            }
            Self::TellId => current::id().map_or(0, executor_core::JobId::get),
            Self::TellPid => std::process::id().into(),
            Self::TellWorker => {
                let name = current::worker_name().expect("a job runs on a worker");
                let (_, number) = name.rsplit_once('-').expect("it has a number");
                number.parse().expect("it is a number")
            }
            Self::Compare(name, tag) => {
                let is_later = current::deadline().is_some_and(|deadline| deadline > Instant::now());
                u64::from(current::name().as_deref() == name.as_deref())
                    + 2 * u64::from(current::tag().as_deref() == tag.as_deref())
                    + 4 * u64::from(is_later)
            }
            Self::TellState => current::state::<u64>().map_or(0, |state| *state),
        }
    }
}

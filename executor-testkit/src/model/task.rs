//! The job that the model submits: what it does is data, so it runs in any process.

use std::sync::Arc;

use executor_core::Job;
use serde::{Deserialize, Serialize};

use super::coordinator::Address;
use super::op::{Act, JobNumber, Work};

/// The job that the model submits. Its action is data, so the job can move to another process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    pub(crate) number: JobNumber,
    pub(crate) act: Act,
    pub(crate) is_held: bool,
    address: Address,
    /// Gone when the job is: what it captured. It does not travel.
    #[serde(skip)]
    _captured: Option<Arc<()>>,
}

impl Task {
    pub(crate) fn new(number: JobNumber, work: Work, address: Address, captured: Arc<()>) -> Self {
        Self { number, act: work.act, is_held: work.is_held, address, _captured: Some(captured) }
    }

    /// A job that another one submits.
    pub(crate) fn child(number: JobNumber, address: Address) -> Self {
        Self { number, act: Act::Return, is_held: false, address, _captured: None }
    }
}

impl Job for Task {
    type Output = u64;

    fn run(self) -> u64 {
        let entered = self.address.enter(self.number, self.is_held);
        match self.act {
            Act::Return => {}
            Act::Panic => {
                drop(entered);
                // As `panic!` does, but for the hook: its text for each of thousands would hide what matters.
                std::panic::resume_unwind(Box::new("as the script says"));
            }
            Act::Crash => std::process::abort(),
            Act::Submit(child) => entered.submit(child, false),
            Act::SubmitAndWait(child) => entered.submit(child, true),
        }
        self.number.into()
    }
}

//! One check: a piece of a law, tested on one executor.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::laws::Law;
use super::tools::TEST_LIMIT;

/// A check that belongs to a law, for executors that are made by an `M`.
pub struct Check<M: ?Sized> {
    law: Law,
    name: &'static str,
    need: &'static str,
    body: fn(&M),
}

impl<M: ?Sized> Check<M> {
    #[doc(hidden)]
    pub fn new(law: Law, name: &'static str, need: &'static str, body: fn(&M)) -> Self {
        Self { law, name, need, body }
    }

    /// Returns the law.
    pub fn law(&self) -> Law {
        self.law
    }

    /// Returns the name of the check.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the ability that the check needs, by its name in [`contract!`](crate::contract!): `bounded`, or `delays`. `None` if every
    /// executor is checked.
    pub fn need(&self) -> Option<&'static str> {
        (self.need != "every").then_some(self.need)
    }

    /// Runs the check on executors that `make` makes. `kind` is the executor's name in the failure.
    ///
    /// # Errors
    ///
    /// [`Broken`], if the law is broken, or the check takes longer than `patience`. A check that hangs leaves its threads behind.
    pub fn run<H>(&self, kind: &str, make: H, patience: Duration) -> Result<(), Broken>
    where
        M: 'static,
        H: std::ops::Deref<Target = M> + Send + 'static,
    {
        let body = self.body;
        run(self.law, self.name, kind, patience, Box::new(move || body(&make)))
    }
}

impl<M: ?Sized> fmt::Debug for Check<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("law", &self.law).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A broken law. The text names the law, quotes it, and tells which check found it.
#[derive(Clone, Debug)]
pub struct Broken {
    law: Law,
    text: String,
}

impl Broken {
    /// Returns the law.
    pub fn law(&self) -> Law {
        self.law
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Broken {}

/// A test of the contract.
#[doc(hidden)]
#[track_caller]
pub fn test(law: Law, name: &str, kind: &str, body: fn()) {
    if let Err(broken) = run(law, name, kind, TEST_LIMIT, Box::new(body)) {
        panic!("{broken}");
    }
}

fn run(law: Law, name: &str, kind: &str, patience: Duration, body: Box<dyn FnOnce() + Send>) -> Result<(), Broken> {
    let broken = |how: &str| {
        let name = name.replace('_', " ");
        Broken { law, text: format!("{kind} breaks {law}\n  found by the check that {name}: {how}") }
    };
    let (done, ended) = mpsc::channel();
    let body = move || {
        let outcome = catch_unwind(AssertUnwindSafe(body)).map_err(|payload| text_of(&*payload));
        // If the patience is over, the receiver is gone.
        done.send(outcome).unwrap_or_default();
    };
    thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|error| broken(&error.to_string()))?;
    match ended.recv_timeout(patience) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(text)) => Err(broken(&text)),
        Err(RecvTimeoutError::Timeout) => Err(broken(&format!("it hangs, or takes longer than {patience:?}"))),
        Err(RecvTimeoutError::Disconnected) => Err(broken("its thread ended without a word")),
    }
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a text".to_owned())
}

//! The first requests to a worker: to run its initializer, or the function of a template.

use std::io;
use std::time::Instant;

use executor_core::__private::Spaced;
use executor_core::Exit;

use super::{Worker, WorkerSettings};
use crate::ipc::payload::Payload;
use crate::protocol::limits::{MOST_NAME, truncate};
use crate::protocol::message::{Reply, Request};
use crate::protocol::program_image::Offset;
use crate::supervisor::claims::Kill;
use crate::supervisor::records;
use crate::supervisor::reply_receiver::Received;

impl Worker {
    /// Blocks until it has run its initializer, until `deadline` at most.
    pub(super) fn prepare(
        &self,
        settings: &WorkerSettings,
        name: &str,
        deadline: Option<Instant>,
    ) -> Result<(), String> {
        let called = if settings.is_template { "function" } else { "initializer" };
        let packed = |(offset, payload): &(Offset, Payload)| Ok((*offset, self.payloads.pack_copy(payload)?));
        let initializer = settings.initializer.as_ref().map(packed).transpose();
        let initializer = initializer.map_err(|error: io::Error| format!("its {called} could not be sent: {error}"))?;
        let has_initializer = initializer.is_some();
        let (name, codec, levels) =
            (truncate(name.to_owned(), MOST_NAME), settings.codec, records::levels(settings.traces));
        let request = Request::Prepare { name, codec, levels, initializer };
        if !has_initializer {
            // Nothing to wait for. If it is gone, the first job finds out.
            self.send(request);
            return Ok(());
        }
        let received = self.ask(request, deadline);
        // If it has failed, the error comes after its last words.
        self.listener.end_job();
        match received {
            Received::Reply(Reply::Ready) => Ok(()),
            Received::Reply(Reply::NotReady(reason)) => Err(format!("its {called} failed: {reason}")),
            Received::Reply(_) | Received::Invalid(_) => {
                Err(format!("it broke the protocol: its answer to the {called} is invalid"))
            }
            Received::TimedOut => {
                self.process.kill();
                let limit = Spaced(settings.start_limit);
                Err(format!(
                    "it was killed because its {called} did not finish within {limit} of its start; if it needs \
                     longer, raise `start_limit`"
                ))
            }
            Received::Closed => Err(match self.process.kill_and_wait() {
                Some(exit) => format!("its {called} ended the process: it {exit}{}", self.why(exit, settings)),
                None => format!("its {called} ended the process"),
            }),
        }
    }

    /// The cause of its death, in brackets, if one is known.
    fn why(&self, exit: Exit, settings: &WorkerSettings) -> String {
        let trace = self.claims.page.trace().read().filter(|trace| trace.may_tell_of(exit));
        let refusal = trace.and_then(|trace| settings.environment.refusal(&trace));
        refusal.map_or_else(|| self.process.why_clause(), |refusal| format!(" ({refusal})"))
    }

    /// Sends a request and waits for the answer, until `deadline` at most.
    pub(super) fn ask(&self, request: Request, deadline: Option<Instant>) -> Received {
        self.begin(request);
        loop {
            let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match self.receive(rest) {
                // More of them do not prolong the limit.
                Received::Reply(Reply::Record(_)) if rest.is_some_and(|rest| rest.is_zero()) => {
                    return Received::TimedOut;
                }
                Received::Reply(Reply::Record(record)) => self.listener.hear(record, |_| None),
                received => return received,
            }
        }
    }
}

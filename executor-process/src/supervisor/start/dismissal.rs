//! Ends a process that was started, and is no worker.

use std::time::Duration;

use executor_core::__private::Spaced;
use executor_core::Exit;

use crate::protocol::message::Greeting;
use crate::protocol::program_image;
use crate::supervisor::child::Child;
use crate::supervisor::rendezvous::HandshakeError;
use crate::supervisor::watcher;
use crate::worker;

/// Why there is no worker, although its process was started.
pub(super) enum Unmet {
    /// It ended by itself.
    Ended,
    Unfit(String),
}

/// Whether the worker has said hello, and runs this program.
pub(super) fn verify(greeted: Result<Greeting, HandshakeError>, limit: Duration) -> Result<(), Unmet> {
    let ours = program_image::build();
    Err(match greeted {
        Ok(Greeting::Hello { build }) if build == ours => return Ok(()),
        Ok(Greeting::Hello { build }) => Unmet::Unfit(format!(
            "it runs another build of the program ({build}, not {ours}); if the program's file was replaced, restart \
             the program"
        )),
        Ok(Greeting::Refused(reason)) | Err(HandshakeError::Failed(reason)) => Unmet::Unfit(reason),
        Err(HandshakeError::Died) => Unmet::Ended,
        Err(HandshakeError::TooLate) => Unmet::Unfit(too_late(limit)),
        Err(HandshakeError::HungUp) => {
            Unmet::Unfit("it closed its connection before it was ready, but did not end".to_owned())
        }
    })
}

/// Ends what is no worker, and says why it is none.
pub(super) fn dismiss(process: &Child, reason: Unmet) -> String {
    let ended = process.kill_and_wait();
    watcher::settle();
    match (reason, ended) {
        (Unmet::Unfit(reason), _) => reason,
        (Unmet::Ended, Some(exit @ Exit::Code(worker::CANNOT_BEGIN))) => {
            format!("it ended before it was ready: it {exit}; its message on stderr says why")
        }
        (Unmet::Ended, Some(exit)) => format!("it ended before it was ready: it {exit}{}", process.why_clause()),
        (Unmet::Ended, None) => "it ended before it was ready".to_owned(),
    }
}

fn too_late(limit: Duration) -> String {
    let limit = Spaced(limit);
    format!(
        "it was killed because it was not ready within {limit}; if a constructor that runs before `main` needs \
         longer, raise `start_limit`"
    )
}

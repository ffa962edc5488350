//! Hears what a worker says beside its answers, and passes it on.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::protocol::record::{Content, Record};
use crate::supervisor::child::Child;
use crate::supervisor::claims::Kill;
use crate::supervisor::delivery::Delivery;
use crate::supervisor::output::{Capture, Output};
use crate::supervisor::records::{self, Source, SourceJob};

/// How often output is read of a worker that ends: it may have more to say than a pipe holds.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) struct Listener {
    delivery: Arc<Delivery>,
    /// The worker, in none of its jobs.
    source: Source,
    /// How many records were dropped here, and were not reported yet, and where the last of them came from.
    lost: Cell<Option<(u64, Source)>>,
    /// The number of the last call for a record that was not waited for, or 0.
    last_call: Cell<u64>,
    /// `None` if output is not captured.
    pub(crate) output: Option<Output>,
}

impl Listener {
    /// `output` is how output is captured, and the ends of the pipes that it comes from.
    pub(crate) fn new(
        delivery: Arc<Delivery>,
        worker: Arc<str>,
        pid: u32,
        output: Option<(Capture, [OwnedFd; 2])>,
    ) -> Self {
        let source = Source::new(worker, pid);
        let output = output.map(|(capture, pipes)| Output::new(capture, Arc::clone(&delivery), source.clone(), pipes));
        Self { delivery, source, lost: Cell::new(None), last_call: Cell::new(0), output }
    }

    /// Passes a record on. `find` returns the job of a number, if the worker has that.
    pub(crate) fn hear(&self, record: Record, find: impl FnOnce(u64) -> Option<SourceJob>) {
        let source = Source { job: find(record.job), ..self.source.clone() };
        self.report_lost();
        #[cfg_attr(
            not(feature = "_records"),
            expect(clippy::infallible_destructuring_match, reason = "there is one kind of record")
        )]
        let count = match record.content {
            Content::Lost(lost) => lost,
            #[cfg(feature = "_records")]
            _ => 1,
        };
        if self.deliver(source.clone(), record.content).is_none() {
            let lost = self.lost.take().map_or(0, |(lost, _)| lost);
            self.lost.set(Some((lost.saturating_add(count), source)));
        }
    }

    /// Passes on how many records were dropped, if there is room for that.
    fn report_lost(&self) {
        if let Some((lost, source)) = self.lost.take()
            && self.deliver(source.clone(), Content::Lost(lost)).is_none()
        {
            self.lost.set(Some((lost, source)));
        }
    }

    fn deliver(&self, source: Source, content: Content) -> Option<()> {
        self.last_call.set(records::deliver(&self.delivery, source, content)?);
        Some(())
    }

    /// An outcome waits for the call of that number, too.
    #[cfg(feature = "tracing")]
    pub(crate) fn wait_for(&self, call: Option<u64>) {
        self.last_call.set(self.last_call.get().max(call.unwrap_or_default()));
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn delivery(&self) -> &Arc<Delivery> {
        &self.delivery
    }

    /// A job has ended, and is about to have its outcome. Blocks until all that was heard of it is delivered, for 1 s at most.
    pub(crate) fn end_job(&self) {
        self.end_output();
        self.catch_up();
        // There is room now.
        self.report_lost();
        self.catch_up();
    }

    /// Blocks until all calls that this worker has caused are finished, for 1 s at most.
    fn catch_up(&self) {
        let last_call = self.output.as_ref().map_or(0, Output::take_last_call).max(self.last_call.take());
        if last_call > 0 {
            self.delivery.catch_up(last_call);
        }
    }

    /// From now on, output is of no job.
    pub(crate) fn end_output(&self) {
        if let Some(output) = &self.output {
            output.end();
        }
    }
}

/// A worker that runs no other job, and may still be there.
pub(crate) struct Retired {
    pub(crate) process: Arc<Child>,
    pub(crate) output: Option<Output>,
}

impl Retired {
    /// Blocks until the process is reaped, and takes in what it writes.
    pub(crate) fn wait(&self) {
        wait_for_end(&self.process, self.output.as_ref());
    }

    /// Blocks likewise, and kills the process if it is still there at `deadline`.
    pub(crate) fn end_by(&self, deadline: Instant) {
        while !self.process.wait_until(Some(deadline.min(Instant::now() + LOOK))) {
            self.output.iter().for_each(Output::drain);
            if Instant::now() >= deadline {
                self.process.kill();
                break;
            }
        }
        self.wait();
    }
}

/// Blocks until the process is reaped, and takes in what it writes.
pub(crate) fn wait_for_end(process: &Child, output: Option<&Output>) {
    let Some(output) = output.filter(|_| process.is_ours()) else {
        process.wait();
        return;
    };
    while !process.wait_until(Some(Instant::now() + LOOK)) {
        output.drain();
    }
    output.drain();
    output.end();
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::process::Command;

    use executor_core::Exit;

    use super::*;

    fn retired(program: &str, argument: &str) -> Retired {
        let mut command = Command::new(program);
        let (process, _) = Child::spawn(command.arg(argument), Duration::ZERO, &Arc::default()).unwrap();
        Retired { process, output: None }
    }

    #[test]
    fn process_is_killed_at_its_deadline() {
        let endless = retired("sleep", "1000");
        endless.end_by(Instant::now());
        assert_eq!(endless.process.wait(), Some(Exit::Signal(libc::SIGKILL)));
        let short = retired("sleep", "0");
        short.end_by(Instant::now() + Duration::from_secs(3600));
        assert_eq!(short.process.wait(), Some(Exit::Code(0)));
    }
}

//! Jobs whose outcome another program can take: keys of them, and futures by key.

use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::cell::{Cell, Task};
use executor_core::panics::drop_catching;
use executor_core::{Future, JobError, JobPath, Label, PortableJob};
use executor_process::remote::{RemoteResult, build_fingerprint};
use serde::de::DeserializeOwned;

use super::attached::{Attached, ReattachError};
use super::engine::Command;
use super::executor::NatsHandle;
use super::job::{Described, Progress, Stage};
use super::key::{ReattachKey, type_of};
use super::submission::{Accepted, Steering, Submitter, Way, open};
use crate::protocol::names::JobKey;

impl NatsHandle {
    /// Submits a job as [`submit`](Self::submit) does, and returns its key, too: with that, any program of the same build can
    /// [`reattach`](Self::reattach) to the job, also after this program has ended. The key is valid once the job is stored, see
    /// [`flush`](Self::flush).
    ///
    /// The result stays on the server until a future of it ends, here or elsewhere, and for 2 s more. A record of a few bytes stays until the
    /// namespace's [`keep_outcomes`](crate::Namespace::keep_outcomes) is over.
    ///
    /// ```no_run
    /// use executor::call;
    /// use executor_nats::NatsExecutor;
    ///
    /// fn render(page: u32) -> Vec<u8> { vec![0; page as usize] }
    ///
    /// let executor = NatsExecutor::connect("nats://127.0.0.1:4222", "pages")?;
    /// let (key, _future) = executor.submit_keyed(call!(render(7)))?;
    /// executor.flush();
    /// std::fs::write("page.key", key.to_string())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`JobError::Rejected`], if the executor is shut down or full; [`JobError::Codec`], if the job cannot be encoded.
    #[track_caller]
    pub fn submit_keyed<J: PortableJob>(&self, job: J) -> Result<(ReattachKey, Future<J::Output>), JobError> {
        let submitter = Submitter { is_kept: true, ..self.0.clone() };
        let accepted = submitter.submit(Way::Now, &job, open::<J>);
        let accepted = accepted.map_err(|reason| JobError::Rejected(submitter.refused(reason, &job)));
        // Its copy on the host is the one that runs.
        drop_catching(job);
        let Accepted { future, number, .. } = accepted?;
        match number {
            Some(number) => {
                let job = JobKey { submitter: self.0.token.to_string(), number, is_kept: true };
                Ok((ReattachKey::new::<J::Output>(own_build(), &job), future))
            }
            None => Err(future.result().err().unwrap_or_else(JobError::cancelled)),
        }
    }

    /// Returns a future of a job that this program or another has submitted with
    /// [`submit_keyed`](Self::submit_keyed), whether it waits, runs or has ended. The other program must be of the same build. Blocks until
    /// the server has answered.
    ///
    /// `cancel` and `abort` of the future work as those of the submitter's. Several programs may have a future of the same job: each gets the
    /// outcome, if it is attached when the first one reads it. The job counts as one of this executor: a
    /// shutdown waits for it.
    ///
    /// ```no_run
    /// use executor_nats::{NatsExecutor, ReattachKey};
    ///
    /// let executor = NatsExecutor::connect("nats://127.0.0.1:4222", "pages")?;
    /// let key: ReattachKey = std::fs::read_to_string("page.key")?.parse()?;
    /// let page: Vec<u8> = executor.reattach(&key)?.result()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReattachError`], which says why: for example, the result was read already, or `T` is not the job's output.
    #[track_caller]
    pub fn reattach<T>(&self, key: &ReattachKey) -> Result<Future<T>, ReattachError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        if key.build != own_build() {
            return Err(ReattachError::Build);
        }
        if key.output != type_of::<T>() {
            return Err(ReattachError::Output);
        }
        let (reply, found) = oneshot::channel();
        if self.0.shared.is_closed() || !self.0.shared.send(Command::Find { key: key.job(), reply }) {
            return Err(ReattachError::Shutdown);
        }
        found.recv().unwrap_or(Err(ReattachError::Shutdown))?;
        let label = Label { name: Some(key.to_string().into()), tag: None };
        let described = Described { path: JobPath::of::<T>(), label: Some(Arc::new(label)), place: Location::caller() };
        let cell = Cell::<_, RemoteResult, T>::queued(described.clone(), RemoteResult::open_output);
        let cell = Arc::new(cell.named().at(self.0.shared.queue_id()));
        let progress = Progress::at(Stage::Queued);
        drop(cell.dispatch(progress.clone()));
        let entry = self.0.shared.enter_stored(|number| {
            Command::Attach(Box::new(Attached { number, key: key.job(), task: cell.clone(), progress, described }))
        });
        match entry {
            Some(number) => {
                let steering = Steering { shared: self.0.shared.clone(), number };
                Ok(Future::steered(cell, Arc::new(steering)))
            }
            None => Err(ReattachError::Shutdown),
        }
    }

    /// Blocks until every job that was submitted is stored on the server, or never will be. From then on, the stored jobs run whatever becomes
    /// of this program. Does not wait for delayed jobs. In a callback, or with a server that does not answer, use
    /// [`flush_timeout`](Self::flush_timeout).
    ///
    /// ```no_run
    /// use executor::call;
    /// use executor_nats::NatsExecutor;
    ///
    /// fn send(mail: u64) { println!("mail {mail}"); }
    ///
    /// let executor = NatsExecutor::connect("nats://127.0.0.1:4222", "mails")?;
    /// for mail in 0..1000 {
    ///     executor.execute(call!(send(mail)));
    /// }
    /// executor.flush();
    /// // The hosts send the mails.
    /// std::process::exit(0);
    /// # #[allow(unreachable_code)]
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&self) {
        self.0.shared.wait_stored(None);
    }

    /// Blocks as [`flush`](Self::flush) does, for at most `limit`. Returns whether every job is stored.
    pub fn flush_timeout(&self, limit: Duration) -> bool {
        self.0.shared.wait_stored(Some(Instant::now().checked_add(limit)).flatten())
    }
}

fn own_build() -> String {
    // It was read when the executor was connected, and is known since.
    build_fingerprint().unwrap_or_default()
}

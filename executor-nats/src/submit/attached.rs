//! Jobs that another executor has submitted, and of which this one has futures.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::push::Ordered;
use executor_core::{Broken, JobError};
use futures_lite::StreamExt;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::engine::Engine;
use super::job::{AnyTask, Described, Job, Progress};
use crate::protocol::ledger::{Retry, Unreachable};
use crate::protocol::message::State;
use crate::protocol::names::JobKey;

/// How often attached jobs are looked at although no record tells of them: their time may be up.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// How long a program that attaches asks for the job while no server answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a program cannot attach to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReattachError {
    /// Another build of the program has submitted the job.
    Build,
    /// The job has a result of another type.
    Output,
    /// The job's result was read already.
    Read,
    /// The server has nothing of the job.
    Gone,
    /// The executor is shut down.
    Shutdown,
    /// No server has answered.
    Unreachable,
}

impl fmt::Display for ReattachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Build => "the job was submitted by another build of the program; reattach with the same build",
            Self::Output => "the job has a result of another type; reattach with the type that the job returns",
            Self::Read => "the job's result was read already, and is removed",
            Self::Gone => {
                "the job is not on the server: its time was up, or its submitter ended before it was stored; call `flush` before you \
                 rely on a key"
            }
            Self::Shutdown => "the executor is shut down",
            Self::Unreachable => "no NATS server has answered; try again when one is reached",
        })
    }
}

impl Error for ReattachError {}

/// A job of another executor.
pub(crate) struct Attached {
    pub(super) number: u64,
    pub(super) key: JobKey,
    pub(super) task: AnyTask,
    pub(super) progress: Arc<Progress>,
    pub(super) described: Described,
}

/// The attached jobs of each submitter: their numbers here, by their numbers there.
pub(crate) type AttachedJobs = RefCell<HashMap<String, HashMap<u64, Vec<u64>>>>;

impl Engine {
    pub(super) async fn find(self: Rc<Self>, key: JobKey, reply: oneshot::Sender<Result<(), ReattachError>>) {
        let mut retry = Retry::new(Some(PATIENCE));
        let found = loop {
            match self.is_there(&key).await {
                Ok(found) => break found,
                Err(_) if retry.pause().await.is_err() => break Err(ReattachError::Unreachable),
                Err(_) => {}
            }
        };
        // An error means that the caller is gone.
        let _ = reply.send(found);
    }

    async fn is_there(&self, key: &JobKey) -> Result<Result<(), ReattachError>, Unreachable> {
        // A job that starts between the first two looks has a record at the third.
        for _ in 0..2 {
            match self.streams.look(key).await? {
                Some(standing) if matches!(standing.state, State::Read) => return Ok(Err(ReattachError::Read)),
                Some(_) => return Ok(Ok(())),
                None if self.streams.find_job(key).await?.is_some() => return Ok(Ok(())),
                None => {}
            }
        }
        Ok(Err(ReattachError::Gone))
    }

    pub(super) fn attach(self: &Rc<Self>, new: Attached) {
        let (submitter, of_submitter) = (new.key.submitter.clone(), new.key.number);
        let Attached { number, key, task, progress, described } = new;
        let mut job = Job::new(key, number, task, progress, described, self.keep_jobs, self.removals.clone());
        job.is_attached = true;
        let job = Rc::new(job);
        self.jobs.borrow_mut().insert(number, job.clone());
        self.has_jobs.notify_one();
        let mut attached = self.attached.borrow_mut();
        let is_watched = attached.contains_key(&submitter);
        attached.entry(submitter.clone()).or_default().entry(of_submitter).or_default().push(number);
        if is_watched {
            drop(spawn_local(self.clone().look_at(job)));
        } else {
            drop(spawn_local(self.clone().watch(submitter)));
        }
    }

    /// Reads the ledger for the attached jobs of a submitter, until none is left.
    async fn watch(self: Rc<Self>, submitter: String) {
        let subjects = self.streams.names.kept_outcomes_of(&submitter);
        while !self.is_over.get() {
            // The records before are looked at.
            if let Ok(records) = self.streams.records(subjects.clone(), DeliverPolicy::New).await
                && self.read_attached(&submitter, records).await
            {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Returns true if no attached job is left.
    async fn read_attached(self: &Rc<Self>, submitter: &str, mut records: Ordered) -> bool {
        self.look_at_all(submitter);
        loop {
            match timeout(LOOK_AGAIN, records.next()).await {
                Ok(Some(Ok(message))) => {
                    let key = JobKey::of_subject(&message.subject);
                    let revision = message.info().map_or(0, |info| info.stream_sequence);
                    for job in key.map(|key| self.attached_to(&key)).unwrap_or_default() {
                        job.saw(revision);
                        self.apply(&job, State::of(&message.payload));
                    }
                }
                Ok(_) => return false,
                Err(_) => self.look_at_all(submitter),
            }
            if self.forget_attached(submitter) {
                return true;
            }
        }
    }

    /// Where the job's message is stored, if it is.
    pub(super) async fn sequence_of(&self, job: &Job) -> Option<u64> {
        match job.sequence.get() {
            // It was stopped before it was looked at.
            None if job.is_attached => self.streams.find_job(&job.key).await.ok().flatten(),
            sequence => sequence,
        }
    }

    fn attached_to(&self, key: &JobKey) -> Vec<Rc<Job>> {
        let attached = self.attached.borrow();
        let numbers = attached.get(&key.submitter).and_then(|jobs| jobs.get(&key.number));
        numbers.into_iter().flatten().filter_map(|number| self.job(*number)).collect()
    }

    /// Forgets the jobs that have ended. Returns true if no other is left.
    fn forget_attached(&self, submitter: &str) -> bool {
        let mut attached = self.attached.borrow_mut();
        let Some(jobs) = attached.get_mut(submitter) else { return true };
        let open = self.jobs.borrow();
        jobs.retain(|_, numbers| {
            numbers.retain(|number| open.contains_key(number));
            !numbers.is_empty()
        });
        jobs.is_empty() && attached.remove(submitter).is_some()
    }

    fn look_at_all(self: &Rc<Self>, submitter: &str) {
        let attached = self.attached.borrow();
        let numbers = attached.get(submitter).into_iter().flat_map(HashMap::values).flatten();
        for job in numbers.filter_map(|number| self.job(*number)) {
            drop(spawn_local(self.clone().look_at(job)));
        }
    }

    /// Learns where an attached job is. Asks again while no server answers.
    async fn look_at(self: Rc<Self>, job: Rc<Job>) {
        let mut retry = Retry::new(None);
        while self.job(job.number).is_some() && self.look_once(&job).await.is_err() {
            drop(retry.pause().await);
        }
    }

    async fn look_once(self: &Rc<Self>, job: &Rc<Job>) -> Result<(), Unreachable> {
        for _ in 0..2 {
            if let Some(standing) = self.streams.look(&job.key).await? {
                job.saw(standing.revision);
                self.apply(job, standing.state);
                return Ok(());
            }
            if let Some(sequence) = self.streams.find_job(&job.key).await? {
                job.sequence.set(Some(sequence));
                return Ok(());
            }
        }
        self.withdraw(job, JobError::Broken(Broken::new(ReattachError::Gone.to_string())));
        Ok(())
    }
}

//! Jobs and their outcomes as bytes, for authors of executors that run jobs on other hosts.
//!
//! The submitting program makes a [`RemoteJob`] and sends its bytes. The serving program is the same file on another host: it submits the
//! `RemoteJob` to a pool of its own, and sends back the bytes of the [`RemoteOutcome`], which the first program opens:
//!
//! ```
//! use executor::extend::remote::{RemoteJob, RemoteOutcome};
//! use executor::{Codec, Executor, PortableJob, ThreadPool, call};
//!
//! fn area(width: u32, height: u32) -> u32 { width * height }
//!
//! fn run_elsewhere<J: PortableJob>(job: &J, pool: &ThreadPool) -> Result<J::Output, Box<dyn std::error::Error>> {
//!     let job = RemoteJob::new(Codec::Postcard, job)?.to_bytes();
//!
//!     // On the other host:
//!     let job = RemoteJob::from_bytes(&job)?;
//!     let outcome = Executor::submit(pool, job).result();
//!     let outcome = RemoteOutcome::new(outcome, "web-3").to_bytes();
//!
//!     // On the first host again:
//!     Ok(RemoteOutcome::from_bytes(&outcome)?.open::<J>()?)
//! }
//!
//! assert_eq!(run_elsewhere(&call!(area(6, 7)), &ThreadPool::new(1))?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The bytes may be damaged or forged. They never cause more than an error, or a run of a job type that this program submits to other
//! hosts, with arguments that its codec accepts.

mod entry;
mod fingerprint;
mod frame;
mod outcome;
mod portable_error;
mod result;
#[cfg(all(test, not(loom)))]
mod tests;

use std::fmt;

use executor_core::{Job, JobError, JobId, JobName, JobPath, PortableJob, current};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use self::entry::{Elsewhere, Entry};
use self::fingerprint::Fingerprint;
pub use self::fingerprint::build_fingerprint;
pub use self::frame::DamagedJob;
use self::frame::Kind;
pub use self::outcome::RemoteOutcome;
pub use self::result::RemoteResult;
use crate::ipc::codec::{Codec, Step};
use crate::ipc::payload::Bytes;

/// A job as bytes, which any process of the same build can run.
///
/// It is a [`PortableJob`] itself, for a [`ThreadPool`](executor_thread::ThreadPool) or a [`ProcessPool`](crate::ProcessPool). Its output is the
/// encoded output of the job that it was made from. Cheap to clone.
///
/// ```
/// use executor::extend::remote::RemoteJob;
/// use executor::{Codec, Job, ProcessPool};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Area { width: u32, height: u32 }
///
/// impl Job for Area {
///     type Output = u32;
///     fn run(self) -> u32 { self.width * self.height }
/// }
///
/// let job = RemoteJob::new(Codec::Postcard, &Area { width: 6, height: 7 })?;
/// assert!(job.name().ends_with("Area"));
/// let result = ProcessPool::new(1)?.submit(job).result()?;
/// assert_eq!(result.open::<Area>()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RemoteJob {
    entry: &'static Entry,
    codec: Codec,
    arguments: Bytes,
    run: Option<RunOf>,
}

/// Which run of which job of the submitter's this is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct RunOf {
    id: u64,
    attempt: u32,
}

/// A job as it is encoded.
#[derive(Serialize, Deserialize)]
struct Wire {
    /// The distance of its entry from the base of the program's image.
    entry: usize,
    codec: Codec,
    arguments: Bytes,
    run: Option<RunOf>,
}

impl RemoteJob {
    /// Encodes a job. A [`Blob`](crate::Blob) in it is copied into the bytes.
    ///
    /// # Errors
    ///
    /// [`JobError::Codec`], if the codec cannot encode the job, or if the job cannot leave this host: it holds a
    /// [`Sender`](crate::Sender), a [`Receiver`](crate::Receiver), a handle of a [`Manager`](crate::Manager) or more than 64 blobs; or it is a
    /// closure.
    pub fn new<J: PortableJob>(codec: Codec, job: &J) -> Result<Self, JobError> {
        let encoded = Fingerprint::of_program()
            .map_err(|error| {
                format!("this program cannot be told from other builds: its file cannot be read ({error})")
            })
            .and_then(|_| Entry::of::<J>().ok_or_else(|| NOT_CONSTANT.to_owned()))
            .and_then(|entry| Ok((entry, codec.encode_by_value(&job.wire(&Elsewhere))?)));
        let (entry, arguments) = encoded.map_err(|cause| Step::EncodeJob.error::<J>(cause))?;
        Ok(Self { entry, codec, arguments: arguments.into(), run: None })
    }

    /// Returns the path of the job's function or type.
    pub fn name(&self) -> &str {
        self.entry.name()
    }

    /// Returns the job as bytes, for [`from_bytes`](RemoteJob::from_bytes) in another process.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // The fingerprint was read when the job was encoded. A copy in a worker process may be the first to read it: if that fails, no
        // other process takes the bytes.
        let build = Fingerprint::of_program().unwrap_or_default();
        frame::seal(Kind::Job, &(build, self.wire()))
    }

    /// Returns the job that the bytes hold. Allocates at most about as much memory as there are bytes.
    ///
    /// # Errors
    ///
    /// If the bytes are damaged or forged, or of another build of the program.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DamagedJob> {
        let (build, wire): (Fingerprint, Wire) = frame::open(Kind::Job, bytes)?;
        let ours = Fingerprint::of_program()
            .map_err(|error| DamagedJob::new(format!("this program's own file cannot be read ({error})")))?;
        if build != ours {
            return Err(DamagedJob::new(format!("it is of another build of the program ({build}; this is {ours})")));
        }
        Self::from_wire(wire).ok_or_else(|| DamagedJob::new(NO_JOB))
    }

    /// Sets the id and the number of the run that the job is told by [`current`]. Default: those of the executor
    /// that runs it.
    #[must_use]
    pub fn run_of(mut self, id: JobId, attempt: u32) -> Self {
        self.run = Some(RunOf { id: id.get(), attempt });
        self
    }

    fn wire(&self) -> Wire {
        // An entry that was found is a constant of the program.
        let entry = self.entry.distance().unwrap_or(usize::MAX);
        Wire { entry, codec: self.codec, arguments: self.arguments.clone(), run: self.run }
    }

    fn from_wire(wire: Wire) -> Option<Self> {
        let Wire { entry, codec, arguments, run } = wire;
        Entry::at(entry).map(|entry| Self { entry, codec, arguments, run })
    }
}

const NOT_CONSTANT: &str = "its type is not in the program's own file, but in a shared library, or the program is linked without \
                            read-only relocations; link it statically and with `-z relro`";

const NO_JOB: &str = "it names no job type of this program";

/// Any bytes in the frame of a job of this build.
#[cfg(any(test, fuzzing))]
pub(crate) fn sealed_job(body: &[u8]) -> Vec<u8> {
    let build = postcard::to_stdvec(&Fingerprint::of_program().unwrap_or_default()).unwrap_or_default();
    frame::seal_bytes(Kind::Job, &[&build, body].concat())
}

/// Any bytes in the frame of an outcome.
#[cfg(any(test, fuzzing))]
pub(crate) fn sealed_outcome(body: &[u8]) -> Vec<u8> {
    frame::seal_bytes(Kind::Outcome, body)
}

impl Job for RemoteJob {
    type Output = RemoteResult;

    /// Decodes the job, runs it, and encodes its result. A panic of the job continues, so that the executor reports it.
    fn run(self) -> RemoteResult {
        let _scope = self.run.and_then(|RunOf { id, attempt }| {
            let here = current::job()?;
            // The executor that runs it may run it again itself.
            let attempt = attempt.saturating_add(here.attempt.saturating_sub(1));
            Some(current::enter(current::Job { id: JobId::from_number(id), attempt, ..here }))
        });
        self.entry.run(self.codec, self.arguments)
    }

    fn job_name(this: Option<&Self>) -> JobName {
        this.map_or_else(JobPath::of::<Self>, |job| job.entry.path()).into()
    }
}

impl Serialize for RemoteJob {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.wire().serialize(to)
    }
}

impl<'de> Deserialize<'de> for RemoteJob {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::from_wire(Wire::deserialize(from)?).ok_or_else(|| de::Error::custom(NO_JOB))
    }
}

impl fmt::Debug for RemoteJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry, codec, arguments, .. } = self;
        f.debug_struct("RemoteJob")
            .field("name", &entry.name())
            .field("codec", codec)
            .field("arguments", arguments)
            .finish()
    }
}

//! The error of a job, as it goes to another host.

use std::sync::Arc;
use std::time::Duration;

use executor_core::{
    Backtrace, Broken, Cancelled, CodecError, Crashed, Exit, Frame, JobError, JobName, Label, Panicked, Refused,
    Rejection, RemoteError, TimedOut,
};
use serde::{Deserialize, Serialize};

/// The most causes of an error that stay errors of their own: dropping a chain of them takes stack.
const MOST_CAUSES: usize = 128;

/// The facts of a [`JobError`]. The payload of a panic, and the file that a job was saved to, stay on the host.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum PortableError {
    Cancelled { job: Option<String> },
    Rejected { reason: Reason, job: Option<String> },
    Panicked { job: Option<String>, name: Option<String>, message: String, place: Option<String> },
    TimedOut { job: String, limit: Duration, has_started: bool, backtrace: Option<Vec<StackEntry>> },
    Crashed(Box<Crash>),
    Codec { action: String, job: String, output: String, cause: String },
    Broken { reason: String, job: Option<String> },
    Failed(RemoteError),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Crash {
    job: String,
    name: Option<String>,
    pid: u32,
    host: Option<String>,
    exit: Ended,
    ran: Duration,
    cause: Option<String>,
    is_out_of_memory: bool,
    peak_memory: Option<u64>,
    stderr: Option<String>,
    backtrace: Option<Vec<StackEntry>>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Ended {
    Code(i32),
    Signal(i32),
    Lost,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Reason {
    Shutdown,
    Full,
    Dropped,
    Broken,
    Forked,
}

/// A frame of a backtrace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StackEntry {
    function: String,
    file: Option<String>,
    line: Option<u32>,
    calls: usize,
}

impl PortableError {
    /// Blocks while the symbols of a backtrace are read.
    pub(super) fn of(error: &JobError) -> Self {
        let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
        match error {
            JobError::Cancelled(error) => Self::Cancelled { job: owned(error.job()) },
            JobError::Rejected(error) => match Reason::of(error.reason()) {
                Some(reason) => Self::Rejected { reason, job: owned(error.job()) },
                None => Self::Broken { reason: error.to_string(), job: owned(error.job()) },
            },
            JobError::Panicked(error) => Self::Panicked {
                job: owned(error.job()),
                name: owned(error.name()),
                message: error.message().to_owned(),
                place: owned(error.place()),
            },
            JobError::TimedOut(error) => Self::TimedOut {
                job: error.job().to_owned(),
                limit: error.limit(),
                has_started: error.has_started(),
                backtrace: error.backtrace().map(stack_of),
            },
            JobError::Crashed(error) => Self::Crashed(Box::new(Crash::of(error))),
            JobError::Codec(error) => Self::Codec {
                action: error.action().to_owned(),
                job: error.job().to_owned(),
                output: error.output().to_owned(),
                cause: error.cause().to_owned(),
            },
            JobError::Broken(error) => Self::Broken { reason: error.reason().to_owned(), job: owned(error.job()) },
            JobError::Failed(error) => Self::Failed(of_error(error.get_ref())),
            other => Self::Broken { reason: other.to_string(), job: owned(other.job()) },
        }
    }

    /// The same error on this host. `None` if no error has these facts.
    pub(super) fn into_error(self) -> Option<JobError> {
        Some(match self {
            Self::Cancelled { job } => JobError::Cancelled(Cancelled::new(named(job))),
            Self::Rejected { reason, job } => JobError::Rejected(Refused::new(reason.into(), named(job))),
            Self::Panicked { job, name, message, place } => {
                let panicked = Panicked::remote(message, place);
                JobError::Panicked(match job {
                    Some(job) => panicked.with_job(job, name.map(Arc::from)),
                    None => panicked,
                })
            }
            Self::TimedOut { job, limit, has_started, backtrace } => {
                let error = if has_started { TimedOut::new(job, limit) } else { TimedOut::not_started(job, limit) };
                JobError::TimedOut(error.with_backtrace(backtrace.map(backtrace_of)))
            }
            Self::Crashed(crash) => JobError::Crashed(crash.into_error()),
            Self::Codec { action, job, output, cause } => JobError::Codec(CodecError::new(action, job, output, cause)),
            Self::Broken { reason, job } => JobError::Broken(Broken::new(reason).with_job(named(job))),
            Self::Failed(error) if error.causes().count() > MOST_CAUSES => return None,
            Self::Failed(error) => JobError::failed(error),
        })
    }
}

impl Crash {
    fn of(error: &Crashed) -> Self {
        Self {
            job: error.job().to_owned(),
            name: error.name().map(ToOwned::to_owned),
            pid: error.pid(),
            host: error.host().map(ToOwned::to_owned),
            exit: match error.exit() {
                Exit::Code(code) => Ended::Code(code),
                Exit::Signal(number) => Ended::Signal(number),
                Exit::Lost => Ended::Lost,
            },
            ran: error.ran(),
            cause: error.cause().map(ToOwned::to_owned),
            is_out_of_memory: error.is_out_of_memory(),
            peak_memory: error.peak_memory(),
            stderr: error.stderr().map(ToOwned::to_owned),
            backtrace: error.backtrace().map(stack_of),
        }
    }

    fn into_error(self) -> Crashed {
        let exit = match self.exit {
            Ended::Code(code) => Exit::Code(code),
            Ended::Signal(number) => Exit::Signal(number),
            Ended::Lost => Exit::Lost,
        };
        Crashed::new(self.job, self.pid, exit, self.ran)
            .with_name(self.name)
            .with_host(self.host)
            .with_cause(self.cause)
            .with_out_of_memory(self.is_out_of_memory)
            .with_peak_memory(self.peak_memory)
            .with_stderr(self.stderr)
            .with_backtrace(self.backtrace.map(backtrace_of))
    }
}

impl Reason {
    /// `None` for a reason that this version does not know.
    fn of(rejection: Rejection) -> Option<Self> {
        Some(match rejection {
            Rejection::Shutdown => Self::Shutdown,
            Rejection::Full => Self::Full,
            Rejection::Dropped => Self::Dropped,
            Rejection::Broken => Self::Broken,
            Rejection::Forked => Self::Forked,
            _ => return None,
        })
    }
}

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Shutdown => Self::Shutdown,
            Reason::Full => Self::Full,
            Reason::Dropped => Self::Dropped,
            Reason::Broken => Self::Broken,
            Reason::Forked => Self::Forked,
        }
    }
}

fn named(job: Option<String>) -> Option<JobName> {
    let label = Label { name: Some(job?.into()), tag: None };
    JobName::given(Some(&Arc::new(label)))
}

fn of_error(error: &(dyn std::error::Error + Send + Sync + 'static)) -> RemoteError {
    let portable = RemoteError::from(error);
    if portable.causes().count() > MOST_CAUSES { RemoteError::new(format!("{portable:#}")) } else { portable }
}

fn stack_of(backtrace: &Backtrace) -> Vec<StackEntry> {
    let entry = |frame: &Frame| StackEntry {
        function: frame.function().to_owned(),
        file: frame.file().map(ToOwned::to_owned),
        line: frame.line(),
        calls: frame.calls(),
    };
    backtrace.frames().iter().map(entry).collect()
}

fn backtrace_of(stack: Vec<StackEntry>) -> Backtrace {
    let frame = |StackEntry { function, file, line, calls }: &StackEntry| {
        let frame = Frame::new(function.as_str()).called(*calls);
        match file {
            Some(file) => frame.at(file.as_str(), *line),
            None => frame,
        }
    };
    Backtrace::new(move || stack.iter().map(frame).collect())
}

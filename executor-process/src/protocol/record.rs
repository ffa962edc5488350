//! Records of a worker: events that code in it reports, and that its parent passes on. They travel with the replies, so a record comes
//! before the answer of its job, and stays readable if the worker dies a moment later.

use serde::{Deserialize, Serialize};

/// The most bytes of a record. A longer one is dropped, and counted.
#[cfg(feature = "_records")]
pub(crate) const MOST_RECORD: usize = 64 * 1024;

/// An event, and the job that ran when it happened.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The number of the job, or 0 if none ran.
    pub(crate) job: u64,
    pub(crate) content: Content,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    /// This many records were dropped before this one.
    Lost(u64),
    /// A record of the crate `log`.
    #[cfg(feature = "log")]
    Log(LogRecord),
}

/// The parts of a log record.
#[cfg(feature = "log")]
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogRecord {
    pub(crate) level: LogLevel,
    pub(crate) target: String,
    pub(crate) message: String,
    pub(crate) module: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
    /// The keys of the record, and their values.
    pub(crate) pairs: Vec<(String, String)>,
}

#[cfg(feature = "log")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[cfg(feature = "log")]
impl LogLevel {
    pub(crate) fn of(level: log::Level) -> Self {
        match level {
            log::Level::Error => Self::Error,
            log::Level::Warn => Self::Warn,
            log::Level::Info => Self::Info,
            log::Level::Debug => Self::Debug,
            log::Level::Trace => Self::Trace,
        }
    }

    pub(crate) fn level(self) -> log::Level {
        match self {
            Self::Error => log::Level::Error,
            Self::Warn => log::Level::Warn,
            Self::Info => log::Level::Info,
            Self::Debug => log::Level::Debug,
            Self::Trace => log::Level::Trace,
        }
    }
}

/// Which events a worker reports. For each kind the most verbose level, from 1 (errors) to 5 (all); 0 if none are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Levels {
    pub(crate) log: u8,
}

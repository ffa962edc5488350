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
    /// A span or an event of the crate `tracing`.
    #[cfg(feature = "tracing")]
    Trace(TraceRecord),
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
    pub(crate) trace: u8,
}

/// An event in a worker, or the begin, values or end of a span. Each names its place in the code, since any record may be lost.
#[cfg(feature = "tracing")]
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TraceRecord {
    Event { callsite: TraceCallsite, parent: Option<u64>, values: Vec<(u8, TraceValue)> },
    Begin { span: u64, callsite: TraceCallsite, parent: Option<u64>, values: Vec<(u8, TraceValue)> },
    Values { span: u64, values: Vec<(u8, TraceValue)> },
    End { span: u64 },
}

/// The place in the code of a span or an event.
#[cfg(feature = "tracing")]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct TraceCallsite {
    pub(crate) name: String,
    pub(crate) target: String,
    pub(crate) level: TraceLevel,
    pub(crate) module: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
    /// The names of the fields. Values have the index of theirs.
    pub(crate) fields: Vec<String>,
}

#[cfg(feature = "tracing")]
impl TraceCallsite {
    /// The bytes that it holds, about.
    pub(crate) fn len(&self) -> usize {
        let Self { name, target, module, file, fields, .. } = self;
        let texts = [name, target].into_iter().chain(module).chain(file).chain(fields);
        texts.map(|text| 32 + text.len()).sum::<usize>() + 128
    }
}

#[cfg(feature = "tracing")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum TraceLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// The value of a field.
#[cfg(feature = "tracing")]
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TraceValue {
    Signed(i64),
    Unsigned(u64),
    /// The bits of a floating-point number.
    Float(u64),
    Bool(bool),
    Text(String),
    /// The text that a value writes of itself.
    Written(String),
}

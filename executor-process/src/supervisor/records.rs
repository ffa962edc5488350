//! The records of a worker, and where they go: to the logger of this program, on the thread of [`Delivery`].

#[cfg(feature = "log")]
mod log_sink;
#[cfg(feature = "tracing")]
pub(crate) mod trace_sink;

use std::sync::Arc;

use executor_core::{JobId, Label, current};

use crate::protocol::record::{Content, Levels};
use crate::supervisor::delivery::Delivery;

/// The worker that sent a record, and the job that ran there.
#[derive(Clone)]
pub(crate) struct Source {
    /// The name of the worker.
    pub(crate) worker: Arc<str>,
    pub(crate) pid: u32,
    /// `None` if no job ran.
    pub(crate) job: Option<SourceJob>,
    /// The spans of the worker.
    #[cfg(feature = "tracing")]
    pub(crate) spans: trace_sink::WorkerSpans,
}

impl Source {
    /// The worker, in none of its jobs.
    pub(crate) fn new(worker: Arc<str>, pid: u32) -> Self {
        Self {
            worker,
            pid,
            job: None,
            #[cfg(feature = "tracing")]
            spans: trace_sink::WorkerSpans::default(),
        }
    }
}

#[derive(Clone)]
pub(crate) struct SourceJob {
    pub(crate) id: JobId,
    pub(crate) attempt: u32,
    pub(crate) label: Option<Arc<Label>>,
    /// The path of its function or type.
    pub(crate) path: &'static str,
    /// The span of the job, if its pool traces jobs.
    #[cfg(feature = "tracing")]
    pub(crate) span: Option<crate::supervisor::job_trace::SpanPlace>,
}

/// The events that a worker that starts now is to report. `traces` is whether its pool traces jobs.
pub(crate) fn levels(traces: bool) -> Levels {
    Levels {
        #[cfg(feature = "log")]
        log: u8::try_from(log::max_level() as usize).unwrap_or_default(),
        #[cfg(not(feature = "log"))]
        log: 0,
        #[cfg(feature = "tracing")]
        trace: if traces { trace_sink::level() } else { 0 },
        #[cfg(not(feature = "tracing"))]
        trace: u8::from(traces),
    }
}

/// Passes a record on, on another thread. Returns the number of the call, or `None` if that thread has too much to do.
pub(crate) fn deliver(delivery: &Arc<Delivery>, source: Source, content: Content) -> Option<u64> {
    delivery.add(weight(&content), move || {
        // A logger can ask for the job.
        let job = source.job.as_ref().map(|job| {
            let SourceJob { id, attempt, ref label, .. } = *job;
            current::Job { id, attempt, deadline: None, control: None, label: label.clone() }
        });
        let _scope = job.map(current::enter);
        hand_over(&source, content);
    })
}

/// The bytes that a record holds, about.
fn weight(content: &Content) -> usize {
    match content {
        Content::Lost(_) => 0,
        #[cfg(feature = "log")]
        Content::Log(record) => {
            let pairs = record.pairs.iter().map(|(key, value)| key.len() + value.len());
            record.target.len() + record.message.len() + pairs.sum::<usize>()
        }
        #[cfg(feature = "tracing")]
        Content::Trace(record) => trace_sink::weight(record),
    }
}

/// Runs code of the user's, which may panic or block.
fn hand_over(source: &Source, content: Content) {
    match content {
        Content::Lost(lost) => {
            // Any of the two may have lost them.
            #[cfg(feature = "log")]
            log_sink::warn_of_lost(source, lost);
            #[cfg(feature = "tracing")]
            trace_sink::warn_of_lost(source, lost);
            _ = (source, lost);
        }
        #[cfg(feature = "log")]
        Content::Log(record) => log_sink::hand_over(source, &record),
        #[cfg(feature = "tracing")]
        Content::Trace(record) => trace_sink::hand_over(source, record),
    }
}

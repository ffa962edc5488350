//! A job's own data, for code in the worker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::{JobId, Label, current};
use serde::{Deserialize, Serialize};

use crate::protocol::captured::Captured;
use crate::protocol::limits::{MOST_NAME, truncate};

/// A job's options that its code can ask for.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct JobContext {
    name: Option<String>,
    tag: Option<String>,
    /// The time that it may run.
    limit: Option<Duration>,
    /// The values of `wrap_jobs`, the outermost first.
    captured: Vec<Captured>,
}

impl JobContext {
    /// `None` for a job without options, so that it costs a byte.
    pub(crate) fn of(label: Option<&Label>, limit: Option<Duration>, captured: Option<&[Captured]>) -> Option<Self> {
        if label.is_none() && limit.is_none() && captured.is_none() {
            return None;
        }
        let text = |of: fn(&Label) -> &Option<Arc<str>>| {
            let text = of(label?).as_ref()?;
            Some(truncate(text.to_string(), MOST_NAME))
        };
        Some(Self {
            name: text(|label| &label.name),
            tag: text(|label| &label.tag),
            limit,
            captured: captured.unwrap_or_default().to_vec(),
        })
    }

    /// The job, whose time begins now, and the values of `wrap_jobs`.
    pub(crate) fn job(about: Option<Self>, id: JobId, attempt: u32) -> (current::Job, Vec<Captured>) {
        let Self { name, tag, limit, captured } = about.unwrap_or_default();
        let has_label = name.is_some() || tag.is_some();
        let label = has_label.then(|| Arc::new(Label { name: name.map(Arc::from), tag: tag.map(Arc::from) }));
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        (current::Job { id, attempt, deadline, control: None, label }, captured)
    }
}

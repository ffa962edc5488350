//! Hands spans and events of workers to the `tracing` subscriber of this program, as if they were its own.

mod callsites;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::field::{DisplayValue, display};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Span, Value, dispatcher, warn};
use tracing_core::Field;

use self::callsites::{Kind, MOST_FIELDS, find};
use super::Source;
use crate::protocol::record::{TraceCallsite, TraceRecord, TraceValue};

/// The most spans of a worker that are open at a time. Others count as parts of their parents.
const MOST_SPANS: usize = 4096;

/// The open spans of a worker, by their numbers there.
#[derive(Clone, Default)]
pub(crate) struct WorkerSpans(Arc<Mutex<HashMap<u64, Span>>>);

/// The most verbose level that is wanted, from 1 (errors) to 5 (all), or 0.
pub(super) fn level() -> u8 {
    let all = [
        LevelFilter::OFF,
        LevelFilter::ERROR,
        LevelFilter::WARN,
        LevelFilter::INFO,
        LevelFilter::DEBUG,
        LevelFilter::TRACE,
    ];
    let position = all.iter().position(|&level| level == LevelFilter::current());
    position.and_then(|level| u8::try_from(level).ok()).unwrap_or_default()
}

/// The bytes that a record holds, about.
pub(super) fn weight(record: &TraceRecord) -> usize {
    let (callsite, values) = match record {
        TraceRecord::Event { callsite, values, .. } | TraceRecord::Begin { callsite, values, .. } => {
            (Some(callsite), &values[..])
        }
        TraceRecord::Values { values, .. } => (None, &values[..]),
        TraceRecord::End { .. } => (None, &[][..]),
    };
    let text = |(_, value): &(u8, TraceValue)| match value {
        TraceValue::Text(text) | TraceValue::Written(text) => 32 + text.len(),
        _ => 32,
    };
    callsite.map_or(0, TraceCallsite::len) + values.iter().map(text).sum::<usize>()
}

/// Calls the subscriber, which may panic or block.
pub(super) fn hand_over(source: &Source, record: TraceRecord) {
    match record {
        TraceRecord::Event { callsite, parent, values } => {
            let (metadata, interest) = find(&callsite, Kind::Event);
            let parent = source.parent(parent);
            dispatcher::get_default(|dispatch| {
                if !interest.is_never() && dispatch.enabled(metadata) {
                    with_values(metadata, &values, |values| {
                        dispatch.event(&Event::new_child_of(parent.id(), metadata, values));
                    });
                }
            });
        }
        TraceRecord::Begin { span, callsite, parent, values } => {
            let (metadata, interest) = find(&callsite, Kind::Span);
            let parent = source.parent(parent);
            let is_wanted = !interest.is_never() && dispatcher::get_default(|dispatch| dispatch.enabled(metadata));
            let begun = if is_wanted {
                let mut begun = Span::none();
                with_values(metadata, &values, |values| begun = Span::child_of(parent.id(), metadata, values));
                begun
            } else {
                parent
            };
            source.spans.insert(span, begun);
        }
        TraceRecord::Values { span, values } => {
            let span = source.spans.get(span);
            if let Some((span, metadata)) = span.as_ref().and_then(|span| Some((span, span.metadata()?))) {
                with_values(metadata, &values, |values| _ = span.record_all(values));
            }
        }
        TraceRecord::End { span } => drop(source.spans.remove(span)),
    }
}

/// Warns that records are missing.
pub(super) fn warn_of_lost(source: &Source, lost: u64) {
    let Source { worker, pid, .. } = source;
    let parent = source.parent(None);
    warn!(
        target: "executor",
        parent: &parent,
        lost,
        worker = &**worker,
        pid,
        "records of a worker process were dropped: it reported faster than they could be passed on, or a record was too long"
    );
}

impl Source {
    /// The span of that number, or else of the job.
    fn parent(&self, span: Option<u64>) -> Span {
        let span = span.and_then(|span| self.spans.get(span));
        let of_job = || Some(self.job.as_ref()?.span.as_ref()?.lock().as_ref()?.span().clone());
        span.or_else(of_job).unwrap_or_else(Span::none)
    }
}

impl WorkerSpans {
    fn get(&self, number: u64) -> Option<Span> {
        self.0.lock().get(&number).cloned()
    }

    fn insert(&self, number: u64, span: Span) {
        let mut spans = self.0.lock();
        let rejected = if spans.len() < MOST_SPANS { spans.insert(number, span) } else { Some(span) };
        drop(spans);
        // Not under the lock: the subscriber hears of it.
        drop(rejected);
    }

    fn remove(&self, number: u64) -> Option<Span> {
        self.0.lock().remove(&number)
    }
}

/// Calls `f` with the values of the fields that there are.
fn with_values(
    metadata: &'static Metadata<'static>,
    values: &[(u8, TraceValue)],
    f: impl FnOnce(&tracing::field::ValueSet<'_>),
) {
    let fields: Vec<Field> = metadata.fields().iter().collect();
    let read: Vec<(&Field, Shown<'_>)> = values
        .iter()
        .filter_map(|(index, value)| Some((fields.get(usize::from(*index))?, Shown::of(value))))
        .take(MOST_FIELDS)
        .collect();
    let Some(unused) = fields.first() else {
        let none: [(&Field, Option<&dyn Value>); 0] = [];
        return f(&metadata.fields().value_set(&none));
    };
    // The number of values is a part of the type.
    let mut all: [(&Field, Option<&dyn Value>); MOST_FIELDS] = [(unused, None); MOST_FIELDS];
    for (place, (field, value)) in all.iter_mut().zip(&read) {
        *place = (field, Some(value.as_value()));
    }
    f(&metadata.fields().value_set(&all));
}

/// A value as the subscriber sees it.
enum Shown<'a> {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Bool(bool),
    Text(&'a str),
    Written(DisplayValue<&'a str>),
}

impl<'a> Shown<'a> {
    fn of(value: &'a TraceValue) -> Self {
        match value {
            TraceValue::Signed(number) => Self::Signed(*number),
            TraceValue::Unsigned(number) => Self::Unsigned(*number),
            TraceValue::Float(bits) => Self::Float(f64::from_bits(*bits)),
            TraceValue::Bool(is_so) => Self::Bool(*is_so),
            TraceValue::Text(text) => Self::Text(text),
            TraceValue::Written(text) => Self::Written(display(text)),
        }
    }

    fn as_value(&self) -> &dyn Value {
        match self {
            Self::Signed(number) => number,
            Self::Unsigned(number) => number,
            Self::Float(number) => number,
            Self::Bool(is_so) => is_so,
            Self::Text(text) => text,
            Self::Written(text) => text,
        }
    }
}

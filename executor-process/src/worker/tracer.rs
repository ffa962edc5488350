//! The `tracing` subscriber of a worker: sends spans and events to the parent, whose subscriber gets them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber, set_global_default};
use tracing::{Event, Level, Metadata};
use tracing_core::span::Current;

use super::fork_check::is_copy;
use super::records;
use crate::protocol::limits::truncate;
use crate::protocol::record::{Content, TraceCallsite, TraceLevel, TraceRecord, TraceValue};

/// The most bytes of all values of a record together.
const MOST_TEXT: usize = 16 * 1024;

/// The most bytes of a name, a path or a target.
const MOST_NAME: usize = 256;

/// The number of the parent's level. 0 if the parent wants no records, and in a program that is no worker.
static LEVEL: AtomicU8 = AtomicU8::new(0);

/// Whether this worker's subscriber is ours.
static FORWARDS: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The spans that this thread is in, the innermost last.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// The parent wants spans and events up to this level.
pub(super) fn want(level: u8) {
    // Relaxed, here and below: it is read on this thread, or on a thread that was started later.
    LEVEL.store(level, Ordering::Relaxed);
}

/// Makes a worker process forward its `tracing` spans and events to the subscriber of the parent process. Call this first in a pool's
/// initializer if the initializer itself has spans or events.
///
/// A worker of a pool that [traces jobs](crate::ProcessPoolBuilder::trace_jobs) gets this subscriber after its initializer, unless the
/// initializer has set another one, so other programs need no call. Returns whether spans and events are forwarded: false if another
/// subscriber was set before, in a process that is no worker, and if the pool does not trace jobs.
///
/// ```
/// use executor::{ProcessPool, call, forward_traces};
///
/// fn load() {
///     forward_traces();
///     tracing::info!("loads the model"); // reaches the subscriber of the parent
/// }
///
/// let pool = ProcessPool::builder().processes(1).initializer(call!(load())).trace_jobs().build()?;
/// assert!(!forward_traces(), "this is no worker");
/// # Ok::<(), executor::BuildError>(())
/// ```
pub fn forward_traces() -> bool {
    let level = LEVEL.load(Ordering::Relaxed);
    // The second call finds the subscriber of the first.
    if level > 0 && !FORWARDS.load(Ordering::Relaxed) && set_global_default(Tracer::new(level)).is_ok() {
        FORWARDS.store(true, Ordering::Relaxed);
    }
    FORWARDS.load(Ordering::Relaxed)
}

struct Tracer {
    level: LevelFilter,
    last: AtomicU64,
    /// The open spans, and how many handles each has.
    spans: Mutex<HashMap<u64, OpenSpan>>,
}

struct OpenSpan {
    metadata: &'static Metadata<'static>,
    handles: usize,
}

impl Tracer {
    fn new(level: u8) -> Self {
        let level = match level {
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        Self { level, last: AtomicU64::new(0), spans: Mutex::default() }
    }
}

fn innermost() -> Option<u64> {
    ENTERED.try_with(|entered| entered.borrow().last().copied()).ok().flatten()
}

fn send(record: TraceRecord) {
    records::send(Content::Trace(record));
}

impl Subscriber for Tracer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if *metadata.level() <= self.level { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        // Relaxed: the numbers only differ.
        let span = 1 + self.last.fetch_add(1, Ordering::Relaxed);
        // A copy of a worker says nothing, and a lock may be held there for ever.
        if !is_copy() {
            let metadata = attributes.metadata();
            let parent = attributes.parent().map(Id::into_u64);
            let parent = parent.or_else(|| attributes.is_contextual().then(innermost).flatten());
            self.spans.lock().insert(span, OpenSpan { metadata, handles: 1 });
            let values = Values::of(|values| attributes.record(values));
            send(TraceRecord::Begin { span, callsite: callsite(metadata), parent, values });
        }
        Id::from_u64(span)
    }

    fn record(&self, span: &Id, record: &Record<'_>) {
        if !is_copy() {
            send(TraceRecord::Values { span: span.into_u64(), values: Values::of(|values| record.record(values)) });
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if !is_copy() {
            let parent = event.parent().map(Id::into_u64);
            let parent = parent.or_else(|| event.is_contextual().then(innermost).flatten());
            let values = Values::of(|values| event.record(values));
            send(TraceRecord::Event { callsite: callsite(event.metadata()), parent, values });
        }
    }

    fn enter(&self, span: &Id) {
        // A thread that is ending has lost the list.
        let _ = ENTERED.try_with(|entered| entered.borrow_mut().push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        let _ = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            if let Some(at) = entered.iter().rposition(|&entered| entered == span.into_u64()) {
                entered.remove(at);
            }
        });
    }

    fn clone_span(&self, span: &Id) -> Id {
        if !is_copy()
            && let Some(open) = self.spans.lock().get_mut(&span.into_u64())
        {
            open.handles += 1;
        }
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        if is_copy() {
            return false;
        }
        let span = span.into_u64();
        let mut spans = self.spans.lock();
        let Some(open) = spans.get_mut(&span) else { return false };
        open.handles -= 1;
        let is_closed = open.handles == 0;
        if is_closed {
            spans.remove(&span);
        }
        drop(spans);
        if is_closed {
            send(TraceRecord::End { span });
        }
        is_closed
    }

    fn current_span(&self) -> Current {
        let Some(span) = innermost().filter(|_| !is_copy()) else { return Current::none() };
        match self.spans.lock().get(&span) {
            Some(open) => Current::new(Id::from_u64(span), open.metadata),
            None => Current::none(),
        }
    }
}

fn callsite(metadata: &Metadata<'_>) -> TraceCallsite {
    let text = |text: &str| truncate(text.to_owned(), MOST_NAME);
    TraceCallsite {
        name: text(metadata.name()),
        target: text(metadata.target()),
        level: level(*metadata.level()),
        module: metadata.module_path().map(text),
        file: metadata.file().map(text),
        line: metadata.line(),
        fields: metadata.fields().iter().map(|field| text(field.name())).collect(),
    }
}

fn level(level: Level) -> TraceLevel {
    match level {
        Level::ERROR => TraceLevel::Error,
        Level::WARN => TraceLevel::Warn,
        Level::INFO => TraceLevel::Info,
        Level::DEBUG => TraceLevel::Debug,
        _ => TraceLevel::Trace,
    }
}

/// Values of fields, as far as there is room.
struct Values {
    values: Vec<(u8, TraceValue)>,
    room: usize,
}

impl Values {
    fn of(record: impl FnOnce(&mut dyn Visit)) -> Vec<(u8, TraceValue)> {
        let mut values = Self { values: Vec::new(), room: MOST_TEXT };
        record(&mut values);
        values.values
    }

    fn push(&mut self, field: &Field, value: TraceValue) {
        // More fields than a `u8` counts cannot be shown there.
        if let Ok(index) = u8::try_from(field.index()) {
            self.values.push((index, value));
        }
    }

    fn cut(&mut self, text: String) -> String {
        let text = truncate(text, self.room);
        self.room = self.room.saturating_sub(text.len());
        text
    }
}

impl Visit for Values {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, TraceValue::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, TraceValue::Unsigned(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, TraceValue::Float(value.to_bits()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, TraceValue::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = self.cut(value.to_owned());
        self.push(field, TraceValue::Text(text));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let text = self.cut(value.to_string());
        self.push(field, TraceValue::Written(text));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = self.cut(format!("{value:?}"));
        self.push(field, TraceValue::Written(text));
    }
}

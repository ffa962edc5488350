//! The places in the code of workers, as `tracing` wants them: for ever. Each is kept once, and their number has a limit.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{LazyLock, OnceLock};

use parking_lot::Mutex;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_core::callsite::{Callsite, Identifier, register};
use tracing_core::field::FieldSet;
use tracing_core::metadata::Kind as TracingKind;

use crate::protocol::record::{TraceCallsite, TraceLevel};

/// The most fields of a span or an event: as many as `tracing` itself allows.
pub(super) const MOST_FIELDS: usize = 32;

/// The most bytes that are kept of all places. Further ones share one place for each level.
const MOST_BYTES: usize = 4 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Event,
    Span,
}

#[derive(Default)]
struct Places {
    all: HashMap<(TraceCallsite, Kind), &'static Place>,
    bytes: usize,
}

/// A place in the code of a worker.
struct Place {
    metadata: OnceLock<Metadata<'static>>,
    /// Of the subscriber: 0 for never, 1 for sometimes, 2 for always.
    interest: AtomicU8,
}

impl Callsite for Place {
    fn set_interest(&self, interest: Interest) {
        let number = if interest.is_never() { 0 } else { 1 + u8::from(interest.is_always()) };
        // Relaxed: it orders nothing.
        self.interest.store(number, Ordering::Relaxed);
    }

    fn metadata(&self) -> &Metadata<'_> {
        self.metadata.get().expect("it is set before the place is registered")
    }
}

/// The metadata of a place, and what the subscriber wants of it. Calls the subscriber.
pub(super) fn find(callsite: &TraceCallsite, kind: Kind) -> (&'static Metadata<'static>, Interest) {
    let place = place(callsite, kind);
    let metadata = place.metadata.get().expect("it was set when the place was kept");
    let interest = match place.interest.load(Ordering::Relaxed) {
        0 => Interest::never(),
        1 => Interest::sometimes(),
        _ => Interest::always(),
    };
    (metadata, interest)
}

fn place(callsite: &TraceCallsite, kind: Kind) -> &'static Place {
    static PLACES: LazyLock<Mutex<Places>> = LazyLock::new(Mutex::default);
    let mut places = PLACES.lock();
    let key = (callsite.clone(), kind);
    if let Some(place) = places.all.get(&key) {
        return place;
    }
    let len = 2 * callsite.len();
    if places.bytes + len > MOST_BYTES || callsite.fields.len() > MOST_FIELDS {
        drop(places);
        return shared(callsite.level, kind);
    }
    places.bytes += len;
    let place = leak(callsite, kind);
    places.all.insert(key, place);
    drop(places);
    // Not under the lock: it calls the subscriber. Another thread may find the place meanwhile, whose interest is "sometimes".
    register(place);
    place
}

/// The one place of a level for all that found no room. Of the fields, only the first has a name, which is that of a message.
fn shared(level: TraceLevel, kind: Kind) -> &'static Place {
    static SHARED: [[OnceLock<&Place>; 2]; 5] = [const { [const { OnceLock::new() }; 2] }; 5];
    let mut is_new = false;
    let place = SHARED[level as usize][kind as usize].get_or_init(|| {
        is_new = true;
        let callsite = TraceCallsite {
            name: "in a worker".to_owned(),
            target: "executor".to_owned(),
            level,
            module: None,
            file: None,
            line: None,
            fields: vec!["message".to_owned()],
        };
        leak(&callsite, kind)
    });
    if is_new {
        register(*place);
    }
    place
}

fn leak(callsite: &TraceCallsite, kind: Kind) -> &'static Place {
    let text = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let place: &'static Place = Box::leak(Box::new(Place { metadata: OnceLock::new(), interest: AtomicU8::new(1) }));
    let fields: &'static [&'static str] = Box::leak(callsite.fields.iter().map(|name| text(name)).collect());
    let kind = match kind {
        Kind::Event => TracingKind::EVENT,
        Kind::Span => TracingKind::SPAN,
    };
    place.metadata.get_or_init(|| {
        Metadata::new(
            text(&callsite.name),
            text(&callsite.target),
            level(callsite.level),
            callsite.file.as_deref().map(text),
            callsite.line,
            callsite.module.as_deref().map(text),
            FieldSet::new(fields, Identifier(place)),
            kind,
        )
    });
    place
}

fn level(level: TraceLevel) -> Level {
    match level {
        TraceLevel::Error => Level::ERROR,
        TraceLevel::Warn => Level::WARN,
        TraceLevel::Info => Level::INFO,
        TraceLevel::Debug => Level::DEBUG,
        TraceLevel::Trace => Level::TRACE,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn callsite(name: String, fields: usize) -> TraceCallsite {
        let fields = (0..fields).map(|number| format!("field {number}")).collect();
        let (target, level) = ("target".to_owned(), TraceLevel::Debug);
        TraceCallsite { name, target, level, module: None, file: None, line: Some(7), fields }
    }

    #[test]
    fn places_are_kept_once_and_have_a_limit() {
        let first = find(&callsite("one".to_owned(), 2), Kind::Event).0;
        assert_eq!(
            (first.name(), first.target(), *first.level(), first.line()),
            ("one", "target", Level::DEBUG, Some(7))
        );
        assert_eq!(first.fields().iter().map(|field| field.name()).collect::<Vec<_>>(), ["field 0", "field 1"]);
        assert!(first.is_event());
        assert!(std::ptr::eq(first, find(&callsite("one".to_owned(), 2), Kind::Event).0));
        let span = find(&callsite("one".to_owned(), 2), Kind::Span).0;
        assert!(span.is_span() && span.callsite() != first.callsite());
        let wide = find(&callsite("wide".to_owned(), MOST_FIELDS + 1), Kind::Event).0;
        assert_eq!((wide.name(), wide.fields().len()), ("in a worker", 1));
        let hostile = |number: u32| find(&callsite(format!("{number}{}", "x".repeat(60_000)), 0), Kind::Event).0;
        let names: std::collections::HashSet<_> = (0..200).map(|number| hostile(number).name()).collect();
        assert!(names.contains("in a worker") && names.len() * 120_000 < MOST_BYTES + 240_000, "{}", names.len());
        assert!(std::ptr::eq(first, find(&callsite("one".to_owned(), 2), Kind::Event).0), "it stays");
    }
}

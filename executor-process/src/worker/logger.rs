//! The logger of a worker: sends records to the parent, whose logger gets them.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata};

use super::records;
use crate::protocol::limits::truncate;
use crate::protocol::record::{Content, LogLevel, LogRecord};

/// The most bytes of a message, and of all keys and values of a record together.
const MOST_TEXT: usize = 16 * 1024;

/// The most bytes of a path or a target.
const MOST_PATH: usize = 1024;

struct WorkerLogger;

/// The number of the parent's level. 0 if the parent wants no records, and in a program that is no worker.
static LEVEL: AtomicU8 = AtomicU8::new(0);

/// Whether this program is a worker, and whether its logger is ours.
static IS_WORKER: AtomicBool = AtomicBool::new(false);
static FORWARDS: AtomicBool = AtomicBool::new(false);

/// The parent wants records up to this level.
pub(super) fn want(level: u8) {
    // Relaxed: it is read on this thread, or on a thread that was started later.
    LEVEL.store(level, Ordering::Relaxed);
    IS_WORKER.store(true, Ordering::Relaxed);
    if FORWARDS.load(Ordering::Relaxed) {
        // In a worker that was forked from a template, whose parent may have wanted another level.
        log::set_max_level(level_filter(level));
    }
}

/// Makes a worker process forward what it logs to the logger of the parent process. Call this first in a pool's initializer if the
/// initializer itself logs.
///
/// A worker without a logger gets this logger after its initializer, so other programs need no call. Returns whether records are forwarded:
/// false if another logger was set before, and in a process that is no worker.
///
/// ```
/// use executor::{ProcessPool, call, forward_logs};
///
/// fn load() {
///     forward_logs();
///     log::info!("loads the model"); // reaches the logger of the parent
/// }
///
/// let pool = ProcessPool::builder().processes(1).initializer(call!(load())).build()?;
/// assert!(!forward_logs(), "this is no worker");
/// # Ok::<(), executor::BuildError>(())
/// ```
pub fn forward_logs() -> bool {
    static LOGGER: WorkerLogger = WorkerLogger;
    // The second call finds the logger of the first.
    if IS_WORKER.load(Ordering::Relaxed) && log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(level_filter(LEVEL.load(Ordering::Relaxed)));
        FORWARDS.store(true, Ordering::Relaxed);
    }
    FORWARDS.load(Ordering::Relaxed)
}

/// The initializer has run, and may have set a logger.
pub(super) fn install() {
    if LEVEL.load(Ordering::Relaxed) > 0 {
        forward_logs();
    }
}

fn level_filter(number: u8) -> LevelFilter {
    LevelFilter::iter().nth(usize::from(number)).unwrap_or(LevelFilter::Off)
}

impl Log for WorkerLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let path = |path: &str| truncate(path.to_owned(), MOST_PATH);
        let mut pairs = Pairs { pairs: Vec::new(), room: MOST_TEXT };
        // The visitor stops at the end of its room.
        let _ = record.key_values().visit(&mut pairs);
        records::send(Content::Log(LogRecord {
            level: LogLevel::of(record.level()),
            target: path(record.target()),
            message: truncate(record.args().to_string(), MOST_TEXT),
            module: record.module_path().map(path),
            file: record.file().map(path),
            line: record.line(),
            pairs: pairs.pairs,
        }));
    }

    fn flush(&self) {}
}

/// Keys and values, as texts.
struct Pairs {
    pairs: Vec<(String, String)>,
    room: usize,
}

impl<'kvs> VisitSource<'kvs> for Pairs {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let (key, value) = (key.to_string(), value.to_string());
        self.room = self.room.checked_sub(key.len() + value.len()).ok_or(Error::msg("there is no room for it"))?;
        self.pairs.push((key, value));
        Ok(())
    }
}

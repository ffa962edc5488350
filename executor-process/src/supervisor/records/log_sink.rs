//! Hands log records of workers to the logger of this program.

use log::kv::Value;
use log::{Level, Record, logger, max_level};

use super::Source;
use crate::protocol::record::LogRecord;

/// Calls the logger, which may panic or block.
pub(super) fn hand_over(source: &Source, record: &LogRecord) {
    let LogRecord { level, target, message, module, file, line, pairs } = record;
    let level = level.level();
    if level > max_level() {
        return;
    }
    let own = pairs.iter().map(|(key, value)| (&**key, Value::from(&**value)));
    let all: Vec<_> = own.chain(keys(source)).collect();
    logger().log(
        &Record::builder()
            .level(level)
            .target(target)
            .args(format_args!("{message}"))
            .module_path(module.as_deref())
            .file(file.as_deref())
            .line(*line)
            .key_values(&all.as_slice())
            .build(),
    );
}

/// Warns that records are missing.
pub(super) fn warn_of_lost(source: &Source, lost: u64) {
    if Level::Warn > max_level() {
        return;
    }
    let Source { worker, pid, .. } = source;
    let all: Vec<_> = keys(source).collect();
    logger().log(
        &Record::builder()
            .level(Level::Warn)
            .target("executor")
            .args(format_args!(
                "{lost} log records of worker `{worker}` (process {pid}) were dropped: it logged faster than they \
                 could be passed on, or a record was too long"
            ))
            .key_values(&all.as_slice())
            .build(),
    );
}

fn keys(source: &Source) -> impl Iterator<Item = (&str, Value<'_>)> {
    let Source { worker, pid, job, .. } = source;
    let id = job.as_ref().map(|job| ("job", Value::from(job.id.get())));
    let name = job.as_ref().and_then(|job| job.label.as_ref()?.name.as_deref());
    let name = name.map(|name| ("job_name", Value::from(name)));
    let worker = [("worker", Value::from(&**worker)), ("pid", Value::from(*pid))];
    id.into_iter().chain(name).chain(worker)
}

//! Writes a recording in Chrome's trace format, which Perfetto opens.
//!
//! The format is "Trace Event Format" of the Chromium project. A job is a complete event, `"ph":"X"`, on the thread of its worker.

use std::fmt::Display;
use std::io::{self, Write};
use std::process;

use super::timeline::{Bar, Timeline};

/// Writes the whole file.
pub(super) fn write(timeline: &Timeline, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        r#"{{"displayTimeUnit":"ms","otherData":{{"program":{},"jobs_dropped":"{}"}},"traceEvents":["#,
        Quoted(&timeline.program),
        timeline.dropped
    )?;
    let own = process::id();
    write!(
        out,
        r#"{{"ph":"M","name":"process_name","pid":{own},"tid":0,"args":{{"name":{}}}}}"#,
        Quoted(&timeline.program)
    )?;
    let mut tid = 0_u64;
    for worker in timeline.workers(true) {
        let pid = worker.bars.first().and_then(|bar| bar.pid).unwrap_or(own);
        if pid != own {
            metadata(out, "process_name", pid, tid + 1, &format!("{} ({pid})", worker.name))?;
        }
        // Events of one thread must be inside of each other: each stack is a thread.
        let first = tid + 1;
        for _ in worker.heights() {
            tid += 1;
            metadata(out, "thread_name", pid, tid, worker.name)?;
        }
        for (bar, place) in worker.bars.iter().zip(&worker.places) {
            job(out, bar, pid, first + place.stack as u64)?;
        }
    }
    for (at, jobs) in timeline.queue_depth() {
        counter(out, own, at, "queue depth", &[("jobs", jobs)])?;
    }
    for sample in &timeline.memory {
        let values = [("this process", sample.own), ("worker processes", sample.workers.unwrap_or_default())];
        counter(out, own, sample.at, "memory", &values[..=usize::from(sample.workers.is_some())])?;
    }
    out.write_all(b"\n]}\n")
}

fn job(out: &mut dyn Write, bar: &Bar, pid: u32, tid: u64) -> io::Result<()> {
    let (start, state) = (bar.start.max(0), bar.state.text());
    let length = (bar.end - start).max(0);
    write!(out, ",\n{{\"ph\":\"X\",\"name\":{},\"cat\":\"{state}\",", Quoted(bar.name()))?;
    write!(out, r#""pid":{pid},"tid":{tid},"ts":{},"dur":{},"#, Micros(start), Micros(length))?;
    write!(out, r#""args":{{"id":{},"outcome":"{state}","attempt":{}"#, bar.id.get(), bar.attempt)?;
    if let Some(tag) = bar.job.tag() {
        write!(out, r#","tag":{}"#, Quoted(tag))?;
    }
    if let Some(place) = bar.job.place {
        write!(out, r#","submitted_at":{}"#, Quoted(&place.to_string()))?;
    }
    write!(out, r#","wait_us":{}"#, Micros((bar.start - bar.queued).max(0)))?;
    // Longer than the event, if the job had started before the recording.
    write!(out, r#","run_us":{}}}}}"#, Micros((bar.end - bar.start).max(0)))
}

fn metadata(out: &mut dyn Write, kind: &str, pid: u32, tid: u64, name: &str) -> io::Result<()> {
    write!(
        out,
        ",\n{{\"ph\":\"M\",\"name\":\"{kind}\",\"pid\":{pid},\"tid\":{tid},\"args\":{{\"name\":{}}}}}",
        Quoted(name)
    )
}

fn counter(out: &mut dyn Write, pid: u32, at: i64, name: &str, values: &[(&str, u64)]) -> io::Result<()> {
    write!(
        out,
        ",\n{{\"ph\":\"C\",\"name\":\"{name}\",\"pid\":{pid},\"tid\":0,\"ts\":{},\"args\":{{",
        Micros(at.max(0))
    )?;
    for (index, (series, value)) in values.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}\"{series}\":{value}")?;
    }
    out.write_all(b"}}")
}

/// Nanoseconds, as microseconds with a fraction. At least 0.
struct Micros(i64);

impl Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// A text as a string of JSON.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                // U+2028 and U+2029 end a line in old JavaScript.
                '\0'..='\x1f' | '\x7f' | '\u{2028}' | '\u{2029}' => write!(f, "\\u{:04x}", u32::from(c))?,
                _ => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

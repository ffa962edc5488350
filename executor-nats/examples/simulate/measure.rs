//! Counts, and the server as the system sees it.

use std::cell::Cell;
use std::fmt;
use std::fs;

/// Messages by kind, as the clients see them.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) submitted: Cell<u64>,
    pub(crate) claimed: Cell<u64>,
    pub(crate) ended: Cell<u64>,
    pub(crate) seen: Cell<u64>,
    pub(crate) pulls: Cell<u64>,
    pub(crate) leases: Cell<u64>,
    pub(crate) presences: Cell<u64>,
    /// Jobs that came to a host again, because its lease ran out.
    pub(crate) again: Cell<u64>,
    pub(crate) refused: Cell<u64>,
}

pub(crate) fn add(count: &Cell<u64>) {
    count.set(count.get() + 1);
}

/// The counts at a time.
pub(crate) struct Snapshot([(&'static str, u64); 9]);

impl Counts {
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot([
            ("jobs submitted", self.submitted.get()),
            ("jobs claimed", self.claimed.get()),
            ("jobs ended", self.ended.get()),
            ("records that the submitter saw", self.seen.get()),
            ("requests for jobs", self.pulls.get()),
            ("lease extensions", self.leases.get()),
            ("presences", self.presences.get()),
            ("jobs delivered again", self.again.get()),
            ("records refused", self.refused.get()),
        ])
    }
}

impl Snapshot {
    pub(crate) fn since(&self, before: &Self, seconds: f64) -> Rates {
        let lines = self.0.iter().zip(&before.0);
        Rates(lines.map(|((name, after), (_, before))| (*name, after - before)).collect(), seconds)
    }
}

pub(crate) struct Rates(Vec<(&'static str, u64)>, f64);

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count)) in self.0.iter().enumerate() {
            let end = if index + 1 < self.0.len() { "\n" } else { "" };
            #[expect(clippy::cast_precision_loss, reason = "a count of seconds or minutes")]
            let rate = *count as f64 / self.1;
            write!(f, "{name:32} {count:>9} {rate:>10.1} /s{end}")?;
        }
        Ok(())
    }
}

/// The server's process.
pub(crate) struct Server {
    pid: Option<u32>,
    ticks: u64,
    resident_kib: u64,
}

impl Server {
    pub(crate) fn look(pid: Option<u32>) -> Self {
        let (ticks, resident_kib) = pid.and_then(read).unwrap_or_default();
        Self { pid, ticks, resident_kib }
    }

    /// `None` without a process.
    pub(crate) fn since(&self, before: &Self, seconds: f64) -> Option<String> {
        self.pid?;
        // Linux counts in hundredths of a second for every program.
        #[expect(clippy::cast_precision_loss, reason = "a count of seconds or minutes")]
        let busy = (self.ticks - before.ticks) as f64 / 100.0;
        Some(format!(
            "server: {:.0} % of a core, {} MiB of memory ({} MiB before)",
            100.0 * busy / seconds,
            self.resident_kib >> 10,
            before.resident_kib >> 10
        ))
    }
}

/// Processor time in ticks, and memory in KiB.
fn read(pid: u32) -> Option<(u64, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<_> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some((ticks, resident.split_whitespace().next()?.parse().ok()?))
}

pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

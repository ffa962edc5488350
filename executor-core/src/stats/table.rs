//! Insights as a table.

use std::fmt;
use std::time::Duration;

use super::insights::{Insights, SlowJob, WorkTimes, WorkerStats};

/// A table: the first column is aligned to the left, as are those in `left`.
struct Table {
    rows: Vec<Vec<String>>,
    left: &'static [usize],
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let length = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |text| text.chars().count());
        let widths: Vec<_> =
            (0..columns).map(|column| self.rows.iter().map(|row| length(row, column)).max().unwrap_or(0)).collect();
        for row in &self.rows {
            let cell = |(column, (text, &width)): (usize, (&String, &usize))| {
                if self.left.contains(&column) { format!("{text:width$}") } else { format!("{text:>width$}") }
            };
            let cells: Vec<_> = row.iter().zip(&widths).enumerate().map(cell).collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// Writes a table of the workers, and one of the slowest jobs. It ends with a line break.
impl fmt::Display for Insights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows =
            vec![["worker", "jobs", "starting", "", "waiting", "", "working", ""].map(str::to_owned).to_vec()];
        rows.extend(self.workers.iter().map(|worker| {
            let pid = worker.pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
            row(format!("{}{pid}", worker.name), worker)
        }));
        if self.ended_workers > 0 {
            let s = if self.ended_workers == 1 { "" } else { "s" };
            rows.push(row(format!("{} ended worker{s}", self.ended_workers), &self.ended));
        }
        if self.callers.jobs > 0 {
            rows.push(row("calling threads".to_owned(), &self.callers));
        }
        rows.push(row("all".to_owned(), &self.total()));
        Table { rows, left: &[0] }.fmt(f)?;
        if self.slowest.is_empty() {
            return Ok(());
        }
        let mut rows =
            vec![["slowest jobs", "ran", "waited", "outcome", "worker", "submitted"].map(str::to_owned).to_vec()];
        rows.extend(self.slowest.iter().map(slow_row));
        write!(f, "\n{}", Table { rows, left: &[0, 3, 4, 5] })
    }
}

fn row(name: String, worker: &WorkerStats) -> Vec<String> {
    let WorkTimes { starting, waiting, working } = worker.times;
    let mut row = vec![name, worker.jobs.to_string()];
    for time in [starting, waiting, working] {
        row.extend([short(time), format!("{:.0} %", 100.0 * worker.times.share(time))]);
    }
    row
}

fn slow_row(job: &SlowJob) -> Vec<String> {
    let tag = job.tag.as_ref().map(|tag| format!(" [{tag}]")).unwrap_or_default();
    let place = job.place.map(|place| format!("{}:{}", place.file(), place.line())).unwrap_or_default();
    // A line break in a name would break the table.
    let name = format!("{}{tag}", job.name).replace(char::is_control, " ");
    vec![name, short(job.ran), short(job.waited), job.outcome.to_string(), job.worker.to_string(), place]
}

/// Three digits and the unit: `1.23 ms`.
fn short(time: Duration) -> String {
    let nanos = time.as_nanos();
    let (unit, scale) = match nanos {
        0..1_000 => return format!("{nanos} ns"),
        1_000..1_000_000 => ("µs", 1e6),
        1_000_000..1_000_000_000 => ("ms", 1e3),
        _ => ("s", 1.0),
    };
    let number = time.as_secs_f64() * scale;
    let decimals = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
    format!("{number:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use super::*;
    use crate::observe::job::JobOutcome;
    use crate::status::JobId;

    fn worker(name: &str, pid: Option<u32>, jobs: u64, millis: [u64; 3]) -> WorkerStats {
        let [starting, waiting, working] = millis.map(Duration::from_millis);
        WorkerStats {
            name: name.into(),
            pid,
            processes: pid.iter().count() as u64,
            jobs,
            times: WorkTimes { starting, waiting, working },
        }
    }

    #[test]
    fn table_has_a_row_for_each_worker_and_slow_job() {
        let place = Location::caller();
        let slow = SlowJob {
            id: JobId::next(),
            name: "thumb\nnail".into(),
            tag: Some("request 7".into()),
            place: Some(place),
            worker: "pool-0".into(),
            pid: None,
            attempt: 1,
            waited: Duration::from_nanos(12_340),
            ran: Duration::from_millis(1234),
            outcome: JobOutcome::TimedOut,
        };
        let insights = Insights {
            workers: vec![worker("pool-0", None, 12, [1, 1999, 2000]), worker("pool-1", Some(4711), 7, [0, 30, 90])],
            ended_workers: 3,
            ended: worker("", None, 1000, [0, 0, 62_100]),
            callers: worker("", None, 1, [0, 0, 5]),
            slowest: vec![slow],
        };
        let expected = format!(
            "\
worker                 jobs  starting       waiting        working
pool-0                   12   1.00 ms  0 %   2.00 s  50 %   2.00 s   50 %
pool-1 (process 4711)     7      0 ns  0 %  30.0 ms  25 %  90.0 ms   75 %
3 ended workers        1000      0 ns  0 %     0 ns   0 %   62.1 s  100 %
calling threads           1      0 ns  0 %     0 ns   0 %  5.00 ms  100 %
all                    1020   1.00 ms  0 %   2.03 s   3 %   64.2 s   97 %

slowest jobs               ran   waited  outcome    worker  submitted
thumb nail [request 7]  1.23 s  12.3 µs  timed out  pool-0  {}:{}
",
            place.file(),
            place.line()
        );
        assert_eq!(insights.to_string(), expected);
        let none = "worker  jobs  starting       waiting       working\nall        0      0 ns  0 %     0 ns  0 %     0 ns  0 %\n";
        assert_eq!(Insights::default().to_string(), none);
    }
}

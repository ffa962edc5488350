//! The results as a table, as lines for a program, and those that we lose.

use std::fmt::Write;

use crate::busy::Beside;
use crate::compare::{Compared, Verdict, compare};
use crate::plans::{Plan, is_bound};
use crate::rounds::Measured;
use crate::stats::Samples;

const HEAD: [&str; 9] = ["work", "unit", "contender", "quiet", "ours / it", "busy", "ours / it", "goal", "verdict"];

/// The columns of numbers.
const RIGHT: [usize; 5] = [3, 4, 5, 6, 7];

const CSV_HEAD: &str = "work,beside,contender,unit,median,min,max,ours / it,low,high,of minima,goal,verdict";

/// Above this, a peer is better: what lies below may be chance.
const LOST: f64 = 1.05;

/// The measurements of works: a row for each contender.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<[String; HEAD.len()]>,
    lost: Vec<[String; LOST_HEAD.len()]>,
    csv: String,
}

/// Measurements of one work: on a quiet machine and on a busy one. Empty where there are none.
pub(crate) type Both<'a> = [&'a [Measured]; Beside::ALL.len()];

const LOST_HEAD: [&str; 4] = ["work", "peer", "quiet", "busy"];

/// As many digits as say something.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    let digits = match value.abs() {
        ..1.0 => 3,
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

/// A ratio, and between which values the median of endless rounds would be.
fn ratio(compared: &Compared) -> String {
    let Some(ratios) = &compared.ratios else { return String::new() };
    match ratios.median_range() {
        (low, high) if low.is_nan() || high.is_nan() => number(f64::NAN),
        (low, high) => format!("{} ({}–{})", number(ratios.median()), number(low), number(high)),
    }
}

fn judged(Verdict { distance, is_met, is_unsure }: Verdict) -> String {
    let verdict = match distance {
        _ if is_met => "met".to_owned(),
        // There are no multiples of nothing.
        _ if distance.is_infinite() => "not met".to_owned(),
        _ => format!("not met, {} of it", number(distance)),
    };
    format!("{verdict}{}", if is_unsure { ", unsure" } else { "" })
}

impl Report {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a plan's contenders.
    pub(crate) fn add(&mut self, plan: &Plan, both: Both<'_>) {
        let both = both.map(|measured| compare(plan, measured));
        for (beside, compared) in Beside::ALL.into_iter().zip(&both) {
            for compared in compared {
                self.add_csv(plan, beside, compared);
            }
        }
        let [quiet, busy] = &both;
        let names = quiet.iter().chain(busy.iter().filter(|busy| find(quiet, &busy.name).is_none()));
        for (index, Compared { name, .. }) in names.enumerate() {
            let both = [find(quiet, name), find(busy, name)];
            let mut row = Self::row(name, both);
            if index == 0 {
                (row[0], row[1]) = (plan.label.clone(), plan.unit.to_owned());
            }
            self.rows.push(row);
            self.add_lost(plan, name, both);
        }
    }

    fn row(name: &str, both: [Option<&Compared>; 2]) -> [String; HEAD.len()] {
        let [quiet, busy] = both.map(|compared| compared.map_or_else(Default::default, cells));
        let verdicts = both.map(|compared| compared.and_then(Compared::verdict).map(judged));
        let verdict = match verdicts {
            [Some(quiet), Some(busy)] if quiet == busy => quiet,
            [Some(quiet), Some(busy)] => format!("{quiet}; busy: {busy}"),
            [None, Some(busy)] => format!("busy: {busy}"),
            [quiet, None] => quiet.unwrap_or_default(),
        };
        let [left_out, busy_left_out] = both.map(|compared| Some(compared?.samples.as_ref().err()?.clone()));
        let left_out = left_out.or(busy_left_out).map(|reason| format!("left out: {reason}"));
        let goal = both.into_iter().flatten().find_map(|compared| compared.goal);
        [
            String::new(),
            String::new(),
            name.to_owned(),
            quiet.0,
            quiet.1,
            busy.0,
            busy.1,
            goal.map(|most| format!("≤ {most}")).unwrap_or_default(),
            left_out.unwrap_or(verdict),
        ]
    }

    fn add_lost(&mut self, plan: &Plan, name: &str, both: [Option<&Compared>; 2]) {
        let ratios = both.map(|compared| compared.and_then(Compared::ratio));
        if is_bound(name) || !ratios.iter().flatten().any(|&ratio| ratio > LOST) {
            return;
        }
        let [quiet, busy] = ratios.map(|ratio| ratio.map(number).unwrap_or_default());
        self.lost.push([plan.label.clone(), name.to_owned(), quiet, busy]);
    }

    fn add_csv(&mut self, plan: &Plan, beside: Beside, compared: &Compared) {
        let (median, min, max, verdict) = match &compared.samples {
            Ok(samples) => {
                let verdict = compared.verdict().map(judged).unwrap_or_default();
                (number(samples.median()), number(samples.min()), number(samples.max()), verdict)
            }
            Err(reason) => (String::new(), String::new(), String::new(), format!("left out: {reason}")),
        };
        let (low, high) = compared.ratios.as_ref().map(Samples::median_range).unzip();
        let numbers = [compared.ratio(), low, high, compared.of_minima];
        let [ratio, low, high, of_minima] = numbers.map(|value| value.map(number).unwrap_or_default());
        let goal = compared.goal.map(|most| most.to_string()).unwrap_or_default();
        let cells = [&*plan.label, beside.name(), &*compared.name, plan.unit, &*median, &*min, &*max]
            .into_iter()
            .chain([&*ratio, &*low, &*high, &*of_minima, &*goal, &*verdict]);
        let cells: Vec<_> = cells.map(quoted).collect();
        writeln!(self.csv, "{}", cells.join(",")).expect("a string takes everything");
    }

    /// A Markdown table.
    pub(crate) fn table(&self) -> String {
        aligned(HEAD, &RIGHT, &self.rows)
    }

    /// The rows in which a peer is better, as a table. Empty if there is none.
    pub(crate) fn lost(&self) -> String {
        if self.lost.is_empty() { String::new() } else { aligned(LOST_HEAD, &[2, 3], &self.lost) }
    }

    /// Comma-separated values, without their head.
    pub(crate) fn csv(&self) -> &str {
        &self.csv
    }
}

fn find<'a>(compared: &'a [Compared], name: &str) -> Option<&'a Compared> {
    compared.iter().find(|compared| compared.name == name)
}

/// The median and the ratio.
fn cells(compared: &Compared) -> (String, String) {
    let median = compared.samples.as_ref().map(|samples| number(samples.median()));
    (median.unwrap_or_default(), ratio(compared))
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

/// A Markdown table that can be read as it is.
fn aligned<const N: usize>(head: [&str; N], right: &[usize], rows: &[[String; N]]) -> String {
    let head = head.map(str::to_owned);
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().chain([&head]).map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    });
    let mut table = String::new();
    let mut line = |cells: [String; N]| table.extend(["| ", &cells.join(" | "), " |\n"]);
    let fitted = |row: &[String; N]| {
        std::array::from_fn(|column| {
            let (cell, width) = (&row[column], widths[column]);
            if right.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        })
    };
    line(fitted(&head));
    line(std::array::from_fn(|column| {
        let end = if right.contains(&column) { ":" } else { "-" };
        "-".repeat(widths[column] - 1) + end
    }));
    for row in rows {
        line(fitted(row));
    }
    table
}

/// The head of comma-separated values.
pub(crate) fn csv_head() -> &'static str {
    CSV_HEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::{Goal, Scale, threads};

    fn samples(name: &str, value: f64) -> Measured {
        (name.to_owned(), Ok(Samples(vec![value])))
    }

    fn report(quiet: &[Measured], busy: &[Measured]) -> Report {
        let mut plans = threads(Scale { threads: 2, rounds: 1, is_quick: true });
        plans[0].goals = vec![Goal::Against("a peer", 1.05)];
        let mut report = Report::default();
        report.add(&plans[0], [quiet, busy]);
        report
    }

    #[test]
    fn rows_show_both_loads() {
        let ours = samples("ours", 106.0);
        let missing = ("CPython".to_owned(), Err("not installed".to_owned()));
        let report = report(&[ours.clone(), samples("a peer", 100.0)], &[ours, samples("a peer", 212.0), missing]);
        let cells: Vec<_> = report.rows.iter().map(|row| row[2..].join("; ")).collect();
        assert_eq!(
            cells,
            [
                "ours; 106; ; 106; ; ; ",
                "a peer; 100; 1.06 (1.06–1.06); 212; 0.500 (0.500–0.500); ≤ 1.05; not met, 1.01 of it; busy: met",
                "CPython; ; ; ; ; ; left out: not installed",
            ]
        );
        assert_eq!((report.csv().lines().count(), report.rows[1][0].len()), (5, 0));
        assert!(report.csv().lines().all(|line| line.matches(',').count() >= CSV_HEAD.matches(',').count()));
    }

    #[test]
    fn lost_rows_are_those_of_better_peers() {
        let peers = [samples("a peer", 5.0), samples("other", 9.9), samples("memcpy each way", 1.0)];
        let report = report(&[&[samples("ours", 10.0)], &peers[..]].concat(), &[]);
        assert_eq!(report.lost.len(), 1);
        assert_eq!(report.lost[0][1..], ["a peer", "2.00", ""]);
        assert!(self::report(&[samples("ours", 10.0), samples("a peer", 20.0)], &[]).lost().is_empty());
    }

    #[test]
    fn tables_are_aligned() {
        let rows = [["a".to_owned(), "1".to_owned()], ["long".to_owned(), "100".to_owned()]];
        let table = aligned(["name", "n"], &[1], &rows);
        assert_eq!(table, "| name |   n |\n| ---- | --: |\n| a    |   1 |\n| long | 100 |\n");
    }
}

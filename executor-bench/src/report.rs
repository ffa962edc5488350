//! The results as a table, as lines for a program, and as a file of the repository.

use std::fmt::Write;

use crate::peers::{Contender, Ours};
use crate::plans::{Goal, Plan};
use crate::stats::Samples;

const HEAD: [&str; 11] =
    ["work", "contender", "median", "min", "max", "unit", "of minima", "ours / it", "95 %", "goal", "verdict"];

/// The columns of numbers.
const RIGHT: [usize; 7] = [2, 3, 4, 6, 7, 8, 9];

/// What was measured, a row for each work and contender.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<[String; HEAD.len()]>,
}

/// As many digits as say something.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        ..1.0 => 3,
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

/// Whether a goal is reached, and whether as many rounds again could say otherwise.
fn verdict(values: &Samples, most: f64) -> String {
    let (low, high) = values.median_range();
    let verdict = if values.median() <= most { "met" } else { "not met" };
    let is_sure = high <= most || low > most;
    format!("{verdict}{}", if is_sure { "" } else { ", unsure" })
}

fn range((low, high): (f64, f64)) -> String {
    format!("{}–{}", number(low), number(high))
}

impl Report {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row for each contender of a plan.
    pub(crate) fn add(&mut self, plan: &Plan, samples: &[(String, Samples)]) {
        let ours = samples.iter().find(|(name, _)| name == Ours::NAME).map(|(_, samples)| samples);
        for (name, samples) in samples {
            let ratios = ours.filter(|_| name != Ours::NAME).map(|ours| ours.ratios_to(samples));
            let of_minima = ours.filter(|_| name != Ours::NAME).map(|ours| ours.min() / samples.min());
            let goal = plan.goals.iter().find_map(|goal| match (goal, &ratios) {
                (&Goal::Against(peer, most), Some(ratios)) if peer == name => Some((most, verdict(ratios, most))),
                (&Goal::AtMost(most), None) => Some((most, verdict(samples, most))),
                _ => None,
            });
            let (most, verdict) = goal.unzip();
            self.rows.push([
                plan.label.clone(),
                name.clone(),
                number(samples.median()),
                number(samples.min()),
                number(samples.max()),
                plan.unit.to_owned(),
                of_minima.map(number).unwrap_or_default(),
                ratios.as_ref().map(|ratios| number(ratios.median())).unwrap_or_default(),
                ratios.map(|ratios| range(ratios.median_range())).unwrap_or_default(),
                most.map(|most| format!("≤ {most}")).unwrap_or_default(),
                verdict.unwrap_or_default(),
            ]);
        }
    }

    /// A Markdown table, aligned so that it can be read as it is.
    pub(crate) fn table(&self) -> String {
        let head = HEAD.map(str::to_owned);
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&head]).map(|row| row[column].chars().count());
            cells.max().expect("there is a head")
        };
        let widths: [usize; HEAD.len()] = std::array::from_fn(width);
        let mut table = String::new();
        let line = |table: &mut String, cells: [String; HEAD.len()]| {
            writeln!(table, "| {} |", cells.join(" | ")).expect("a string takes everything");
        };
        let aligned = |row: &[String; HEAD.len()]| {
            std::array::from_fn(|column| {
                let (cell, width) = (&row[column], widths[column]);
                if RIGHT.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            })
        };
        let rule = |column| {
            let dashes = "-".repeat(widths[column] - 1);
            if RIGHT.contains(&column) { format!("{dashes}:") } else { format!("{dashes}-") }
        };
        line(&mut table, aligned(&head));
        line(&mut table, std::array::from_fn(rule));
        for row in &self.rows {
            line(&mut table, aligned(row));
        }
        table
    }

    /// Comma-separated values, without their head.
    pub(crate) fn csv(&self) -> String {
        let quoted = |cell: &String| {
            if cell.contains([',', '"']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() }
        };
        let mut csv = String::new();
        for row in &self.rows {
            let cells: Vec<_> = row.iter().map(quoted).collect();
            writeln!(csv, "{}", cells.join(",")).expect("a string takes everything");
        }
        csv
    }
}

/// The head of comma-separated values.
pub(crate) fn csv_head() -> String {
    HEAD.join(",")
}

/// The text of `BENCHMARKS.md`.
pub(crate) fn document(works: &Report, growth: &Report, machine: &str) -> String {
    format!(
        "# Benchmarks\n\n\
        Written by `cargo run --release -p executor-bench -- threads --write`; each work is described where it is \
        written, in [executor-bench/src/works](executor-bench/src/works).\n\n\
        **Only ratios mean something.** Times depend on the machine and on what else it does. Every round runs each \
        contender once, in a rotating order; `ours / it` is the median of the rounds' ratios, and a goal is an upper \
        bound of it, or of our own median where no contender is named. `95 %` is where that median would most likely be after endless rounds; a goal within is \
        called unsure. `of minima` is the ratio of both best rounds.\n\n\
        {machine}\n\n\
        ## Works\n\n\
        {}\n\
        ## Growth\n\n\
        The cost of a job among many; each number around it is changed while the others stay. Memory is that of a job \
        which waits in the queue, with its future.\n\n\
        {}",
        works.table(),
        growth.table(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::{Scale, threads};

    #[test]
    fn a_goal_is_judged_in_the_row_of_its_peer() {
        let plans = threads(Scale { threads: 2, rounds: 1, is_quick: true });
        let samples = |name: &str, value| (name.to_owned(), Samples(vec![value]));
        let mut report = Report::default();
        report.add(&plans[1], &[samples("ours", 106.0), samples("bare channel", 100.0), samples("CPython", 1.0)]);
        report.add(&plans[3], &[samples("ours", 0.04), samples("CPython", 0.01)]);
        let verdicts: Vec<_> = report.rows.iter().map(|row| (row[7].as_str(), row[10].as_str())).collect();
        assert_eq!(verdicts, [("", ""), ("1.06", "not met"), ("106", ""), ("", "met"), ("4.00", "")]);
        assert_eq!(report.csv().lines().count(), 5);
    }
}

//! The results as a table, as lines for a program, and as a file of the repository.

use std::fmt::Write;

use crate::peers::{Contender, Ours};
use crate::plans::{Goal, Plan};
use crate::rounds::Measured;
use crate::stats::Samples;

const HEAD: [&str; 11] =
    ["work", "contender", "median", "min", "max", "unit", "of minima", "ours / it", "95 %", "goal", "verdict"];

/// The columns of numbers.
const RIGHT: [usize; 7] = [2, 3, 4, 6, 7, 8, 9];

/// The measurements, a row for each work and contender.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<[String; HEAD.len()]>,
}

/// As many digits as say something.
fn number(value: f64) -> String {
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

/// Whether a goal is reached, and how far it is if not; and whether as many rounds again could say otherwise.
fn verdict(values: &Samples, most: f64) -> String {
    let (low, high) = values.median_range();
    let verdict = match values.median() / most {
        _ if values.median() <= most => "met".to_owned(),
        // There are no multiples of nothing.
        distance if distance.is_infinite() => "not met".to_owned(),
        distance => format!("not met, {} of it", number(distance)),
    };
    let is_sure = high <= most || low > most;
    format!("{verdict}{}", if is_sure { "" } else { ", unsure" })
}

/// The contender with the least median of those whose names start with `start`.
fn best<'a>(start: &str, measured: &'a [Measured]) -> Option<&'a str> {
    let medians = measured.iter().filter(|(name, _)| name.starts_with(start));
    let medians = medians.filter_map(|(name, samples)| Some((name, samples.as_ref().ok()?.median())));
    medians.min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(name, _)| name.as_str())
}

fn range((low, high): (f64, f64)) -> String {
    if low.is_nan() || high.is_nan() {
        return number(f64::NAN);
    }
    format!("{}–{}", number(low), number(high))
}

impl Report {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row for each contender of a plan.
    pub(crate) fn add(&mut self, plan: &Plan, measured: &[Measured]) {
        let ours = measured.iter().find(|(name, _)| name == Ours::NAME).and_then(|(_, samples)| samples.as_ref().ok());
        for (name, samples) in measured {
            let row = match samples {
                Ok(samples) => Self::row(plan, name, samples, ours, measured),
                Err(reason) => {
                    let mut row: [String; HEAD.len()] = Default::default();
                    row[HEAD.len() - 1] = format!("left out: {reason}");
                    row
                }
            };
            self.rows.push(row);
            let last = self.rows.last_mut().expect("it was pushed");
            (last[0], last[1]) = (plan.label.clone(), name.clone());
        }
    }

    fn row(
        plan: &Plan,
        name: &str,
        samples: &Samples,
        ours: Option<&Samples>,
        measured: &[Measured],
    ) -> [String; HEAD.len()] {
        let ours = ours.filter(|_| name != Ours::NAME);
        let ratios = ours.map(|ours| ours.ratios_to(samples));
        let of_minima = ours.map(|ours| ours.min() / samples.min());
        let goal = plan.goals.iter().find_map(|goal| match (goal, &ratios) {
            (&Goal::Against(peer, most), Some(ratios)) if peer == name => Some((most, verdict(ratios, most))),
            (&Goal::AgainstBest(start, most), Some(ratios)) if best(start, measured) == Some(name) => {
                Some((most, format!("{} (of the best)", verdict(ratios, most))))
            }
            (&Goal::AtMost(most), None) => Some((most, verdict(samples, most))),
            _ => None,
        });
        let (most, verdict) = goal.unzip();
        [
            String::new(),
            String::new(),
            number(samples.median()),
            number(samples.min()),
            number(samples.max()),
            plan.unit.to_owned(),
            of_minima.map(number).unwrap_or_default(),
            ratios.as_ref().map(|ratios| number(ratios.median())).unwrap_or_default(),
            ratios.map(|ratios| range(ratios.median_range())).unwrap_or_default(),
            most.map(|most| format!("≤ {most}")).unwrap_or_default(),
            verdict.unwrap_or_default(),
        ]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::{Scale, threads};

    fn samples(name: &str, value: f64) -> Measured {
        (name.to_owned(), Ok(Samples(vec![value])))
    }

    #[test]
    fn a_goal_is_judged_in_the_row_of_its_peer() {
        let plans = threads(Scale { threads: 2, rounds: 1, is_quick: true });
        let mut report = Report::default();
        report.add(&plans[1], &[samples("ours", 106.0), samples("bare channel", 100.0), samples("CPython", 1.0)]);
        report.add(&plans[3], &[samples("ours", 0.04), samples("CPython", 0.01)]);
        let verdicts: Vec<_> = report.rows.iter().map(|row| (row[7].as_str(), row[10].as_str())).collect();
        assert_eq!(verdicts, [("", ""), ("1.06", "not met, 1.01 of it"), ("106", ""), ("", "met"), ("4.00", "")]);
        assert_eq!(report.csv().lines().count(), 5);
    }

    #[test]
    fn the_best_of_several_is_judged_and_who_is_missing_says_why() {
        let mut plans = threads(Scale { threads: 2, rounds: 1, is_quick: true });
        plans[0].goals = vec![Goal::AgainstBest("CPython", 0.2)];
        let missing = |name: &str| (name.to_owned(), Err("not installed".to_owned()));
        let mut report = Report::default();
        let peers =
            [samples("CPython 1", 20.0), samples("CPython 2", 10.0), missing("CPython 3"), samples("other", 1.0)];
        report.add(&plans[0], &[&[samples("ours", 1.0)], &peers[..]].concat());
        let verdicts: Vec<_> = report.rows.iter().map(|row| row[10].as_str()).collect();
        assert_eq!(verdicts, ["", "", "met (of the best)", "left out: not installed", ""]);
    }

    #[test]
    fn nothing_is_a_goal_too() {
        assert_eq!(verdict(&Samples(vec![0.0]), 0.0), "met");
        assert_eq!(verdict(&Samples(vec![1.0]), 0.0), "not met");
        // Two that are both nothing have no ratio.
        assert_eq!(range(Samples(vec![f64::NAN]).median_range()), "–");
    }
}

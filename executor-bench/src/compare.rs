//! Our measurements against those of each contender, and against the goals.

use crate::peers::{Contender, Ours};
use crate::plans::{Goal, Plan};
use crate::rounds::Measured;
use crate::stats::Samples;

/// A contender of a work.
pub(crate) struct Compared {
    pub(crate) name: String,
    /// Its measurements, or why there are none.
    pub(crate) samples: Result<Samples, String>,
    /// Ours divided by its, a round each. `None` for ourselves.
    pub(crate) ratios: Option<Samples>,
    /// Ratios of our best round to its.
    pub(crate) of_minima: Option<f64>,
    /// The most that the ratio may be, or our median in our own row.
    pub(crate) goal: Option<f64>,
}

impl Compared {
    /// Whether the goal is reached; `None` if there is no goal or no measurement.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let values = self.ratios.as_ref().or(self.samples.as_ref().ok())?;
        Some(Verdict::of(values, self.goal?))
    }

    pub(crate) fn ratio(&self) -> Option<f64> {
        self.ratios.as_ref().map(Samples::median)
    }
}

/// Whether a goal is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    /// The multiple of the goal. Infinite where the goal is nothing.
    pub(crate) distance: f64,
    pub(crate) is_met: bool,
    /// Whether as many rounds again could say otherwise.
    pub(crate) is_unsure: bool,
}

impl Verdict {
    fn of(values: &Samples, most: f64) -> Self {
        let (low, high) = values.median_range();
        let median = values.median();
        let is_sure = high <= most || low > most;
        Self { distance: median / most, is_met: median <= most, is_unsure: !is_sure }
    }
}

/// The contenders of a plan in the order in which they were measured.
pub(crate) fn compare(plan: &Plan, measured: &[Measured]) -> Vec<Compared> {
    let ours = measured.iter().find(|(name, _)| name == Ours::NAME).and_then(|(_, samples)| samples.as_ref().ok());
    let compared = |(name, samples): &Measured| {
        let other = samples.as_ref().ok().filter(|_| name != Ours::NAME);
        let both = ours.zip(other);
        let goal = plan.goals.iter().find_map(|goal| match *goal {
            Goal::Against(peer, most) if peer == name => Some(most),
            Goal::AgainstBest(start, most) if best(start, measured) == Some(name) => Some(most),
            Goal::AtMost(most) if name == Ours::NAME => Some(most),
            _ => None,
        });
        Compared {
            name: name.clone(),
            samples: samples.clone(),
            ratios: both.map(|(ours, other)| ours.ratios_to(other)),
            of_minima: both.map(|(ours, other)| ours.min() / other.min()),
            goal,
        }
    };
    measured.iter().map(compared).collect()
}

/// The contender with the least median of those whose names start with `start`.
fn best<'a>(start: &str, measured: &'a [Measured]) -> Option<&'a str> {
    let medians = measured.iter().filter(|(name, _)| name.starts_with(start));
    let medians = medians.filter_map(|(name, samples)| Some((name, samples.as_ref().ok()?.median())));
    medians.min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::{Scale, threads};

    fn samples(name: &str, value: f64) -> Measured {
        (name.to_owned(), Ok(Samples(vec![value])))
    }

    fn compared(goals: Vec<Goal>, measured: &[Measured]) -> Vec<Compared> {
        let mut plans = threads(Scale { threads: 2, rounds: 1, is_quick: true });
        plans[0].goals = goals;
        compare(&plans[0], measured)
    }

    #[test]
    fn goals_are_judged_in_the_row_of_their_peer() {
        let goals = vec![Goal::Against("bare channel", 1.05), Goal::AtMost(200.0)];
        let rows = compared(goals, &[samples("ours", 106.0), samples("bare channel", 100.0), samples("CPython", 1.0)]);
        let ratios: Vec<_> = rows.iter().map(|row| row.ratio().map(|ratio| format!("{ratio:.2}"))).collect();
        assert_eq!(ratios, [None, Some("1.06".to_owned()), Some("106.00".to_owned())]);
        let met: Vec<_> = rows.iter().map(|row| row.verdict().map(|verdict| verdict.is_met)).collect();
        assert_eq!(met, [Some(true), Some(false), None]);
        assert!(!rows[1].verdict().unwrap().is_unsure, "one round is all that there is");
    }

    #[test]
    fn the_best_of_several_peers_is_judged() {
        let missing = ("CPython 3".to_owned(), Err("not installed".to_owned()));
        let peers = [samples("CPython 1", 20.0), samples("CPython 2", 10.0), missing, samples("other", 1.0)];
        let rows = compared(vec![Goal::AgainstBest("CPython", 0.2)], &[&[samples("ours", 1.0)], &peers[..]].concat());
        let met: Vec<_> = rows.iter().map(|row| row.verdict().map(|verdict| verdict.is_met)).collect();
        assert_eq!(met, [None, None, Some(true), None, None]);
    }

    #[test]
    fn nothing_is_a_goal_too() {
        let verdict = |value| Verdict::of(&Samples(vec![value]), 0.0);
        assert!(verdict(0.0).is_met);
        assert!(!verdict(1.0).is_met && verdict(1.0).distance.is_infinite());
    }

    #[test]
    fn a_verdict_within_its_range_is_unsure() {
        let values = Samples((1..=11).map(f64::from).collect());
        assert!(Verdict::of(&values, 6.5).is_unsure);
        assert!(!Verdict::of(&values, 11.0).is_unsure && !Verdict::of(&values, 1.0).is_unsure);
    }
}

//! Rounds: each runs every contender once, so that what disturbs the machine for a while disturbs all of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::peers::{Contender, Visitor, every};
use crate::python::{self, Python};
use crate::stats::Samples;
use crate::works::{Work, pause, warm};

/// Until threads that end on their own time are gone: those of `blocking` wait half a second for another job.
const GONE: Duration = Duration::from_millis(700);

/// A contender, made ready for one work.
pub(crate) struct Entrant<'a> {
    name: String,
    measure: Box<dyn FnMut() -> Result<f64, String> + 'a>,
}

impl<'a> Entrant<'a> {
    pub(crate) fn new(name: impl Into<String>, mut measure: impl FnMut() -> f64 + 'a) -> Self {
        Self::fallible(name, move || Ok(measure()))
    }

    /// One that may turn out not to be there: the program of somebody else, which says why.
    pub(crate) fn fallible(name: impl Into<String>, measure: impl FnMut() -> Result<f64, String> + 'a) -> Self {
        Self { name: name.into(), measure: Box::new(measure) }
    }
}

/// The name of a contender, and its measurement for each round, or why there is none.
pub(crate) type Measured = (String, Result<Samples, String>);

struct Entrants<'a, W> {
    work: &'a W,
    list: Vec<Entrant<'a>>,
}

impl<'a, W: Work> Visitor<'a> for Entrants<'a, W> {
    fn visit<C: Contender + 'a>(&mut self) {
        let (work, threads) = (self.work, self.work.threads());
        let mut kept = None;
        let measure = move || {
            let pool = kept.take().unwrap_or_else(|| C::new(threads));
            warm(&pool, threads);
            let measured = work.measure(&pool);
            if work.is_alone() {
                drop(pool);
                pause(GONE);
            } else {
                kept = Some(pool);
            }
            measured
        };
        self.list.push(Entrant::new(C::NAME, measure));
    }
}

/// Measures a work: with the contenders called `only`, or with all of them where that is empty.
pub(crate) fn run<W: Work>(work: &W, rounds: usize, only: &[String]) -> Vec<Measured> {
    let mut entrants = Entrants { work, list: Vec::new() };
    every(&mut entrants);
    let mut list = entrants.list;
    if let Some(line) = work.python()
        && only.is_empty()
    {
        let mut python = Python::start();
        list.push(Entrant::fallible(python::NAME, move || python.as_mut().map_err(|why| why.clone())?.measure(&line)));
    }
    if let Some((name, _)) = only.is_empty().then(|| work.without_pool()).flatten() {
        list.push(Entrant::new(name, || work.without_pool().map_or(f64::NAN, |(_, measured)| measured)));
    }
    interleave(list, rounds, only)
}

/// Measures the contenders called `only`, or all of them where that is empty, in rounds. One that fails is left out
/// from then on.
pub(crate) fn interleave(mut list: Vec<Entrant<'_>>, rounds: usize, only: &[String]) -> Vec<Measured> {
    list.retain(|entrant| only.is_empty() || only.contains(&entrant.name));
    let mut measured: Vec<Measured> =
        list.iter().map(|entrant| (entrant.name.clone(), Ok(Samples(Vec::new())))).collect();
    for round in 0..rounds {
        for turn in 0..list.len() {
            // Rotated, so that no contender is always first in its round.
            let index = (round + turn) % list.len();
            let (_, samples) = &mut measured[index];
            let Ok(known) = samples else { continue };
            match catch_unwind(AssertUnwindSafe(&mut list[index].measure)) {
                Ok(Ok(value)) => known.0.push(value),
                Ok(Err(reason)) => *samples = Err(reason),
                // The panic hook has said more. A contender that panicked is not used again.
                Err(_) => *samples = Err("it panicked".to_owned()),
            }
        }
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_contenders_report_the_reason() {
        let mut tries = 0;
        let failing = || {
            tries += 1;
            if tries == 1 { Ok(1.0) } else { Err("it is gone".to_owned()) }
        };
        let list = vec![
            Entrant::new("ours", || 2.0),
            Entrant::fallible("peer", failing),
            Entrant::new("broken", || panic!("on purpose")),
            Entrant::new("other", || 3.0),
        ];
        let measured = interleave(list, 3, &["ours", "peer", "broken"].map(str::to_owned));
        let told: Vec<_> =
            measured.iter().map(|(_, samples)| samples.as_ref().map(|samples| samples.0.len())).collect();
        assert_eq!(told, [Ok(3), Err(&"it is gone".to_owned()), Err(&"it panicked".to_owned())]);
        assert_eq!(tries, 2);
    }
}

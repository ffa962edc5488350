//! Rounds: each runs every contender once, so that what disturbs the machine for a while disturbs all of them.

use std::time::Duration;

use crate::peers::{Contender, Visitor, every};
use crate::python::{self, Python};
use crate::stats::Samples;
use crate::works::{Work, pause, warm};

/// Until threads that end on their own time are gone: those of `blocking` wait half a second for another job.
const GONE: Duration = Duration::from_millis(700);

/// A contender, made ready for one work.
struct Entrant<'a> {
    name: &'static str,
    measure: Box<dyn FnMut() -> f64 + 'a>,
}

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
        self.list.push(Entrant { name: C::NAME, measure: Box::new(measure) });
    }
}

/// Measures a work: with the contenders called `only`, or with all of them where that is empty.
pub(crate) fn run<W: Work>(work: &W, rounds: usize, only: &[String]) -> Vec<(&'static str, Samples)> {
    let mut python = None;
    let mut entrants = Entrants { work, list: Vec::new() };
    every(&mut entrants);
    let mut list = entrants.list;
    if let Some(line) = work.python()
        && only.is_empty()
    {
        python = Python::start();
        match &mut python {
            Some(python) => list.push(Entrant { name: python::NAME, measure: Box::new(move || python.measure(&line)) }),
            None => eprintln!("no python3 is found: {} is left out", python::NAME),
        }
    }
    if let Some((name, _)) = only.is_empty().then(|| work.without_pool()).flatten() {
        let measure = || work.without_pool().map_or(f64::NAN, |(_, measured)| measured);
        list.push(Entrant { name, measure: Box::new(measure) });
    }
    list.retain(|entrant| only.is_empty() || only.iter().any(|name| name == entrant.name));
    let mut samples: Vec<_> = list.iter().map(|entrant| (entrant.name, Samples(Vec::new()))).collect();
    for round in 0..rounds {
        for turn in 0..list.len() {
            // Nobody always comes right after the same one, or when the round is fresh.
            let index = (round + turn) % list.len();
            let measured = (list[index].measure)();
            samples[index].1.0.push(measured);
        }
    }
    drop(list);
    drop(python);
    samples
}

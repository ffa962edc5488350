//! Benchmarks of the executors against their peers.
//!
//! ```sh
//! cargo run --profile bench -p executor-bench -- processes
//! ```
//!
//! prints tables with a row for each work and contender. How to read them:
//!
//! - `quiet` and `busy` are medians of the rounds' measurements: on a machine that does nothing else, if it is one, and beside two
//!   loops that never sleep. They depend on the machine: compare them within one run only.
//! - `ours / it` is what counts: the median, over the rounds, of our measurement divided by the contender's of the same
//!   round. Below 1, ours is better. In brackets: where that median would be after endless rounds, with a chance of 95 %.
//! - `goal` is the most that ratio may be, or, in our own row, our median; `verdict` says whether it is, or what multiple of
//!   the goal it is. An unsure verdict needs another run, with more `--rounds`, or a quieter machine.
//!
//! With `--csv`, also `of minima`: the ratio of the two best rounds. On a machine that is never quiet it says more about what the code
//! can do, and less about what one gets.
//!
//! For fairness, every contender has the same number of threads or processes, all started and idle before a measurement, except
//! where their start is measured; runs the same jobs, submitted and awaited by the same code, compiled for it; and has its
//! results checked. A round runs each contender once, in rotating order. Each work has its own process, so that no work inherits
//! memory or threads.

#![deny(unsafe_code)]

mod busy;
mod child;
mod compare;
mod document;
mod machine;
mod measurements;
#[cfg(feature = "nats")]
mod nats;
#[cfg(not(feature = "nats"))]
#[path = "nats/absent.rs"]
mod nats;
mod options;
mod peers;
mod picture;
mod plans;
mod processes;
mod python;
mod report;
mod rounds;
mod stats;
mod works;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use lexopt::Parser;

use crate::busy::Beside;
use crate::machine::Facts;
use crate::measurements::{Entry, Measurements};
use crate::options::{Command, HELP, Options};
use crate::peers::{Contender, Ours};
use crate::plans::{Plan, SECTIONS};
use crate::processes::echo;
use crate::report::Report;

/// Something to measure: a work of a section, with a load beside.
type Task<'a> = (&'static str, &'a Plan, Beside);

/// The works that were asked for. If the time is limited, those come first that were measured longest ago.
fn tasks<'a>(options: &Options, sections: &'a [(&'static str, Vec<Plan>)], known: &Measurements) -> Vec<Task<'a>> {
    let plans = sections.iter().flat_map(|(title, plans)| plans.iter().map(|plan| (*title, plan)));
    let plans = plans.filter(|(_, plan)| plan.label.contains(&options.only));
    // A work that cannot be measured here keeps its measurements from elsewhere.
    let is_kept =
        |title, plan: &Plan| plan.left_out.is_some() && known.find(title, &plan.label, Beside::Nothing).is_some();
    let plans = plans.filter(|(title, plan)| !is_kept(title, plan));
    let with = |(title, plan): (&'static str, &'a Plan)| {
        let loads = options.beside.iter().filter(|&&beside| plan.is_timed || beside == Beside::Nothing);
        loads.map(move |&beside| (title, plan, beside)).collect::<Vec<_>>()
    };
    let mut tasks: Vec<_> = plans.flat_map(with).collect();
    if options.time.is_some() {
        tasks.sort_by_key(|(title, plan, beside)| {
            known.find(title, &plan.label, *beside).map_or(0, |entry| entry.facts.time)
        });
    }
    tasks
}

/// A contender that fails is shown in the table, and the others are still measured.
fn measure((section, plan, beside): Task<'_>, facts: &Facts) -> Entry {
    eprintln!("measuring: {}, {}", plan.label, beside.name());
    let measured = child::measure(plan, beside);
    let measured = measured.unwrap_or_else(|error| vec![(Ours::NAME.to_owned(), Err(error.to_string()))]);
    Entry { section: section.to_owned(), label: plan.label.clone(), beside, facts: facts.clone(), measured }
}

/// Why ours was not measured, where it should have been.
fn failure(plan: &Plan, entry: &Entry) -> Option<String> {
    let (_, samples) = entry.measured.iter().find(|(name, _)| name == Ours::NAME)?;
    let reason = samples.as_ref().err().filter(|_| plan.left_out.is_none())?;
    Some(format!("{}: ours: {reason}", plan.label))
}

fn benchmark(options: &Options) -> Result<(), Box<dyn Error>> {
    let (started, facts) = (Instant::now(), Facts::now());
    let asked = SECTIONS.into_iter().zip(options.part.sections()).filter(|(_, is_asked)| *is_asked);
    let sections: Vec<_> = asked.map(|((title, plans), _)| (title, plans(options.scale))).collect();
    let mut file = if options.writes { document::read()? } else { Measurements::default() };
    file.threads = options.scale.threads;
    let tasks = tasks(options, &sections, &file);
    if tasks.is_empty() {
        return Err(format!("no work's label contains {:?}; the tables have the labels", options.only).into());
    }
    let (mut new, mut failures) = (Measurements::default(), Vec::new());
    for task in tasks {
        if options.time.is_some_and(|time| started.elapsed() >= time) {
            break;
        }
        let entry = measure(task, &facts);
        failures.extend(failure(task.1, &entry));
        if options.writes {
            // At once: a run that is ended early has written what it has measured.
            file.put(entry.clone());
            document::write(&file)?;
        }
        new.put(entry);
    }
    show(options, &sections, &new, &facts);
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn show(options: &Options, sections: &[(&'static str, Vec<Plan>)], new: &Measurements, facts: &Facts) {
    if options.is_csv {
        println!("{}", report::csv_head());
    }
    for (title, plans) in sections {
        let mut report = Report::default();
        for plan in plans {
            let both = Beside::ALL.map(|beside| new.find(title, &plan.label, beside));
            report.add(plan, both.map(|entry| entry.map_or(&[][..], |entry| &entry.measured)));
        }
        if options.is_csv {
            print!("{}", report.csv());
        } else if !report.is_empty() {
            println!("{title}. {}\n\n{}", facts.machine, report.table());
        }
    }
}

fn main() -> ExitCode {
    // One of its peers' workers, if it is one, goes no further.
    procspawn::init();
    let done = match options::parse(Parser::from_env()) {
        Ok(Command::Help) => {
            println!("{HELP}");
            Ok(())
        }
        Ok(Command::Benchmark(options)) => benchmark(&options),
        Ok(Command::Page) => document::read().and_then(|file| Ok(document::write(&file)?)),
        Ok(Command::Measure { work, rounds, only, numbers }) => child::main(&work, rounds, &only, &numbers),
        Ok(Command::Echo { what, server }) => echo::main(&what, &server),
        Ok(Command::Busy) => busy::main().map_err(Into::into),
        Err(error) => {
            eprintln!("{error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

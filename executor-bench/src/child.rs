//! Each plan is measured in a process of its own: with threads and memory that no other has used before.

use std::env;
use std::error::Error;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::plans::Plan;
use crate::rounds;
use crate::stats::Samples;
use crate::works::{Burst, Idle, Memory, PingPong, Sleeps, Submits};

/// What makes this program such a process; not for the command line of anybody else.
pub(crate) const COMMAND: &str = "measure";

/// Separates values in a line between the two processes: no name has one.
const SEPARATOR: char = '\t';

/// Has a plan measured.
pub(crate) fn measure(plan: &Plan) -> Result<Vec<(String, Samples)>, Box<dyn Error>> {
    if !plan.apart {
        return spawn(plan, &plan.only);
    }
    let mut samples = Vec::new();
    for name in &plan.only {
        samples.extend(spawn(plan, std::slice::from_ref(name))?);
    }
    Ok(samples)
}

fn spawn(plan: &Plan, only: &[&'static str]) -> Result<Vec<(String, Samples)>, Box<dyn Error>> {
    let separator = SEPARATOR.to_string();
    let numbers: Vec<_> = plan.numbers.iter().map(u64::to_string).collect();
    let output = Command::new(env::current_exe()?)
        .args([COMMAND, plan.work, &plan.rounds.to_string(), &only.join(&separator), &numbers.join(&separator)])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{}: measuring ended with {}", plan.label, output.status).into());
    }
    String::from_utf8(output.stdout)?.lines().map(parse).collect()
}

fn parse(line: &str) -> Result<(String, Samples), Box<dyn Error>> {
    let (name, values) = line.split_once(SEPARATOR).ok_or("a line without values")?;
    let values: Result<Vec<f64>, _> = values.split(SEPARATOR).map(str::parse).collect();
    Ok((name.to_owned(), Samples(values?)))
}

/// Measures in this process, with what [`measure`] has passed on, and prints a line for each contender.
pub(crate) fn main(work: &str, rounds: usize, only: &str, numbers: &str) -> Result<(), Box<dyn Error>> {
    let only: Vec<_> = only.split(SEPARATOR).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let numbers: Result<Vec<u64>, _> = numbers.split(SEPARATOR).map(str::parse).collect();
    let samples = match (work, &numbers?[..]) {
        ("submits", &[threads, jobs, submitters]) => {
            rounds::run(&Submits { threads: threads.try_into()?, jobs, submitters }, rounds, &only)
        }
        ("ping-pong", &[trips]) => rounds::run(&PingPong { trips }, rounds, &only),
        ("burst", &[threads, bursts]) => rounds::run(&Burst { threads: threads.try_into()?, bursts }, rounds, &only),
        ("idle", &[threads, milliseconds]) => {
            let time = Duration::from_millis(milliseconds);
            rounds::run(&Idle { threads: threads.try_into()?, time }, rounds, &only)
        }
        ("sleeps", &[threads, jobs]) => rounds::run(&Sleeps { threads: threads.try_into()?, jobs }, rounds, &only),
        ("memory", &[jobs]) => rounds::run(&Memory { jobs }, rounds, &only),
        _ => return Err(format!("no work is called {work}, with such numbers").into()),
    };
    for (name, Samples(values)) in samples {
        let values: Vec<_> = values.iter().map(f64::to_string).collect();
        println!("{name}{SEPARATOR}{}", values.join(&SEPARATOR.to_string()));
    }
    Ok(())
}

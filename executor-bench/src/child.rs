//! Each plan is measured in a process of its own: with threads and memory that no other has used before.

use std::env;
use std::error::Error;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::busy::{Beside, Busy};
use crate::nats;
use crate::plans::Plan;
use crate::processes::{self, python};
use crate::rounds::{self, Measured};
use crate::stats::Samples;
use crate::works::{Burst, Idle, Kept, Memory, PingPong, Rest, Sleeps, Submits};

/// The argument that makes this program a measuring process; for internal use only.
pub(crate) const COMMAND: &str = "measure";

/// Separates values in a line between the two processes: no name has one.
const SEPARATOR: char = '\t';

/// Starts a line that gives the reason why there are no values.
const NO_VALUES: char = '!';

/// Has a plan measured.
pub(crate) fn measure(plan: &Plan, beside: Beside) -> Result<Vec<Measured>, Box<dyn Error>> {
    if let Some(reason) = &plan.left_out {
        return Ok(vec![(plan.only.first().copied().unwrap_or_default().to_owned(), Err(reason.clone()))]);
    }
    let _busy = match beside {
        Beside::Nothing => None,
        Beside::Loops => Some(Busy::start()?),
    };
    let rounds = plan.rounds(beside);
    if !plan.apart {
        return spawn(plan, rounds, &plan.only);
    }
    let mut samples = Vec::new();
    for name in &plan.only {
        samples.extend(spawn(plan, rounds, std::slice::from_ref(name))?);
    }
    Ok(samples)
}

fn spawn(plan: &Plan, rounds: usize, only: &[&'static str]) -> Result<Vec<Measured>, Box<dyn Error>> {
    let separator = SEPARATOR.to_string();
    let numbers: Vec<_> = plan.numbers.iter().map(u64::to_string).collect();
    let output = Command::new(env::current_exe()?)
        .args([COMMAND, plan.work, &rounds.to_string(), &only.join(&separator), &numbers.join(&separator)])
        .envs(plan.loky.map(python::loky))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("measuring ended with {}", output.status).into());
    }
    String::from_utf8(output.stdout)?.lines().map(parse).collect()
}

/// Reads a line that [`line()`] has written.
pub(crate) fn parse(line: &str) -> Result<Measured, Box<dyn Error>> {
    let (name, values) = line.split_once(SEPARATOR).ok_or("a line without values")?;
    if let Some(reason) = values.strip_prefix(NO_VALUES) {
        return Ok((name.to_owned(), Err(reason.to_owned())));
    }
    let values: Result<Vec<f64>, _> = values.split(SEPARATOR).map(str::parse).collect();
    Ok((name.to_owned(), Ok(Samples(values?))))
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
        ("rest", &[threads, milliseconds]) => {
            let time = Duration::from_millis(milliseconds);
            rounds::run(&Rest { threads: threads.try_into()?, time }, rounds, &only)
        }
        ("kept", &[threads, jobs]) => rounds::run(&Kept { threads: threads.try_into()?, jobs }, rounds, &only),
        (work, numbers) => match processes::entrants(work, numbers).or_else(|| nats::entrants(work, numbers)) {
            Some(entrants) => rounds::interleave(entrants, rounds, &only),
            None => return Err(format!("no work is called {work}, with such numbers").into()),
        },
    };
    for measured in &samples {
        println!("{}", line(measured));
    }
    Ok(())
}

/// A contender's name, and its measurements or why there are none.
pub(crate) fn line((name, samples): &Measured) -> String {
    match samples {
        Ok(Samples(values)) => {
            let values: Vec<_> = values.iter().map(f64::to_string).collect();
            format!("{name}{SEPARATOR}{}", values.join(&SEPARATOR.to_string()))
        }
        Err(reason) => format!("{name}{SEPARATOR}{NO_VALUES}{}", reason.replace(['\n', SEPARATOR], " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_measured_or_why_nothing_was() {
        for samples in [Ok(vec![1.5, 2.0]), Err("no python3\tis found")] {
            let measured = ("a peer".to_owned(), samples.clone().map(Samples).map_err(str::to_owned));
            let (name, parsed) = parse(&line(&measured)).unwrap();
            assert_eq!(name, "a peer");
            assert_eq!(parsed.map(|samples| samples.0), samples.map_err(|reason| reason.replace('\t', " ")));
        }
        assert!(parse("a peer").is_err() && parse("a peer\tfast").is_err());
    }
}

//! Each system call of a pool fails once, in the parent or in a worker: each job has one outcome, nothing hangs, nothing is left.

use std::env;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use executor::{Blob, JobError, JobOptions, ProcessPool, RemoteError, Sender, call, channel};

use super::orphans::{descriptors, is_alive};
use crate::support::interception::{Counts, Fault, Interception, Side};
use crate::support::{eventually, program};

const FAULT: &str = "EXECUTOR_TEST_FAULT";
/// Set, every error is tried for the first calls of each kind; else one error for each, in turn.
const ALL: &str = "EXECUTOR_TEST_ALL_FAULTS";
const ERRORS: [i32; 6] = [libc::EINTR, libc::EAGAIN, libc::EMFILE, libc::ENOMEM, libc::ENOSPC, libc::EPERM];

fn double(n: u64) -> u64 {
    n * 2
}

fn last(numbers: Vec<u64>) -> Vec<u64> {
    numbers
}

fn copy(blob: Blob) -> Result<Blob, RemoteError> {
    Ok(Blob::copy_of(&blob)?)
}

fn say(to: Sender<u64>) -> Result<(), RemoteError> {
    Ok(to.send(7)?)
}

fn crash() {
    std::process::abort();
}

fn hang() {
    loop {
        thread::park();
    }
}

/// How many jobs did not end as they should: with an error of the system's, not with another result.
#[derive(Default)]
struct Failed(Vec<String>);

impl Failed {
    /// A job that is to succeed.
    fn count<T: PartialEq + std::fmt::Debug>(&mut self, name: &str, outcome: Result<T, JobError>, expected: &T) {
        match outcome {
            Ok(value) => assert_eq!(value, *expected, "{name}"),
            Err(error) => self.0.push(format!("{name}: {error}")),
        }
    }

    /// A job that is to fail.
    fn count_error(&mut self, name: &str, outcome: Result<(), JobError>, is_expected: fn(&JobError) -> bool) {
        let error = outcome.expect_err("it cannot succeed");
        if !is_expected(&error) {
            self.0.push(format!("{name}: {error}"));
        }
    }
}

/// Everything that a pool does for a job, each in a few milliseconds.
fn use_a_pool(failed: &mut Failed) {
    let pool = match ProcessPool::new(2) {
        Ok(pool) => pool,
        Err(error) => return failed.0.push(format!("the pool: {error}")),
    };
    let small: Vec<_> = (0..4).map(|n| pool.submit(call!(double(n)))).collect();
    let numbers: Vec<u64> = (0..20_000).collect();
    let large = pool.submit(call!(last(numbers.clone())));
    let bytes = [7; 10_000];
    match Blob::copy_of(&bytes) {
        Ok(blob) => match pool.submit(call!(copy(blob))).flatten().result() {
            Ok(copy) => assert_eq!(*copy, bytes),
            Err(error) => failed.0.push(format!("blob: {error}")),
        },
        Err(error) => failed.0.push(format!("no blob: {error}")),
    }
    match channel() {
        Ok((to, from)) => {
            let said = pool.submit(call!(say(to))).flatten().result();
            let heard = from.recv();
            assert!(said.is_err() || heard.is_err() || heard.is_ok_and(|number| number == 7));
            failed.count("channel", said, &());
        }
        Err(error) => failed.0.push(format!("no channel: {error}")),
    }
    for (n, job) in (0..).zip(small) {
        failed.count("small", job.result(), &(n * 2));
    }
    failed.count("large", large.result(), &numbers);
    let limited = pool.with(JobOptions::new().timeout(Duration::from_millis(20)));
    failed.count_error("limit", limited.submit(call!(hang())).result(), |error| matches!(error, JobError::TimedOut(_)));
    failed.count_error("crash", pool.submit(call!(crash())).result(), |error| matches!(error, JobError::Crashed(_)));
    let aborted = pool.submit(call!(hang()));
    eventually("the job runs, or could not", || aborted.is_running() || aborted.is_done());
    aborted.abort();
    failed.count_error("abort", aborted.result(), |error| matches!(error, JobError::Cancelled(_)));
    for (n, outcome) in (0..).zip(pool.map(0..100, double)) {
        failed.count("map", outcome, &(n * 2));
    }
    failed.count("the last", pool.submit(call!(double(1))).result(), &2);
    pool.shutdown(true);
}

/// In a process of its own: the pool's life, with the fault.
fn survive(fault: Option<Fault>) {
    let open = descriptors().len();
    let interception = match Interception::begin(fault) {
        Ok(interception) => interception,
        Err(error) => return println!("refused: {error}"),
    };
    let mut failed = Failed::default();
    use_a_pool(&mut failed);
    let (counts, workers) = interception.end();
    println!("failed: {:?}", failed.0);
    println!("counts: {}", serde_json::to_string(&counts.into_iter().collect::<Vec<_>>()).expect("numbers"));
    assert!(failed.0.len() <= 2, "one call that fails costs too many jobs: {:?}", failed.0);
    assert!(!failed.0.iter().any(|name| name.starts_with("the last")), "the pool did not go on: {:?}", failed.0);
    eventually("all workers are gone", || !workers.iter().any(|&pid| is_alive(pid)));
    // ipc-channel does not close the socket whose connect(2) failed, and std keeps /dev/urandom open where getrandom(2) is refused.
    let leaked = usize::from(fault.is_some_and(|fault| [libc::SYS_connect, libc::SYS_getrandom].contains(&fault.call)));
    // That of the filter, and a channel by which handles of ipc-channel leave it: one for the whole process.
    let kept = 1 + 2;
    eventually("all other descriptors are closed", || descriptors().len() <= open + kept + leaked);
}

/// Runs this test in a process of its own, with the fault. Returns its output, or how it failed.
fn with(fault: Option<Fault>) -> Result<String, String> {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.args(["--exact", "processes::failing_calls::one_failing_call_costs_few_jobs", "--nocapture"]);
    command.env(FAULT, serde_json::to_string(&fault).expect("numbers"));
    let output = program::output(&mut command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{fault:?}: {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr)))
}

/// Which faults are tried, of the calls that a pool makes.
fn plan(counts: &Counts) -> Vec<Fault> {
    let most = if env::var_os(ALL).is_some() { 4 } else { 2 };
    let mut plan = Vec::new();
    for (&(side, call), &count) in counts {
        for nth in 1..=count.min(most) {
            let errors = ERRORS.iter().enumerate().filter(|(index, _)| most > 2 || plan.len() % ERRORS.len() == *index);
            let faults: Vec<_> = errors.map(|(_, &error)| Fault { side, call, nth, error }).collect();
            plan.extend(faults.into_iter().filter(|fault| is_possible(*fault)));
        }
    }
    plan
}

/// Some calls cannot fail so: a wait for a child but by a signal, and the reading of a limit. And the crate `ipc-channel` measures a socket
/// at its first send, and panics for good where that fails: room for it is made before, which is all that can be done here.
fn is_possible(fault: Fault) -> bool {
    match (fault.side, fault.call) {
        (_, libc::SYS_wait4) => fault.error == libc::EINTR,
        (Side::Parent, libc::SYS_prlimit64 | libc::SYS_socketpair | libc::SYS_getsockopt) => false,
        _ => true,
    }
}

#[test]
fn one_failing_call_costs_few_jobs() {
    if let Ok(fault) = env::var(FAULT) {
        return survive(serde_json::from_str(&fault).expect("a fault"));
    }
    let output = with(None).expect("without a fault, all is well");
    if let Some(line) = output.lines().find(|line| line.contains("refused: ")) {
        return eprintln!("not tested, the system has no such filters: {line}");
    }
    let counts = output.lines().find_map(|line| line.split_once("counts: ")).expect("it tells them").1;
    let counts: Vec<_> = serde_json::from_str(counts).expect("numbers");
    let plan = plan(&counts.into_iter().collect());
    assert!(plan.len() > 80, "a pool makes more calls than {}", plan.len());
    let next = Mutex::new(plan.into_iter());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let take = || next.lock().unwrap().next();
                while let Some(fault) = take() {
                    if let Err(failure) = with(Some(fault)) {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} faults are not survived:\n{}", failures.len(), failures.join("\n"));
}

//! A process of its own for one job: what it is asked, and how it ends.

use std::collections::HashSet;
use std::time::Duration;

use executor::{Codec, Exit, Job, JobError, Process, ProcessBuilder, RemoteError, Sender, call, channel, current};
use serde::{Deserialize, Serialize};

use super::deaths::kill;
use super::orphans::is_alive;
use super::pid;
use crate::support::rendezvous::{Arrival, Rendezvous, Waiter};
use crate::support::system::exists;
use crate::support::{block_on, eventually, within_patience};

fn arrive(arrival: Arrival, number: u64) -> u64 {
    arrival.arrive(number);
    number
}

fn arrive_and_tell(arrival: Arrival, done: Sender<u64>) {
    arrival.arrive(0);
    done.send(7).expect("somebody listens");
}

fn abort() {
    std::process::abort()
}

fn exit(code: i32) {
    std::process::exit(code)
}

fn panics() {
    panic!("on purpose")
}

/// A process whose job waits at the rendezvous.
fn waiting(builder: &ProcessBuilder, rendezvous: &Rendezvous) -> (Process<u64>, Waiter) {
    let process = builder.spawn(call!(arrive(rendezvous.arrival(), 7))).expect("this program can start processes");
    let waiter = rendezvous.accept();
    assert_eq!(waiter.pid(), process.pid());
    (process, waiter)
}

fn crash<T: std::fmt::Debug>(outcome: Result<T, JobError>) -> executor::Crashed {
    match outcome {
        Err(JobError::Crashed(crash)) => crash,
        other => panic!("not a crash: {other:?}"),
    }
}

#[test]
fn it_is_a_process_of_its_own_that_ends_with_its_job() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let (process, waiter) = waiting(&Process::builder(), &rendezvous);
        let pid = process.pid();
        assert_ne!(pid, self::pid());
        assert!(process.is_alive() && is_alive(pid));
        assert_eq!(process.exit_code(), None);
        drop(waiter);
        assert_eq!(process.wait(), Some(Exit::Code(0)));
        assert_eq!((process.is_alive(), process.exit_code()), (false, Some(Exit::Code(0))));
        assert!(!exists(pid), "it is reaped");
        assert_eq!(process.join().unwrap(), 7);
    });
}

/// The counterpart of Python's subclass of `Process` with `run`.
#[test]
fn a_type_that_is_a_job_runs_in_it() {
    #[derive(Serialize, Deserialize)]
    struct Sum {
        numbers: Vec<u64>,
    }
    impl Job for Sum {
        type Output = Result<u64, RemoteError>;

        fn run(self) -> Self::Output {
            Ok(self.numbers.iter().sum())
        }
    }
    let process = Process::spawn(Sum { numbers: (0..100_000).collect() }).unwrap();
    assert_eq!(process.join().unwrap().unwrap(), 4_999_950_000);
}

#[test]
fn its_exit_tells_how_it_ended() {
    within_patience(|| {
        let ends = |process: Process<()>| (process.wait(), process.join().map_err(|error| format!("{error:#}")));
        let (exit_code, outcome) = ends(Process::spawn(call!(exit(7))).unwrap());
        assert_eq!(exit_code, Some(Exit::Code(7)));
        assert!(outcome.unwrap_err().contains("exited with code 7"));
        let (exit_code, outcome) = ends(Process::spawn(call!(panics())).unwrap());
        assert_eq!(exit_code, Some(Exit::Code(101)));
        assert!(outcome.unwrap_err().contains("on purpose"));
        let (exit_code, outcome) = ends(Process::spawn(call!(abort())).unwrap());
        assert_eq!(exit_code.and_then(Exit::signal), Some("SIGABRT"));
        assert!(outcome.unwrap_err().contains("was killed by SIGABRT"));
    });
}

#[test]
fn a_crash_names_the_job_and_its_place() {
    within_patience(|| {
        let process = Process::builder().name("doomed").spawn(call!(abort())).unwrap();
        let pid = process.pid();
        let crash = crash(process.join());
        assert_eq!((crash.pid(), crash.name()), (pid, Some("doomed")));
        let backtrace = crash.backtrace().expect("it died by a signal of its own").to_string();
        assert!(backtrace.contains("it::processes::spawned::abort"), "{backtrace}");
    });
}

#[test]
fn it_is_terminated_or_killed() {
    within_patience(|| {
        for (end, signal) in [(Process::terminate as fn(&Process<u64>), "SIGTERM"), (Process::kill, "SIGKILL")] {
            let rendezvous = Rendezvous::new();
            let (process, waiter) = waiting(&Process::builder(), &rendezvous);
            end(&process);
            assert_eq!(process.wait().and_then(Exit::signal), Some(signal));
            end(&process); // it is gone: nothing happens
            assert_eq!(crash(process.join()).signal(), Some(signal));
            drop(waiter);
        }
    });
}

/// The kill may come before its job is there, while it is decoded, or after it has begun.
#[test]
fn whenever_it_is_killed_its_job_has_crashed() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        for _ in 0..30 {
            let process = Process::spawn(call!(arrive(rendezvous.arrival(), 1))).unwrap();
            let pid = process.pid();
            process.kill();
            let crash = crash(process.join());
            assert_eq!((crash.pid(), crash.signal()), (pid, Some("SIGKILL")));
        }
    });
}

#[test]
fn a_kill_from_outside_is_told_like_any_other() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let (process, _waiter) = waiting(&Process::builder(), &rendezvous);
        kill(process.pid());
        assert_eq!(crash(process.join()).signal(), Some("SIGKILL"));
    });
}

#[test]
fn a_join_with_a_limit_gives_it_back() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let (process, waiter) = waiting(&Process::builder(), &rendezvous);
        let process = process.join_timeout(Duration::ZERO).unwrap_err();
        let process = process.join_timeout(Duration::from_millis(3)).unwrap_err();
        assert!(process.is_alive());
        drop(waiter);
        assert_eq!(process.join_timeout(Duration::MAX).unwrap().unwrap(), 7);
    });
}

#[test]
fn a_drop_waits_for_its_end() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let (process, waiter) = waiting(&Process::builder(), &rendezvous);
        let pid = process.pid();
        std::thread::scope(|scope| {
            let dropping = scope.spawn(move || drop(process));
            assert!(is_alive(pid) && !dropping.is_finished());
            drop(waiter);
            dropping.join().unwrap();
            assert!(!exists(pid));
        });
    });
}

#[test]
fn a_drop_kills_where_that_was_said() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let (process, waiter) = waiting(&Process::builder().kill_on_drop(true), &rendezvous);
        let pid = process.pid();
        drop(process);
        assert!(!exists(pid), "killed, and reaped");
        waiter.wait_for_its_death();
    });
}

#[test]
fn as_a_future_it_is_left_alone() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        assert_eq!(block_on(async { Process::spawn(call!(u32::pow(2, 5))).unwrap().await }).unwrap(), 32);

        // Dropped, it runs on.
        let (sender, receiver) = channel().unwrap();
        let process =
            Process::builder().kill_on_drop(true).spawn(call!(arrive_and_tell(rendezvous.arrival(), sender))).unwrap();
        let (pid, waiter) = (process.pid(), rendezvous.accept());
        drop(process.into_future());
        drop(waiter);
        assert_eq!(receiver.recv().unwrap(), 7, "nobody has killed it");
        eventually("it has ended, and is reaped", || !exists(pid));

        // Aborted, it is killed.
        let (process, waiter) = waiting(&Process::builder(), &rendezvous);
        let future = process.into_future();
        assert!(future.abort());
        assert!(matches!(future.result(), Err(JobError::Cancelled(_))));
        waiter.wait_for_its_death();
    });
}

#[test]
fn builder_settings_reach_the_process() {
    fn about() -> (Option<String>, Option<String>, String, String, Option<String>) {
        let text = |name: Option<std::sync::Arc<str>>| name.map(|name| name.to_string());
        let directory = std::env::current_dir().expect("it is there").display().to_string();
        let worker = text(current::worker_name()).unwrap_or_default();
        let variable = |name| std::env::var(name).ok();
        (variable("EXECUTOR_TEST_PLACE"), variable("PATH"), directory, worker, text(current::name()))
    }
    let builder = Process::builder().name("here").env("EXECUTOR_TEST_PLACE", "1").env_remove("PATH").current_dir("/");
    let told = builder.codec(Codec::MessagePack).spawn(call!(about())).unwrap().join().unwrap();
    let expected = (Some("1".to_owned()), None, "/".to_owned(), "here".to_owned(), Some("here".to_owned()));
    assert_eq!(told, expected);
}

#[test]
fn without_a_name_it_has_a_number() {
    let processes: Vec<_> = (0..3).map(|_| Process::spawn(call!(pid())).unwrap()).collect();
    let names: HashSet<_> = processes.iter().map(|process| process.name().to_owned()).collect();
    assert_eq!(names.len(), 3);
    assert!(
        names.iter().all(|name| name.strip_prefix("process-").is_some_and(|n| n.parse::<u64>().is_ok())),
        "{names:?}"
    );
    let text = format!("{:?}", processes[0]);
    assert!(text.contains(&format!("pid: {}", processes[0].pid())), "{text}");
}

#[test]
fn its_job_has_a_time_limit() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let process = Process::builder()
            .timeout(Duration::from_millis(20))
            .spawn(call!(arrive(rendezvous.arrival(), 1)))
            .unwrap();
        assert!(matches!(process.join(), Err(JobError::TimedOut(_))));
    });
}

#[test]
fn one_that_cannot_start_says_why() {
    let refused = |builder: ProcessBuilder| builder.spawn(call!(pid())).unwrap_err().to_string();
    assert_eq!(
        refused(Process::builder().name("a\0b")),
        "the process could not be started: `name` is \"a\\0b\", but must be free of NUL characters"
    );
    assert_eq!(
        refused(Process::builder().start_limit(Duration::ZERO)),
        "the process could not be started: `start_limit` is zero, but must be longer"
    );
    assert!(refused(Process::builder().current_dir("/nowhere")).contains("`current_dir`"));
    assert!(refused(Process::builder().env("", "")).contains("`env`"));
    // Where this thread is kept from looking, the hello may be there first.
    let hurried = Process::builder().start_limit(Duration::from_nanos(1));
    let late = (0..100).find_map(|_| hurried.spawn(call!(pid())).err()).expect("one is too late").to_string();
    assert!(
        late.starts_with("the process could not be started: it was killed because it was not ready within 1 ns"),
        "{late}"
    );
}

#[test]
fn a_job_that_cannot_be_encoded_starts_nothing() {
    #[derive(Deserialize)]
    struct Secret;
    impl Serialize for Secret {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("never"))
        }
    }
    let error = Process::spawn(call!(|_: Secret| (), (Secret,))).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("the process could not be started: job `"), "{text}");
    assert!(text.contains("could not encode the job: never"), "{text}");
}

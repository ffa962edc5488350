//! SIGTERM and SIGHUP for workers: from their parent they are an end, from anybody else none.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use executor::{Exit, Process, ProcessPool, ShutdownPolicy, call};

use super::deaths::crash;
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{alone, eventually, within_patience};

static IS_ASKED: AtomicBool = AtomicBool::new(false);

extern "C" fn ask(_: libc::c_int) {
    IS_ASKED.store(true, Ordering::Relaxed);
}

fn wait_at(arrival: Arrival) -> u32 {
    arrival.arrive(0);
    7
}

/// Sends it as another process does, such as a service manager. A target that begins with `-` is a group.
fn send(signal: &str, to: &[String]) {
    let status = Command::new("sh").args(["-c", "kill -s \"$@\"", "sh", signal, "--"]).args(to).status();
    assert!(status.expect("there is a shell").success(), "{signal} to {to:?}");
}

#[test]
fn drain_completes_when_all_are_asked() {
    alone(drain_completes_when_all_are_asked, || {
        // SAFETY: the handler does no more than to store a word.
        unsafe { libc::signal(libc::SIGTERM, ask as extern "C" fn(libc::c_int) as libc::sighandler_t) };
        let (rendezvous, pool) = (Rendezvous::new(), ProcessPool::new(2).unwrap());
        let futures: Vec<_> = (0..4).map(|_| pool.submit(call!(wait_at(rendezvous.arrival())))).collect();
        let waiters = [rendezvous.accept(), rendezvous.accept()];
        let workers = pool.pids();
        let all: Vec<_> = [std::process::id()].iter().chain(&workers).map(ToString::to_string).collect();
        send("TERM", &all);
        eventually("this process hears of it", || IS_ASKED.load(Ordering::Relaxed));
        for worker in &workers {
            send("TERM", &[format!("-{worker}")]);
            send("HUP", &[format!("-{worker}")]);
        }
        let report = thread::scope(|scope| {
            let report = scope.spawn(|| pool.shutdown_with(ShutdownPolicy::drain()));
            drop(waiters);
            drop((rendezvous.accept(), rendezvous.accept()));
            report.join().unwrap()
        });
        assert!(report.is_clean(), "{report:?}");
        assert!(futures.into_iter().all(|future| future.result().unwrap() == 7));
    });
}

#[test]
fn process_ends_by_its_parents_request_only() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let process = Process::spawn(call!(wait_at(rendezvous.arrival()))).unwrap();
        let waiter = rendezvous.accept();
        for signal in ["TERM", "HUP"] {
            send(signal, &[process.pid().to_string()]);
        }
        drop(waiter);
        assert_eq!(process.join().unwrap(), 7);

        let process = Process::spawn(call!(wait_at(rendezvous.arrival()))).unwrap();
        let _waiter = rendezvous.accept();
        process.terminate();
        assert_eq!(process.wait().and_then(Exit::signal), Some("SIGTERM"));
    });
}

/// A child that a job starts, or forks, is ended by SIGTERM as any process is.
fn end_own_children() -> Vec<Option<i32>> {
    use std::os::unix::process::ExitStatusExt;
    let mut sleeper = Command::new("sleep").arg("1000").spawn().expect("a system has `sleep`");
    // SAFETY: the copy does nothing but wait for signals.
    let copy = unsafe { libc::fork() };
    if copy == 0 {
        loop {
            // SAFETY: as above.
            unsafe { libc::pause() };
        }
    }
    let mut status = 0;
    // SAFETY: both are children of this process, and only this code waits for them.
    unsafe {
        libc::kill(i32::try_from(sleeper.id()).expect("a pid"), libc::SIGTERM);
        libc::kill(copy, libc::SIGTERM);
        libc::waitpid(copy, &raw mut status, 0);
    }
    let copy = std::process::ExitStatus::from_raw(status);
    vec![sleeper.wait().expect("it is a child").signal(), copy.signal()]
}

#[test]
fn children_of_jobs_are_not_protected() {
    within_patience(|| {
        let pool = ProcessPool::new(1).unwrap();
        assert_eq!(pool.submit(call!(end_own_children())).result().unwrap(), [Some(libc::SIGTERM); 2]);
    });
}

fn raise(signal: i32) -> i32 {
    // SAFETY: any signal may be raised.
    unsafe { libc::raise(signal) }
}

#[test]
fn job_that_raises_it_ends_by_it() {
    alone(job_that_raises_it_ends_by_it, || {
        // Ignored where the tests are run by `nohup`, and then in workers, too.
        // SAFETY: nothing else in this process handles it.
        unsafe { libc::signal(libc::SIGHUP, libc::SIG_DFL) };
        let pool = ProcessPool::new(1).unwrap();
        for (signal, name) in [(libc::SIGTERM, "SIGTERM"), (libc::SIGHUP, "SIGHUP")] {
            assert_eq!(crash(pool.submit(call!(raise(signal)))).signal(), Some(name));
        }
    });
}

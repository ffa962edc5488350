//! Nothing is left of a process for one job, however it, its owner or its parent ends.

use std::fs;
use std::process::{Child, Stdio};
use std::thread;

use executor::{Blob, Exit, Process, ProcessPool, Receiver, RecvError, RemoteError, Sender, call, channel, join_all};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::deaths::kill;
use super::orphans::{arrive, arrive_with_a_child};
use super::orphans::{children, descriptors, is_alive};
use super::pid;
use super::surroundings::give_up_rights;
use crate::support::program::{given, in_role};
use crate::support::rendezvous::{Arrival, Rendezvous, Waiter};
use crate::support::system::tasks_of;
use crate::support::{alone, eventually, within_patience};

/// Has a process of its own, and waits for it.
fn arrive_in_a_process(arrival: Arrival) {
    Process::spawn(call!(arrive_with_a_child(arrival)))
        .expect("a process may have processes")
        .join()
        .expect("it is let go");
}

fn abort() {
    std::process::abort()
}

/// One for each way to end.
fn spawn_and_end(way: u32) {
    let rendezvous = Rendezvous::new();
    let spawn = || {
        let process = Process::spawn(call!(arrive(rendezvous.arrival(), 0))).unwrap();
        (process, rendezvous.accept())
    };
    match way % 7 {
        0 => assert_eq!(Process::spawn(call!(u32::pow(2, 5))).unwrap().join().unwrap(), 32),
        1 => {
            let (process, waiter) = spawn();
            process.terminate();
            assert!(process.join().is_err());
            drop(waiter);
        }
        2 => drop(Process::spawn(call!(u32::pow(2, 5)))),
        3 => {
            let (process, waiter) = spawn();
            kill(process.pid());
            drop(process);
            drop(waiter);
        }
        4 => drop(Process::builder().kill_on_drop(true).spawn(call!(arrive(rendezvous.arrival(), 0)))),
        5 => assert!(Process::spawn(call!(abort())).unwrap().join().is_err()),
        _ => assert_eq!(Process::spawn(call!(u32::pow(2, 5))).unwrap().into_future().result().unwrap(), 32),
    }
}

#[test]
fn hundreds_leave_nothing_behind() {
    alone(hundreds_leave_nothing_behind, || {
        spawn_and_end(0);
        eventually("the first is gone", || children().is_empty());
        let (threads, open) = (tasks_of(pid()).len(), descriptors().len());
        for _ in 0..2 {
            // Many at once, each from a thread of its own.
            thread::scope(|scope| {
                for first in 0..14 {
                    scope.spawn(move || (first..first + 10).for_each(spawn_and_end));
                }
            });
            // One that was left alone is gone a moment after its future is ready.
            eventually("no process is left, no zombie either", || children().is_empty());
            eventually("no descriptor is left", || descriptors().len() == open);
            eventually("no thread is left", || tasks_of(pid()).len() == threads);
        }
    });
}

#[test]
fn a_hundred_live_side_by_side() {
    alone(a_hundred_live_side_by_side, || {
        let rendezvous = Rendezvous::new();
        let processes: Vec<_> =
            (0..100).map(|n| Process::spawn(call!(arrive(rendezvous.arrival(), n))).unwrap()).collect();
        let waiters = rendezvous.accept_all(100);
        assert_eq!(children().len(), 100);
        assert!(processes.iter().all(Process::is_alive));
        drop(waiters);
        assert!(join_all(processes.into_iter().map(IntoFuture::into_future)).iter().all(Result::is_ok));
        eventually("all are gone", || children().is_empty());
    });
}

const RENDEZVOUS: &str = "EXECUTOR_TEST_SPAWNED_RENDEZVOUS";

/// A role of this program: the test below kills it.
pub(crate) fn parent() {
    let arrival: Arrival = given(RENDEZVOUS);
    let left_alone = Process::spawn(call!(arrive(arrival.clone(), 0))).unwrap().into_future();
    let with_a_child = Process::spawn(call!(arrive_with_a_child(arrival.clone()))).unwrap();
    let inside = Process::spawn(call!(arrive_in_a_process(arrival))).unwrap();
    left_alone.wait();
    drop((with_a_child, inside));
}

fn family(rendezvous: &Rendezvous) -> (Child, Vec<Waiter>) {
    let child = in_role(parent)
        .env(RENDEZVOUS, serde_json::to_string(&rendezvous.arrival()).expect("a path of text"))
        .stdout(Stdio::null())
        .spawn()
        .expect("this program can be run again");
    (child, rendezvous.accept_all(3))
}

#[test]
fn a_parent_that_is_killed_takes_them_with_it() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let (mut parent, waiters) = family(&rendezvous);
        let grandchildren =
            waiters.iter().filter_map(|waiter| u32::try_from(waiter.number()).ok()).filter(|&pid| pid != 0);
        let members: Vec<u32> = waiters.iter().map(Waiter::pid).chain(grandchildren).collect();
        assert_eq!(members.len(), 5);
        assert!(members.iter().all(|&pid| is_alive(pid)));
        parent.kill().expect("it runs");
        parent.wait().expect("it was killed");
        eventually("the whole family is gone", || !members.iter().any(|&pid| is_alive(pid)));
        drop(waiters);
    });
}

/// The kernel's signal of a parent's death comes with the end of the *thread* that started a process.
#[test]
fn the_end_of_the_thread_that_spawned_it_does_it_no_harm() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let arrival = rendezvous.arrival();
        let process = thread::spawn(move || Process::spawn(call!(arrive(arrival, 1))).unwrap()).join().unwrap();
        drop(rendezvous.accept());
        process.join().unwrap();
    });
}

#[test]
fn its_children_end_with_it() {
    within_patience(|| {
        for end in [Process::kill as fn(&Process<()>), Process::terminate] {
            let rendezvous = Rendezvous::new();
            let process = Process::spawn(call!(arrive_with_a_child(rendezvous.arrival()))).unwrap();
            let waiter = rendezvous.accept();
            let child = u32::try_from(waiter.number()).expect("a pid");
            end(&process);
            assert!(process.join().is_err());
            eventually("the child is gone", || !is_alive(child));
        }
    });
}

#[test]
fn it_can_be_spawned_in_a_job_of_a_pool() {
    fn spawn(n: u32) -> Result<u32, RemoteError> {
        Ok(Process::spawn(call!(u32::pow(2, n)))?.join()?)
    }
    within_patience(|| {
        let pool = ProcessPool::new(2).unwrap();
        let powers: Vec<_> = pool.map(vec![1, 2, 3, 4], spawn).map(|power| power.unwrap().unwrap()).collect();
        assert_eq!(powers, [2, 4, 8, 16]);
    });
}

/// SIGTERM is a request.
#[test]
fn one_that_is_deaf_to_sigterm_lives_until_it_is_killed() {
    fn be_deaf(arrival: Arrival) -> u32 {
        // SAFETY: to ignore a signal needs no handler.
        unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
        arrival.arrive(0);
        7
    }
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let process = Process::spawn(call!(be_deaf(rendezvous.arrival()))).unwrap();
        let waiter = rendezvous.accept();
        process.terminate();
        assert!(process.is_alive());
        drop(waiter);
        assert_eq!(process.join().unwrap(), 7, "its job goes on");

        let process = Process::spawn(call!(be_deaf(rendezvous.arrival()))).unwrap();
        let _waiter = rendezvous.accept();
        process.terminate();
        process.kill();
        assert_eq!(process.wait().and_then(Exit::signal), Some("SIGKILL"));
    });
}

#[test]
fn its_channel_ends_close_with_it() {
    fn hold(sender: Sender<u32>, receiver: Receiver<u32>) {
        sender.send(receiver.recv().expect("one is sent")).expect("somebody listens");
        std::process::abort();
    }
    within_patience(|| {
        let (to, theirs) = channel().unwrap();
        let (answers, from) = channel().unwrap();
        let process = Process::spawn(call!(hold(answers, theirs))).unwrap();
        to.send(5).unwrap();
        assert_eq!(from.recv().unwrap(), 5);
        assert!(matches!(from.recv(), Err(RecvError::Disconnected)));
        assert!(process.join().is_err());
        // Not at once: a process that is just being started has a copy until it runs its program.
        eventually("nobody can receive", || to.send(6).is_err_and(|error| error.is_disconnected()));
    });
}

/// Lowers a limit while `during` runs.
fn with_at_most<T>(resource: Resource, most: u64, during: impl FnOnce() -> T) -> T {
    let before = getrlimit(resource);
    setrlimit(resource, Rlimit { current: Some(most), maximum: before.maximum }).expect("it may be lowered");
    let result = during();
    setrlimit(resource, before).expect("it may be raised again");
    result
}

#[test]
fn without_descriptors_a_spawn_fails_and_leaves_nothing() {
    alone(without_descriptors_a_spawn_fails_and_leaves_nothing, || {
        Process::spawn(call!(pid())).unwrap().join().unwrap();
        let (threads, open) = (tasks_of(pid()).len(), descriptors().len());
        let (mut failures, mut successes) = (0, 0);
        // One more each time, so that each step of a start is the first to fail once.
        for more in 0..40 {
            let most = u64::try_from(open).expect("few") + more;
            match with_at_most(Resource::Nofile, most, || Process::spawn(call!(pid())).map(Process::join)) {
                Ok(outcome) => successes += u32::from(outcome.is_ok()),
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.starts_with("the process could not be started: "), "{more} more: {text}");
                    // Where it cannot even say so to this process.
                    let is_clear =
                        text.contains("raise `ulimit -n`") || text.contains("its message on stderr says why");
                    assert!(is_clear, "{more} more: {text}");
                    failures += 1;
                }
            }
            assert_eq!(descriptors().len(), open, "{more} more: {:?}", descriptors());
            assert_eq!(children(), Vec::<String>::new());
        }
        assert!(failures > 5 && successes > 5, "{failures} failures and {successes} successes");
        eventually("no thread is left", || tasks_of(pid()).len() == threads);
    });
}

/// It has no other process to run in.
#[test]
fn without_room_for_what_it_is_given_its_job_fails() {
    fn count(blobs: Vec<Blob>) -> usize {
        blobs.len()
    }
    alone(without_room_for_what_it_is_given_its_job_fails, || {
        Process::spawn(call!(pid())).unwrap().join().unwrap();
        let most = u64::try_from(descriptors().len()).expect("few") + 40;
        // Above the limit, so that there is room here, and none there.
        let room: Vec<_> = (0..40).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        let blobs: Vec<_> = (0..60_u8).map(|n| Blob::from(&[n])).collect();
        drop(room);
        let process = with_at_most(Resource::Nofile, most, || Process::spawn(call!(count(blobs.clone()))));
        let process = process.expect("there is room for the process itself");
        assert_eq!(process.wait(), Some(Exit::Code(101)));
        let text = process.join().unwrap_err().to_string();
        assert!(text.contains("no file descriptor left for its handles"), "{text}");
        assert_eq!(Process::spawn(call!(count(blobs))).unwrap().join().unwrap(), 60);
    });
}

#[test]
fn without_a_thread_to_own_it_a_spawn_fails() {
    alone(without_a_thread_to_own_it_a_spawn_fails, || {
        // The limit is for each user, and not for root.
        give_up_rights();
        let error = with_at_most(Resource::Nproc, 0, || Process::spawn(call!(pid())).map(drop)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("no worker thread could be started"), "{text}");
        assert_eq!(children(), Vec::<String>::new());
    });
}

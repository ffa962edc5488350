//! Nothing outlives its pool, nor its process, however that ends.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use executor::{ProcessPool, call};

use super::deaths::kill;
use super::{pid, pool};
use crate::support::program::{given, in_role};
use crate::support::rendezvous::{Arrival, Rendezvous, Waiter};
use crate::support::system::{exists, tasks_of};
use crate::support::{alone, eventually, within_patience};

pub(super) fn arrive(arrival: Arrival, number: u64) {
    arrival.arrive(number);
}

/// Has a child of its own, of which the test learns, and waits.
#[expect(clippy::zombie_processes, reason = "its end is what is tested")]
pub(super) fn arrive_with_a_child(arrival: Arrival) {
    let child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().expect("a system has `sleep`");
    arrival.arrive(child.id().into());
}

/// Has a pool of its own, and waits for a job there.
fn arrive_in_a_pool(arrival: Arrival) {
    pool(1).submit(call!(arrive_with_a_child(arrival))).wait();
}

/// Does not hear of the parent's death by a signal any more, as where it has replaced the handler.
fn arrive_deaf(arrival: Arrival) {
    rustix::process::set_parent_process_death_signal(None).expect("it may");
    arrive_with_a_child(arrival);
}

const RENDEZVOUS: &str = "EXECUTOR_TEST_RENDEZVOUS";

/// A role of this program: the tests below kill it.
pub(crate) fn parent() {
    let arrival: Arrival = given(RENDEZVOUS);
    let pool = pool(4);
    drop(pool.submit(call!(arrive(arrival.clone(), 0))));
    drop(pool.submit(call!(arrive_deaf(arrival.clone()))));
    drop(pool.submit(call!(arrive_with_a_child(arrival.clone()))));
    pool.submit(call!(arrive_in_a_pool(arrival))).wait();
}

/// A program with a pool in a pool, and the four jobs that wait in it.
fn family(rendezvous: &Rendezvous) -> (Child, Vec<Waiter>) {
    let child = in_role(parent)
        .env(RENDEZVOUS, serde_json::to_string(&rendezvous.arrival()).expect("a path of text"))
        .stdout(Stdio::null())
        .spawn()
        .expect("this program can be run again");
    (child, rendezvous.accept_all(4))
}

/// The processes of the waiters, their children, and their parents.
fn members(waiters: &[Waiter]) -> Vec<u32> {
    let children = waiters.iter().filter_map(|waiter| u32::try_from(waiter.number()).ok()).filter(|&pid| pid != 0);
    waiters.iter().map(Waiter::pid).chain(children).collect()
}

pub(super) fn is_alive(pid: u32) -> bool {
    // In a container without a reaper, an orphan stays a zombie when it is dead.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

#[test]
fn a_family_ends_with_a_parent_that_is_killed() {
    within_patience(|| {
        let rendezvous = Rendezvous::new();
        let (mut parent, waiters) = family(&rendezvous);
        let members = members(&waiters);
        assert_eq!(members.len(), 7);
        assert!(members.iter().all(|&pid| is_alive(pid)));
        parent.kill().expect("it runs");
        parent.wait().expect("it was killed");
        eventually("the whole family is gone", || !members.iter().any(|&pid| is_alive(pid)));
        // Only now are they let go.
        drop(waiters);
    });
}

#[test]
fn the_end_of_the_thread_that_submitted_ends_no_worker() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(1), Rendezvous::new());
        let arrival = rendezvous.arrival();
        let future =
            thread::scope(|scope| scope.spawn(|| pool.submit(call!(arrive(arrival, 1)))).join().expect("it submits"));
        drop(rendezvous.accept());
        future.result().unwrap();
    });
}

/// The processes that a worker started end with the worker.
#[test]
fn a_worker_takes_its_children_with_it() {
    within_patience(|| {
        let (pool, rendezvous) = (pool(1), Rendezvous::new());
        let future = pool.submit(call!(arrive_with_a_child(rendezvous.arrival())));
        let waiter = rendezvous.accept();
        let child = u32::try_from(waiter.number()).expect("a pid");
        kill(waiter.pid());
        assert!(future.result().is_err());
        eventually("the child is gone", || !is_alive(child));
    });
}

pub(super) fn descriptors() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").expect("a process has descriptors");
    entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).collect()
}

pub(super) fn children() -> Vec<String> {
    children_of(pid())
}

pub(super) fn children_of(parent: u32) -> Vec<String> {
    tasks_of(parent)
        .iter()
        .filter_map(|task| task.read("children"))
        .flat_map(|text| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn nothing_is_left_after_a_shutdown() {
    alone(nothing_is_left_after_a_shutdown, || {
        // The first pool leaves what a process needs once, such as the descriptor of a random source.
        drop(pool(1).submit(call!(pid())).result());
        let (threads, open) = (tasks_of(pid()).len(), descriptors().len());
        for round in 0..3 {
            let pool = ProcessPool::new(3).expect("this program can start workers");
            let rendezvous = Rendezvous::new();
            let futures: Vec<_> = (0..3).map(|n| pool.submit(call!(arrive(rendezvous.arrival(), n)))).collect();
            let waiters = rendezvous.accept_all(3);
            let pids = pool.pids();
            assert_eq!((pids.len(), children().len()), (3, 3));
            assert!(descriptors().len() > open);
            if round == 1 {
                for &pid in &pids {
                    kill(pid);
                }
            }
            drop(waiters);
            futures.iter().for_each(executor::Future::wait);
            drop(rendezvous);
            if round == 2 {
                drop(pool);
            } else {
                pool.shutdown(true);
            }
            assert_eq!(children(), Vec::<String>::new(), "no zombie either");
            assert!(!pids.iter().any(|&pid| exists(pid)));
            assert_eq!(descriptors().len(), open, "{:?}", descriptors());
            // The kernel may list a thread that was joined for a moment longer.
            eventually("its threads are gone", || tasks_of(pid()).len() == threads);
        }
    });
}

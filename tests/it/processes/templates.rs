//! Workers that are forked from a template: what they have of it, and what they have not.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use executor::extend::dump::WorkerState;
use executor::{Backtrace, Exit, OutputLine, ProcessPool, ProcessPoolBuilder, call, current};

use super::deaths::{crash, kill};
use super::{pid, worker_of};
use crate::support::program::output;
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{Directory, eventually, within_patience};

/// A table that leaves a mark in a file when it is made, and another when it is dropped.
pub(super) struct Table {
    numbers: Vec<u64>,
    marks: PathBuf,
    changed: Cell<u64>,
}

impl Drop for Table {
    fn drop(&mut self) {
        mark(&self.marks, "dropped ");
    }
}

fn mark(path: &PathBuf, text: &str) {
    let file = fs::OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).expect("a file in a fresh directory");
}

pub(super) fn load(marks: PathBuf, len: u64) -> Table {
    mark(&marks, "loaded ");
    Table { numbers: (0..len).collect(), marks, changed: Cell::new(0) }
}

fn table() -> std::rc::Rc<Table> {
    current::state::<Table>().expect("the template made it")
}

fn sum() -> u64 {
    table().numbers.iter().sum()
}

/// How often this worker was asked.
fn change() -> u64 {
    let table = table();
    table.changed.set(table.changed.get() + 1);
    table.changed.get()
}

pub(super) fn marks(directory: &Directory) -> PathBuf {
    directory.path().join("marks")
}

/// A pool whose template has a table of `len` numbers.
fn with_table(directory: &Directory, len: u64) -> ProcessPoolBuilder {
    ProcessPool::builder().processes(1).template(call!(load(marks(directory), len)))
}

fn abort() {
    std::process::abort();
}

fn is_in(trace: &Backtrace, function: &str) -> bool {
    trace.frames().iter().any(|frame| frame.function().contains(function))
}

#[test]
fn workers_have_the_state_of_their_template() {
    within_patience(|| {
        let directory = Directory::new();
        let pool = with_table(&directory, 100).processes(3).build().unwrap();
        let rendezvous = Rendezvous::new();
        let arrive = |arrival: Arrival| {
            arrival.arrive(0);
            sum()
        };
        let sums: Vec<_> = (0..3).map(|_| pool.submit(call!(arrive, (rendezvous.arrival(),)))).collect();
        drop(rendezvous.accept_all(3));
        assert!(sums.into_iter().all(|sum| sum.result().unwrap() == 4950));
        assert_eq!(pool.pids().len(), 3);
        assert_eq!([(); 3].map(|()| pool.submit(call!(change()))).map(|n| n.result().unwrap() <= 3), [true; 3]);
        pool.shutdown(true);
        assert_eq!(fs::read_to_string(marks(&directory)).unwrap(), "loaded dropped ", "by the template alone");
    });
}

#[test]
fn crashed_workers_are_replaced_by_forks() {
    within_patience(|| {
        let directory = Directory::new();
        let pool = with_table(&directory, 100).build().unwrap();
        let first = worker_of(&pool);
        assert_eq!(pool.submit(call!(change())).result().unwrap(), 1);
        // Its `raise` ends the worker, not the template, whose numbers the C library might have kept.
        let report = crash(pool.submit(call!(abort())));
        assert_eq!((report.exit(), report.pid()), (Exit::Signal(6), first));
        assert!(report.backtrace().is_some_and(|trace| is_in(trace, "templates::abort")), "{report:#}");
        assert_eq!(pool.submit(call!(change())).result().unwrap(), 1, "as the template has it");
        kill(worker_of(&pool));
        assert_eq!(pool.submit(call!(change())).result().unwrap(), 1);
        assert_eq!(fs::read_to_string(marks(&directory)).unwrap(), "loaded ");
    });
}

#[test]
fn recycled_workers_are_replaced_by_forks() {
    within_patience(|| {
        let directory = Directory::new();
        let pool = with_table(&directory, 100).processes(2).max_jobs_per_process(1).build().unwrap();
        let pids: BTreeSet<_> = pool.map(0..20, |_: u32| pid()).chunk_size(1).map(Result::unwrap).collect();
        assert_eq!(pids.len(), 20);
        assert_eq!(fs::read_to_string(marks(&directory)).unwrap(), "loaded ");
    });
}

/// The bytes of a process's memory that no other has, and those that are in RAM.
fn memory(pid: u32) -> (u64, u64) {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("it is a child");
    let field = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)).expect("it is told");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("in kilobytes") * 1024
    };
    (field("Private_Clean:") + field("Private_Dirty:"), field("Rss:"))
}

#[test]
fn workers_share_the_memory_of_their_template() {
    within_patience(|| {
        const BYTES: u64 = 64 << 20;
        let directory = Directory::new();
        let pool = with_table(&directory, BYTES / 8).processes(2).build().unwrap();
        for sum in pool.broadcast(call(sum, ())) {
            sum.result().unwrap();
        }
        for pid in pool.pids() {
            let (private, resident) = memory(pid);
            assert!(resident > BYTES && private < BYTES / 4, "{private} of {resident} bytes are not shared");
        }
    });
}

/// The memory of a template is no leak of a job.
#[test]
fn shared_memory_does_not_count_for_recycling() {
    within_patience(|| {
        let directory = Directory::new();
        let pool = with_table(&directory, 8 << 20).recycle_above(48 << 20).build().unwrap();
        let first = worker_of(&pool);
        assert_eq!((pool.submit(call!(change())).result().unwrap(), worker_of(&pool)), (1, first));
        let leak = || std::mem::forget(std::hint::black_box(vec![1_u8; 64 << 20]));
        pool.submit(call!(leak, ())).result().unwrap();
        assert_ne!(worker_of(&pool), first);
    });
}

#[test]
fn initializer_runs_in_each_fork_beside_the_template() {
    within_patience(|| {
        let directory = Directory::new();
        let pool = with_table(&directory, 100).initializer(call!(pid())).build().unwrap();
        let both = || (current::state::<u32>().map(|pid| *pid), sum());
        for _ in 0..2 {
            let worker = worker_of(&pool);
            assert_eq!(pool.submit(call!(both, ())).result().unwrap(), (Some(worker), 4950));
            kill(worker);
        }
        let saves = with_table(&directory, 1).initializer(call!(pid())).keep_failed(directory.path());
        assert_eq!(
            saves.build().unwrap_err().to_string(),
            "cannot build the pool: `keep_failed` is with a `template` and an `initializer`, but must be without one of the \
             two: a saved job has room for one"
        );
    });
}

#[test]
fn workers_are_forked_while_others_run_jobs() {
    within_patience(|| {
        let directory = Directory::new();
        let (pool, rendezvous) = (with_table(&directory, 100).processes(4).build().unwrap(), Rendezvous::new());
        let arrive = |arrival: Arrival| arrival.arrive(0);
        let mut busy = Vec::new();
        for n in 1..=4 {
            let future = pool.submit(call!(arrive, (rendezvous.arrival(),)));
            busy.push((rendezvous.accept(), future));
            assert_eq!(busy.iter().map(|(waiter, _)| waiter.pid()).collect::<BTreeSet<_>>().len(), n);
        }
        for (waiter, future) in busy {
            drop(waiter);
            future.result().unwrap();
        }
    });
}

#[test]
fn template_is_in_reports_and_not_among_the_workers() {
    within_patience(|| {
        let directory = Directory::new();
        let pool = with_table(&directory, 100).name("census").build().unwrap();
        assert!(pool.pids().is_empty() && pool.stats().workers == 0);
        let template = |pool: &ProcessPool| {
            let dump = pool.dump();
            let found = dump.workers.iter().find(|worker| &*worker.name == "census-template");
            found.and_then(|worker| Some((worker.process.as_ref()?.pid, worker.state)))
        };
        let (found, state) = template(&pool).expect("it is there");
        assert_eq!(state, WorkerState::Idle);
        assert_ne!(worker_of(&pool), found);
        assert_eq!(template(&pool), Some((found, WorkerState::Idle)));
        let name = fs::read_to_string(format!("/proc/{}/comm", pool.pids()[0])).unwrap();
        assert!(name.trim_end().ends_with(":census-0") || name.trim_end().ends_with(":cens-0"), "{name}");
    });
}

fn say() {
    println!("a job");
}

fn stay_here() {
    loop {
        thread::park();
    }
}

/// A worker is asked by a signal, and answers on its own page.
#[test]
fn reports_tell_where_forked_workers_are() {
    within_patience(|| {
        let directory = Directory::new();
        let pool = with_table(&directory, 1).build().unwrap();
        let staying = pool.submit(call!(stay_here()));
        eventually("it says where it is", || {
            let dump = pool.dump();
            let mut stacks = dump.workers.iter().filter_map(|worker| worker.process.as_ref()?.stack.as_ref());
            stacks.any(|stack| is_in(stack, "templates::stay_here"))
        });
        staying.abort();
    });
}

/// Half a line, which stays in a buffer.
fn say_half() {
    print!("half a line of the template");
    let _ = thread::spawn(|| eprintln!("and a whole one")).join();
}

#[test]
fn no_output_of_the_template_comes_twice() {
    within_patience(|| {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let keep = move |line: &OutputLine| kept.lock().unwrap().push(line.text().into_owned());
        let builder = ProcessPool::builder().processes(2).template(call!(say_half())).capture_output(keep);
        let pool = builder.build().unwrap();
        for said in pool.broadcast(call(say, ())) {
            said.result().unwrap();
        }
        pool.shutdown(true);
        let mut lines = lines.lock().unwrap().clone();
        lines.sort_unstable();
        assert_eq!(lines, ["a job", "a job", "and a whole one", "half a line of the template"]);
    });
}

/// A job that forks, and returns in both processes.
fn fork_and_return() -> u32 {
    // SAFETY: the new process has one thread, as this one.
    unsafe { libc::fork() };
    pid()
}

/// Output that is not captured goes to the stdout of this program.
#[test]
fn buffers_of_a_template_are_written_once() {
    const ROLE: &str = "EXECUTOR_TEST_BUFFERS";
    if std::env::var_os(ROLE).is_some() {
        let pool = ProcessPool::builder().processes(2).template(call!(say_half())).build().unwrap();
        return pool.broadcast(call(pid, ())).into_iter().for_each(|pid| _ = pid.result().unwrap());
    }
    let (_, name) = std::any::type_name_of_val(&buffers_of_a_template_are_written_once).split_once("::").unwrap();
    let mut program = Command::new(std::env::current_exe().unwrap());
    let output = output(program.args(["--exact", name, "--nocapture"]).env(ROLE, "1"));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.matches("half a line of the template").count() == 1, "{output:?}");
}

#[test]
fn copies_that_a_job_makes_answer_nothing() {
    within_patience(|| {
        let directory = Directory::new();
        let pool = with_table(&directory, 100).build().unwrap();
        let worker = worker_of(&pool);
        for _ in 0..20 {
            assert_eq!(pool.submit(call!(fork_and_return())).result().unwrap(), worker);
        }
    });
}

/// A pool in a worker, and a pool in the template that is gone before its workers are forked.
fn use_a_pool() -> u32 {
    let pool = ProcessPool::new(1).unwrap();
    pool.submit(call!(pid())).result().unwrap()
}

#[test]
fn templates_and_their_workers_may_use_pools() {
    within_patience(|| {
        let pool = ProcessPool::builder().processes(1).template(call!(use_a_pool())).build().unwrap();
        let inner = pool.submit(call!(use_a_pool())).result().unwrap();
        assert_ne!(inner, worker_of(&pool));
    });
}

/// The kernel tells processes of the end of the thread that started them, or that started the one that they were forked from.
#[test]
fn end_of_the_thread_that_built_the_pool_ends_no_worker() {
    within_patience(|| {
        let directory = Directory::new();
        let build = || with_table(&directory, 100).build().unwrap();
        let pool = thread::scope(|scope| scope.spawn(build).join().unwrap());
        let rendezvous = Rendezvous::new();
        let arrive = |arrival: Arrival| arrival.arrive(0);
        let future = pool.submit(call!(arrive, (rendezvous.arrival(),)));
        let waiter = rendezvous.accept();
        eventually("its process is listed", || pool.pids() == [waiter.pid()]);
        drop(waiter);
        future.result().unwrap();
        assert_eq!(fs::read_to_string(marks(&directory)).unwrap(), "loaded ");
    });
}

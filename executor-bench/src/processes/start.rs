//! From nothing to the first result of a worker.

use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use executor_core::call;
use executor_process::ProcessPool;

use super::echo::Channel;
use super::jobs::successor;
use super::{CHANNEL, Contender, Ours, Pipe, Procspawn, python};
use crate::rounds::Entrant;
use crate::stats::median;

/// The name in the tables.
pub(crate) const SPAWNED: &str = "procspawn::spawn";

/// Makes a pool of one process, or what is like it, and has it answer. In microseconds to the answer: the median of some times.
/// Ending it again is not counted, except where a peer does that before it gives the answer.
fn measure<T>(repeats: usize, first: impl Fn() -> (T, u64)) -> f64 {
    measure_prepared(repeats, || (), |()| first())
}

/// The same with something that is there before.
fn measure_prepared<P, T>(repeats: usize, prepare: impl Fn() -> P, first: impl Fn(P) -> (T, u64)) -> f64 {
    let once = |_| {
        let prepared = prepare();
        let started = Instant::now();
        let (pool, answer) = first(prepared);
        let elapsed = started.elapsed();
        drop(pool);
        assert_eq!(answer, 2, "the answer is wrong");
        elapsed.as_secs_f64() * 1e6
    };
    median(&(0..repeats).map(once).collect::<Vec<_>>())
}

fn pool<C: Contender>() -> (C, u64) {
    let pool = C::new(1);
    let answer = C::result(pool.submit(1));
    (pool, answer)
}

fn pipe() -> (Pipe, u64) {
    let mut pipe = Pipe::of_numbers();
    let answer = pipe.successor(1);
    (pipe, answer)
}

fn channel() -> (Channel<u64>, u64) {
    let channel = Channel::of_numbers();
    let answer = channel.ask(1);
    (channel, answer)
}

fn spawned() -> ((), u64) {
    ((), procspawn::spawn(1, successor).join().expect("no job of a benchmark fails"))
}

fn with_template() -> Ours {
    let builder = ProcessPool::builder().processes(1).template(call!(successor(0)));
    Ours(builder.build().expect("this program can start workers"))
}

/// Workers that are forked from a template, which is there, and the peer that starts one.
pub(super) fn from_template(repeats: usize) -> Vec<Entrant<'static>> {
    let first = |pool: Ours| {
        let answer = Ours::result(pool.submit(1));
        (pool, answer)
    };
    vec![
        Entrant::new(Ours::NAME, move || measure_prepared(repeats, with_template, first)),
        Entrant::new(SPAWNED, move || measure(repeats, spawned)),
    ]
}

/// The contenders, with `mebibytes` of used memory in this process. If this is not zero, Python's pools are left out, since
/// that memory is not in their processes.
pub(super) fn entrants(repeats: usize, mebibytes: usize) -> Vec<Entrant<'static>> {
    // Not zero: the system would give one page of zeros for all.
    let memory = Rc::new(vec![1_u8; mebibytes << 20]);
    let entrant = |name, first: fn(usize) -> f64| {
        let memory = Rc::clone(&memory);
        Entrant::new(name, move || {
            black_box(memory.as_ptr());
            first(repeats)
        })
    };
    let mut list = vec![
        entrant(Ours::NAME, |repeats| measure(repeats, pool::<Ours>)),
        entrant(Pipe::NAME, |repeats| measure(repeats, pipe)),
        entrant(CHANNEL, |repeats| measure(repeats, channel)),
        entrant(SPAWNED, |repeats| measure(repeats, spawned)),
        entrant(Procspawn::NAME, |repeats| measure(repeats, pool::<Procspawn>)),
    ];
    if mebibytes == 0 {
        list.extend(python::entrants(&format!("start {}", (repeats / 4).max(1))));
    }
    list
}

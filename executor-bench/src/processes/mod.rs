//! The measurements of process pools: each work with its contenders.

mod descriptors;
pub(crate) mod echo;
mod handles;
mod jobs;
mod manager;
mod many;
mod map;
mod payload;
mod ping_pong;
mod pools;
pub(crate) mod python;
mod start;
mod table;
mod timeout;

use std::cell::RefCell;

pub(crate) use self::echo::{CHANNEL, Pipe};
#[cfg(feature = "nats")]
pub(crate) use self::jobs::successor;
pub(crate) use self::manager::{PYTHON, SOCKET};
pub(crate) use self::payload::{BLOB, MEMCPY, WITHOUT_POOL};
pub(crate) use self::pools::{Contender, Ours, OursObserved, Procspawn};
pub(crate) use self::python::Kind;
pub(crate) use self::start::SPAWNED;
pub(crate) use self::table::ONE_TABLE;
use crate::rounds::Entrant;

/// The contenders of a work; `None` if no work has this name and this count of numbers.
pub(crate) fn entrants(work: &str, numbers: &[u64]) -> Option<Vec<Entrant<'static>>> {
    Some(match (work, numbers) {
        ("process ping-pong", &[trips]) => ping_pong::entrants(trips),
        ("process jobs", &[processes, jobs]) => many::entrants(size(processes), jobs),
        ("process rate", &[processes, jobs]) => vec![many::rate(size(processes), jobs)],
        ("process map", &[processes, items]) => map::entrants(size(processes), items),
        ("process start", &[repeats, mebibytes]) => start::entrants(size(repeats), size(mebibytes)),
        ("process fork", &[repeats]) => start::from_template(size(repeats)),
        ("process blob", &[bytes, repeats]) => payload::of_blobs(size(bytes), size(repeats)),
        ("process numbers", &[bytes, repeats]) => payload::of_numbers(size(bytes), size(repeats)),
        ("process bytes", &[bytes, repeats]) => payload::of_bytes(size(bytes), size(repeats)),
        ("process timeout", &[milliseconds]) => timeout::entrants(milliseconds),
        ("process handles", &[values]) => handles::entrants(values),
        ("process table", &[workers, mebibytes]) => table::entrants(size(workers), mebibytes),
        ("process descriptors", &[jobs]) => descriptors::entrants(jobs),
        ("manager get", &[steps]) => manager::entrants("get", steps),
        ("manager update", &[steps]) => manager::entrants("update", steps),
        ("manager lock", &[steps]) => manager::entrants("lock", steps),
        ("manager queue", &[steps]) => manager::entrants("queue", steps),
        _ => return None,
    })
}

fn size(number: u64) -> usize {
    number.try_into().expect("fits into memory")
}

/// A value made at its first use, so that a contender that is not measured starts no process.
struct Lazy<T, F> {
    made: RefCell<Option<T>>,
    make: F,
}

impl<T, F: Fn() -> T> Lazy<T, F> {
    fn new(make: F) -> Self {
        Self { made: RefCell::default(), make }
    }

    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(self.made.borrow_mut().get_or_insert_with(&self.make))
    }
}

/// A pool whose processes have all started.
fn warm<C: Contender>(processes: usize) -> Lazy<C, impl Fn() -> C> {
    Lazy::new(move || {
        let pool = C::new(processes);
        pool.warm(processes);
        pool
    })
}

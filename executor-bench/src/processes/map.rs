//! A trivial function over many items.

use std::time::Instant;

use super::jobs::successor;
use super::python::Pools;
use super::{Contender, Kind, Ours, warm};
use crate::rounds::Entrant;
use crate::works::float;

/// The sizes of chunks that are tried, and the share of the items that is enough for the slow ones.
const CHUNKS: [(u64, u64); 5] = [(1, 20), (10, 4), (100, 1), (1000, 1), (10_000, 1)];

/// In nanoseconds per item.
fn measure(pool: &Ours, items: u64) -> f64 {
    let started = Instant::now();
    let sum: Result<u64, _> = pool.0.map(0..items, successor).sum();
    let elapsed = started.elapsed();
    assert_eq!(sum.expect("no job of a benchmark fails"), items * (items + 1) / 2, "a result is lost or wrong");
    elapsed.as_secs_f64() * 1e9 / float(items)
}

/// Ours is told no size of chunks. Python's pools are tried with several, and where they have a default, with that.
pub(super) fn entrants(processes: usize, items: u64) -> Vec<Entrant<'static>> {
    let pool = warm::<Ours>(processes);
    let mut list = vec![Entrant::new(Ours::NAME, move || pool.with(|pool| measure(pool, items)))];
    for kind in Kind::ALL {
        let pools = Pools::new(kind);
        if kind == Kind::Pool {
            list.push(pools.entrant(format!("{}, default chunk", kind.name()), format!("map {processes} {items} 0")));
        }
        // One row says why there is none.
        let chunks = if kind.is_there() { &CHUNKS[..] } else { &CHUNKS[..1] };
        for (chunk, share) in chunks {
            let work = format!("map {processes} {} {chunk}", (items / share).max(1));
            list.push(pools.entrant(format!("{}, chunk {chunk}", kind.name()), work));
        }
    }
    list
}

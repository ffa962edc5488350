//! How many items a chunk has.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The run time that a chunk should have, if its items are short enough: a round trip to the worker costs a hundredth of it.
const GOAL: Duration = Duration::from_millis(1);

/// The most bytes of a chunk's items, and of its outcomes: the items fit into a message, and the outcomes onto the page.
const MOST_BYTES: u64 = 40 * 1024;

/// The most items of a chunk.
const MOST_ITEMS: u64 = 16 * 1024;

/// The weight of the earlier measurements, in items.
const OLD: u64 = 3;

/// Measurements of the items of a `map`: how long one runs, and how many bytes it has.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// 0 while nothing is known.
    nanos: AtomicU64,
    bytes: AtomicU64,
}

impl Pace {
    /// How many items the next chunk should have.
    pub(crate) fn chunk(&self) -> usize {
        // Relaxed: a guess that is late by one chunk is as good.
        let (nanos, bytes) = (self.nanos.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        if nanos == 0 {
            return 1;
        }
        let goal = u64::try_from(GOAL.as_nanos()).unwrap_or(u64::MAX);
        let items = (goal / nanos).min(MOST_BYTES / bytes.max(1)).clamp(1, MOST_ITEMS);
        usize::try_from(items).unwrap_or(1)
    }

    /// Records that `items` items took `nanos`, and had `bytes`.
    pub(crate) fn learn(&self, items: usize, nanos: u64, bytes: usize) {
        let items = items.max(1) as u64;
        let update = |known: &AtomicU64, new: u64| {
            let old = known.load(Ordering::Relaxed);
            // A larger value counts at once, since too large a chunk keeps others waiting. Otherwise the known value weighs as much as
            // `OLD` items, so that the first ones, which run in cold caches, soon stop counting.
            let new = if new > old { new } else { (old * OLD + new * items) / (OLD + items) };
            known.store(new.max(1), Ordering::Relaxed);
        };
        update(&self.nanos, nanos / items);
        update(&self.bytes, bytes as u64 / items);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_item_is_soon_forgotten_and_a_slow_one_is_believed_at_once() {
        let pace = Pace::default();
        assert_eq!(pace.chunk(), 1, "nothing is known");
        pace.learn(1, 5_000, 4);
        assert_eq!(pace.chunk(), 200);
        pace.learn(200, 200 * 100, 800);
        assert!((5_000..=10_000).contains(&pace.chunk()), "{pace:?}");
        pace.learn(10, 10 * 1_000_000, 40);
        assert_eq!(pace.chunk(), 1);
    }
}

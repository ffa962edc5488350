//! Which worlds can be reached: by the executor's own steps, and in whatever order the parts of a race take place.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::super::op::Op;
use super::World;

/// A set of worlds.
pub(crate) type Worlds = HashSet<World, BuildHasherDefault<Cheap>>;

/// Hundreds of thousands of worlds are hashed for a script of a test without optimisation: this takes few steps there.
#[derive(Default)]
pub(crate) struct Cheap(u64);

impl Hasher for Cheap {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word.cast_unsigned() as u64);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_u64(&mut self, word: u64) {
        // By an odd number of many bits, so that each bit of the word reaches the upper ones.
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Only what differs most, for each part costs time.
impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for job in self.jobs.values() {
            job.life.hash(state);
        }
        self.queue.hash(state);
        self.calls.values().filter(|call| call.is_waiting()).count().hash(state);
    }
}

/// No race is drawn in which more worlds than this come by: to follow it would take seconds.
const MOST_WORLDS: usize = 4_000;

/// How many worlds may come by yet.
struct Patience(usize);

impl Patience {
    /// Comes by each world that can be reached from these, once. `None` where they are too many.
    fn visit(
        &mut self,
        worlds: impl IntoIterator<Item = World>,
        reached: &mut Worlds,
        mut at_rest: impl FnMut(&World),
    ) -> Option<()> {
        let mut open: Vec<World> = worlds.into_iter().collect();
        while let Some(world) = open.pop() {
            if reached.contains(&world) {
                continue;
            }
            self.0 = self.0.checked_sub(1)?;
            let next = world.steps();
            if next.is_empty() {
                at_rest(&world);
            }
            open.extend(next);
            reached.insert(world);
        }
        Some(())
    }

    /// All worlds that can be reached from these.
    fn closure(&mut self, worlds: impl IntoIterator<Item = World>) -> Option<Worlds> {
        let mut reached = Worlds::default();
        self.visit(worlds, &mut reached, |_| ())?;
        Some(reached)
    }

    /// Where it comes to rest when these operations, the first of which is number `at`, are done to it at the same time: each takes place at
    /// one moment, in any order, and between them it may get any distance by itself.
    fn race(&mut self, before: &World, at: usize, parts: &[Op]) -> Option<Vec<World>> {
        let (mut ends, mut at_rest) = (Worlds::default(), Vec::new());
        let all: Vec<usize> = (0..parts.len()).collect();
        self.take(before, at, parts, &all, Worlds::from_iter([before.clone()]), &mut ends)?;
        self.visit(ends, &mut Worlds::default(), |world| at_rest.push(world.clone()))?;
        Some(at_rest)
    }

    fn take(
        &mut self,
        before: &World,
        at: usize,
        parts: &[Op],
        left: &[usize],
        worlds: Worlds,
        ends: &mut Worlds,
    ) -> Option<()> {
        if left.is_empty() {
            ends.extend(worlds);
            return Some(());
        }
        for &index in left {
            let after = worlds.iter().cloned().flat_map(|world| world.after(at + index, &parts[index], before));
            let rest: Vec<_> = left.iter().copied().filter(|&other| other != index).collect();
            // With one part alone, nothing comes between.
            let reached = if rest.is_empty() { after.collect() } else { self.closure(after)? };
            self.take(before, at, parts, &rest, reached, ends)?;
        }
        Some(())
    }
}

/// Where the executor may come to rest after these operations at the same time. The first of them is number `at`.
pub(crate) fn raced(before: &World, at: usize, parts: &[Op]) -> Vec<World> {
    Patience(usize::MAX).race(before, at, parts).expect("there are not that many worlds")
}

/// Whether few enough worlds come by in this race.
pub(crate) fn is_soon_raced(before: &World, at: usize, parts: &[Op]) -> bool {
    Patience(MOST_WORLDS).race(before, at, parts).is_some()
}

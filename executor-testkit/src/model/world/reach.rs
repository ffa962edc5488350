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

/// All worlds that can be reached from these.
fn closure(worlds: impl IntoIterator<Item = World>) -> Worlds {
    let mut reached = Worlds::default();
    visit(worlds, &mut reached, |_| ());
    reached
}

/// Where an executor comes to rest when it was left alone in one of these.
fn all_at_rest(worlds: impl IntoIterator<Item = World>) -> Vec<World> {
    let mut at_rest = Vec::new();
    visit(worlds, &mut Worlds::default(), |world| at_rest.push(world.clone()));
    at_rest
}

/// Comes by each world that can be reached, once.
fn visit(worlds: impl IntoIterator<Item = World>, reached: &mut Worlds, mut at_rest: impl FnMut(&World)) {
    let mut open: Vec<World> = worlds.into_iter().collect();
    while let Some(world) = open.pop() {
        if reached.contains(&world) {
            continue;
        }
        let next = world.steps();
        if next.is_empty() {
            at_rest(&world);
        }
        open.extend(next);
        reached.insert(world);
    }
}

/// Where it comes to rest when these operations, the first of which is number `at`, are done to it at the same time: each takes place at one
/// moment, in any order, and between them it may get any distance by itself.
pub(crate) fn raced(before: &World, at: usize, parts: &[Op]) -> Vec<World> {
    let mut ends = Worlds::default();
    let all: Vec<usize> = (0..parts.len()).collect();
    take(before, at, parts, &all, Worlds::from_iter([before.clone()]), &mut ends);
    all_at_rest(ends)
}

fn take(before: &World, at: usize, parts: &[Op], left: &[usize], worlds: Worlds, ends: &mut Worlds) {
    if left.is_empty() {
        return ends.extend(worlds);
    }
    for &index in left {
        let after = worlds.iter().cloned().flat_map(|world| world.after(at + index, &parts[index], before));
        let rest: Vec<_> = left.iter().copied().filter(|&other| other != index).collect();
        // With one part alone, nothing comes between.
        let reached = if rest.is_empty() { after.collect() } else { closure(after) };
        take(before, at, parts, &rest, reached, ends);
    }
}

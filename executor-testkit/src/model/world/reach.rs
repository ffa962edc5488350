//! Which worlds can be reached: by the executor's own steps, and in whatever order the parts of a race take place.

use std::collections::HashSet;

use super::super::op::Op;
use super::World;

/// All worlds that can be reached from these.
fn closure(worlds: impl IntoIterator<Item = World>) -> HashSet<World> {
    let mut open: Vec<World> = worlds.into_iter().collect();
    let mut reached = HashSet::new();
    while let Some(world) = open.pop() {
        if reached.contains(&world) {
            continue;
        }
        open.extend(world.steps());
        reached.insert(world);
    }
    reached
}

/// Where an executor comes to rest when it was left alone in one of these.
fn all_at_rest(worlds: impl IntoIterator<Item = World>) -> Vec<World> {
    closure(worlds).into_iter().filter(|world| world.steps().is_empty()).collect()
}

/// Where it comes to rest when these operations, the first of which is number `at`, are done to it at the same time: each takes place at one
/// moment, in any order, and between them it may get any distance by itself.
pub(crate) fn raced(before: &World, at: usize, parts: &[Op]) -> Vec<World> {
    let mut ends = HashSet::new();
    let all: Vec<usize> = (0..parts.len()).collect();
    take(before, at, parts, &all, HashSet::from([before.clone()]), &mut ends);
    all_at_rest(ends)
}

fn take(before: &World, at: usize, parts: &[Op], left: &[usize], worlds: HashSet<World>, ends: &mut HashSet<World>) {
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

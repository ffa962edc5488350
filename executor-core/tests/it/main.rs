//! What the pieces promise, whatever the executor: each is driven by hand here. A module a topic.

mod compile;
mod contexts;
mod current;
mod drives;
mod handles;
mod homes;
mod lent;
mod manual;
mod mapped;
mod maps;
mod panics;
mod polls;
mod promises;
mod reentrancy;
mod sets;
mod support;
mod tallies;
mod texts;
mod waits;

//! Promises of the pieces that hold for any executor: each piece is driven by hand here. One module per topic.

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

//! Promises of the pieces that hold for any executor: each piece is driven by hand here. One module per topic.

mod compile;
mod contexts;
mod current;
mod departures;
mod dispatched;
mod drives;
mod handles;
mod job_counters;
mod job_names;
mod manual;
mod mapped;
mod maps;
mod panics;
mod polls;
mod promises;
mod reentrancy;
mod sets;
mod support;
mod texts;
mod waits;

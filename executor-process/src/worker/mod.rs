//! What runs in a worker process.

pub(crate) mod crash;
pub(crate) mod entry;
mod guard;
pub(crate) mod image;
pub(crate) mod invitation;
mod memory;
mod registers;
pub(crate) mod remake;
mod rerun;
mod serve;
pub(crate) mod stack_walk;

#[cfg(test)]
mod tests;

pub(crate) use serve::{CANNOT_BEGIN, depth};

//! What runs in a worker process.

mod comm;
pub(crate) mod crash;
pub(crate) mod entry;
mod fork_check;
mod guard;
pub(crate) mod image;
pub(crate) mod invitation;
mod memory;
mod registers;
pub(crate) mod remake;
mod rerun;
mod serve;
pub(crate) mod stack_walk;
mod termination;

#[cfg(test)]
mod tests;

pub(crate) use fork_check::end_copy;
pub(crate) use serve::{CANNOT_BEGIN, depth};

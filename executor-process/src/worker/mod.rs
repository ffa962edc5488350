//! What runs in a worker process.

pub(crate) mod entry;
mod guard;
pub(crate) mod image;
pub(crate) mod invitation;
pub(crate) mod remake;
mod serve;

pub(crate) use serve::{CANNOT_BEGIN, depth};

//! The public pool: its settings, the ways to submit, `map`, periodic jobs and the shutdown.

pub(crate) mod builder;
pub(crate) mod control;
pub(crate) mod handle;
pub(crate) mod map;
pub(crate) mod map_into;
pub(crate) mod periodic;
pub(crate) mod share;
pub(crate) mod submit;
pub(crate) mod wrap;

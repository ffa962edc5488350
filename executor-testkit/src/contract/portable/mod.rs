//! Checks whose jobs are data, so that they run in any process.

pub mod cancel;
pub mod delays;
pub mod futures;
pub mod order;
pub mod outcomes;
pub mod places;
pub mod shutdown;
pub mod shutdown_inside;
pub mod shutdown_races;

use super::subject::Make;

/// Returns `make`, with which these checks make their executors.
pub fn made(make: &Make) -> &Make {
    make
}

//! How long jobs run, by their functions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

/// The measured run times.
#[derive(Default)]
pub(crate) struct RunTimes(RefCell<HashMap<String, Duration>>);

impl RunTimes {
    /// The time that a job of this function will probably take. `None` if none has run.
    pub(crate) fn get(&self, function: &str) -> Option<Duration> {
        self.0.borrow().get(function).copied()
    }

    /// A job of this function has run for this time.
    pub(crate) fn ran(&self, function: &str, time: Duration) {
        let mut times = self.0.borrow_mut();
        match times.get_mut(function) {
            Some(known) => *known = average(Some(*known), time),
            None => drop(times.insert(function.to_owned(), time)),
        }
    }
}

/// Follows a longer time at once halfway, and shorter ones slowly: jobs that wait behind a long one are late.
pub(crate) fn average(known: Option<Duration>, time: Duration) -> Duration {
    let Some(known) = known else { return time };
    match time.checked_sub(known) {
        Some(longer) => known + longer / 2,
        None => (7 * known + time) / 8,
    }
}

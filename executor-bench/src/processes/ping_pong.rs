//! One job at a time, there and back.

use std::time::Instant;

use super::echo::Channel;
use super::{CHANNEL, Contender, Lazy, Ours, OursObserved, Pipe, Procspawn, python, warm};
use crate::rounds::Entrant;
use crate::works::float;

/// Asks for the successor of a number, and of each answer, in `trips` round trips. Returns the nanoseconds per trip.
fn trips(trips: u64, mut ask: impl FnMut(u64) -> u64) -> f64 {
    let started = Instant::now();
    let number = (0..trips).fold(0, |number, _| ask(number));
    let elapsed = started.elapsed();
    assert_eq!(number, trips, "an answer is wrong");
    elapsed.as_secs_f64() * 1e9 / float(trips)
}

pub(super) fn entrants(count: u64) -> Vec<Entrant<'static>> {
    fn pool<C: Contender + 'static>(count: u64) -> Entrant<'static> {
        let pool = warm::<C>(1);
        Entrant::new(C::NAME, move || pool.with(|pool| trips(count, |number| C::result(pool.submit(number)))))
    }
    let (pipe, channel) = (Lazy::new(Pipe::of_numbers), Lazy::new(Channel::of_numbers));
    let mut list = vec![
        pool::<Ours>(count),
        pool::<OursObserved>(count),
        Entrant::new(Pipe::NAME, move || pipe.with(|pipe| trips(count, |number| pipe.successor(number)))),
        Entrant::new(CHANNEL, move || channel.with(|channel| trips(count, |number| channel.ask(number)))),
        pool::<Procspawn>(count),
    ];
    // Slower by a factor that makes waiting for all its trips dull.
    list.extend(python::entrants(&format!("ping-pong {}", (count / 4).max(1))));
    list
}

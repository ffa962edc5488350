//! The works over a NATS server.

use super::{Goal, Plan, Scale, counted};
use crate::nats::{QUEUE, REQUEST, left_out};

/// Each work on a machine that does nothing else, and on one with a busy loop for each of two cores.
pub(crate) fn nats(scale: Scale) -> Vec<Plan> {
    let (trips, jobs) = (scale.size(2000), scale.size(20_000));
    let plans = [(0, ""), (2, ", two busy loops")].map(|(busy, beside)| {
        let trip = format!("NATS ping-pong{beside}");
        let all = format!("NATS jobs, {}{beside}", counted(jobs, "submit"));
        [
            Plan::new(trip, "ns/trip", "nats ping-pong", vec![trips, busy], scale.rounds)
                .goals([Goal::Against(REQUEST, 1.3)]),
            Plan::new(all, "ns/job", "nats jobs", vec![jobs, busy], scale.rounds).goals([Goal::Against(QUEUE, 1.3)]),
        ]
    });
    plans.into_iter().flatten().map(|plan| Plan { left_out: left_out(), ..plan }).collect()
}

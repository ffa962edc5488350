//! The works over a NATS server.

use super::{Goal, Plan, Scale, counted};
use crate::nats::{QUEUE, REQUEST, left_out};

/// Jobs over a server on this machine, one after the other and all at once.
pub(crate) fn nats(scale: Scale) -> Vec<Plan> {
    let (trips, jobs) = (scale.size(2000), scale.size(20_000));
    let all = format!("NATS jobs, {}", counted(jobs, "submit"));
    let plans = [
        Plan::new("NATS ping-pong".to_owned(), "ns/trip", "nats ping-pong", vec![trips], scale.rounds)
            .goals([Goal::Against(REQUEST, 1.3)]),
        Plan::new(all, "ns/job", "nats jobs", vec![jobs], scale.rounds).goals([Goal::Against(QUEUE, 1.3)]),
    ];
    plans.into_iter().map(|plan| Plan { left_out: left_out(), ..plan }).collect()
}

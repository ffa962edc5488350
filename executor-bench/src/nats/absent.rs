//! The works over a NATS server, where the benchmarks are built without its client.

use crate::rounds::Entrant;

pub(crate) const REQUEST: &str = "bare request/reply";
pub(crate) const QUEUE: &str = "JetStream publish, fetch, ack";

pub(crate) fn left_out() -> Option<String> {
    Some("built without the feature `nats`".to_owned())
}

pub(crate) fn entrants(_: &str, _: &[u64]) -> Option<Vec<Entrant<'static>>> {
    None
}

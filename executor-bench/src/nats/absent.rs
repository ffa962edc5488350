//! The works over a NATS server, where the benchmarks are built without its client.

use crate::rounds::Entrant;

pub(crate) const REQUEST: &str = "bare request/reply";
pub(crate) const QUEUE: &str = "JetStream publish, fetch, ack";

#[expect(clippy::unnecessary_wraps, reason = "with the feature, there may be no reason")]
pub(crate) fn left_out() -> Option<String> {
    Some("built without the feature `nats`".to_owned())
}

pub(crate) fn entrants(_: &str, _: &[u64]) -> Option<Vec<Entrant<'static>>> {
    None
}

//! A point in time in eight bytes.

use std::num::NonZeroU64;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A point in time, or none, in half the room of an `Option<Instant>`: every job has one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment(Option<NonZeroU64>);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Moment {
    pub(crate) fn at(when: Instant) -> Self {
        let nanos = u64::try_from(when.saturating_duration_since(*START).as_nanos()).unwrap_or(u64::MAX);
        Self(NonZeroU64::new(nanos.max(1)))
    }

    #[inline]
    pub(crate) fn instant(self) -> Option<Instant> {
        Some(*START + Duration::from_nanos(self.0?.get()))
    }
}

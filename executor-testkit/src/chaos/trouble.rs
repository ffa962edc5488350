//! Which trouble a job has: a function of the seed and its number.

use std::time::Duration;

use super::log::Trouble;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Delay,
    Reorder,
    Cancel,
    Reject,
    TimeOut,
    Break,
    Crash,
    Panic,
}

pub(super) struct TroublePlan {
    seed: u64,
    shares: Vec<(Kind, f64)>,
    longest: Duration,
}

/// How far a job is put behind others.
const BEHIND: Duration = Duration::from_micros(200);

impl TroublePlan {
    pub(super) fn new(seed: u64, shares: Vec<(Kind, f64)>, longest: Duration) -> Self {
        Self { seed, shares, longest }
    }

    pub(super) fn of(&self, job: u64) -> Option<Trouble> {
        let [kind, detail] = [0, 1].map(|word| fraction(mix(self.seed ^ mix(2 * job + word))));
        let mut left = kind;
        let (kind, _) = self.shares.iter().find(|(_, share)| {
            left -= share;
            left < 0.0
        })?;
        Some(match kind {
            Kind::Delay => Trouble::Delayed(self.longest.mul_f64(detail)),
            Kind::Reorder => Trouble::Reordered,
            Kind::Cancel => Trouble::Cancelled,
            Kind::Reject => Trouble::Rejected,
            Kind::TimeOut => Trouble::TimedOut { ran: detail < 0.5 },
            Kind::Break => Trouble::Broken,
            Kind::Crash => Trouble::Crashed { ran: detail < 0.5 },
            Kind::Panic => Trouble::Panicked,
        })
    }
}

/// How much later a job with this trouble starts.
pub(super) fn lateness(trouble: Option<Trouble>, workers: usize) -> Option<Duration> {
    match trouble {
        // Those behind it would overtake it, and on one worker they start in order.
        _ if workers == 1 => None,
        Some(Trouble::Delayed(time)) => Some(time),
        Some(Trouble::Reordered) => Some(BEHIND),
        _ => None,
    }
}

/// Spreads the bits of a number over the whole of it: `splitmix64`.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// From 0 up to 1.
fn fraction(number: u64) -> f64 {
    #[allow(clippy::cast_precision_loss)] // 53 bits are what a fraction holds
    let top = (number >> 11) as f64;
    top * 2_f64.powi(-53)
}

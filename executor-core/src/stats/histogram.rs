//! Times, counted in buckets whose width grows with the time.
//!
//! Not hdrhistogram: all that it does beyond these lines (settings of range and precision, formats to save it in) has no place here,
//! and this one is written without a lock by the worker that it belongs to.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Each power of two is cut in 2^`SUB_BITS` buckets.
const SUB_BITS: u32 = 2;
const SUBS: usize = 1 << SUB_BITS;

/// For every number of nanoseconds that there is.
const BUCKETS: usize = (u64::BITS - SUB_BITS + 1) as usize * SUBS;

/// A histogram of durations, for the waiting and running times in [`Stats`](crate::Stats). Takes about 2 kB of memory, however many
/// durations it holds.
///
/// Each power of two of nanoseconds has four buckets, so a [`quantile`](Histogram::quantile) is at most 12.5 % off. [`sum`](Histogram::sum), [`mean`](Histogram::mean),
/// [`max`](Histogram::max) and [`count`](Histogram::count) are exact.
///
/// ```
/// use executor::Histogram;
///
/// let none = Histogram::default();
/// assert_eq!(none.count(), 0);
/// assert!(none.quantile(0.99).is_zero() && none.mean().is_zero() && none.max().is_zero());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    buckets: Box<[u64]>,
    sum: u64,
    max: u64,
}

impl Default for Histogram {
    /// Creates an empty histogram.
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS].into(), sum: 0, max: 0 }
    }
}

impl Histogram {
    /// Returns how many durations were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Returns the sum of all durations.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum)
    }

    /// Returns the mean. Zero if the histogram is empty.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.sum.checked_div(self.count()).unwrap_or_default())
    }

    /// Returns the longest duration. Zero if the histogram is empty.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// Returns the duration that the given share of all durations does not exceed: `quantile(0.5)` is the median, and `quantile(0.99)` the
    /// 99th percentile. At most 12.5 % off. `share` is clamped to the range from 0 to 1. Zero if the histogram is empty.
    ///
    /// ```
    /// use executor::ThreadPool;
    ///
    /// let pool = ThreadPool::builder().threads(1).measure(true).build()?;
    /// pool.submit(|| 6 * 7).result()?;
    /// pool.wait_idle();
    /// if let Some(wait) = pool.stats().wait {
    ///     println!("99 of 100 jobs waited for at most {:?}", wait.quantile(0.99));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a rank, which needs no more digits than a share has"
    )]
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = ((share.clamp(0.0, 1.0) * self.count() as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|n| {
            seen += n;
            seen >= rank
        });
        Duration::from_nanos(bucket.map_or(self.max, middle).min(self.max))
    }
}

/// For authors of tools that keep or export durations.
impl Histogram {
    /// Adds a duration.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::Histogram;
    ///
    /// let mut histogram = Histogram::default();
    /// histogram.record(Duration::from_millis(2));
    /// histogram.record(Duration::from_millis(2));
    /// let buckets: Vec<(Duration, u64)> = histogram.buckets().collect();
    /// assert!(buckets.len() == 1 && buckets[0].1 == 2);
    /// assert!(buckets[0].0.abs_diff(Duration::from_millis(2)) <= Duration::from_millis(2) / 8);
    /// ```
    pub fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos)] += 1;
        self.sum = self.sum.saturating_add(nanos);
        self.max = self.max.max(nanos);
    }

    /// Returns each bucket that holds durations, the shortest first: the duration in its middle, and how many durations it holds. That
    /// duration is at most 12.5 % off.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let filled = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(bucket, &count)| (Duration::from_nanos(middle(bucket).min(self.max)), count))
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("mean", &self.mean())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max())
            .finish_non_exhaustive()
    }
}

/// The bucket of a time: small numbers have their own, of others the first bits count.
fn bucket(nanos: u64) -> usize {
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(SUB_BITS + 1);
    shift as usize * SUBS + usize::try_from(nanos >> shift).unwrap_or_default()
}

/// The time in the middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let shift = (bucket / SUBS).saturating_sub(1);
    let first = ((bucket - shift * SUBS) as u64) << shift;
    first + ((1_u64 << shift) - 1) / 2
}

/// A histogram that is being written.
pub(crate) struct Recorder {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    max: AtomicU64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; BUCKETS], sum: AtomicU64::new(0), max: AtomicU64::new(0) }
    }
}

impl Recorder {
    /// One more. With `is_shared`, several threads write.
    pub(crate) fn record(&self, time: Duration, is_shared: bool) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        add(&self.buckets[bucket(nanos)], 1, is_shared);
        add(&self.sum, nanos, is_shared);
        // Relaxed, here and below: each number is for itself, and who must see them all takes a lock that orders them.
        if nanos > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(nanos, Ordering::Relaxed);
        }
    }

    pub(crate) fn add_to(&self, sum: &mut Histogram) {
        for (bucket, more) in sum.buckets.iter_mut().zip(&self.buckets) {
            *bucket += more.load(Ordering::Relaxed);
        }
        sum.sum = sum.sum.saturating_add(self.sum.load(Ordering::Relaxed));
        sum.max = sum.max.max(self.max.load(Ordering::Relaxed));
    }

    /// Adds the records of `other`, which no thread writes any more.
    pub(crate) fn absorb(&self, other: &Self) {
        for (bucket, more) in self.buckets.iter().zip(&other.buckets) {
            bucket.fetch_add(more.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.sum.fetch_add(other.sum.load(Ordering::Relaxed), Ordering::Relaxed);
        self.max.fetch_max(other.max.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Adds to a number that this thread alone writes, unless it is shared: a store is cheaper than an exchange.
#[inline]
pub(crate) fn add(number: &AtomicU64, more: u64, is_shared: bool) {
    // Relaxed: the number carries no data. A reader that needs the last value takes a lock that the writer took after its store.
    if is_shared {
        number.fetch_add(more, Ordering::Relaxed);
    } else {
        number.store(number.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(nanos: impl IntoIterator<Item = u64>) -> Histogram {
        let recorder = Recorder::default();
        for (index, nanos) in nanos.into_iter().enumerate() {
            recorder.record(Duration::from_nanos(nanos), index % 2 == 0);
        }
        let mut histogram = Histogram::default();
        recorder.add_to(&mut histogram);
        histogram
    }

    #[test]
    fn every_time_has_a_bucket_whose_middle_is_near() {
        let mut last = 0;
        for power in 0..u64::BITS {
            for nanos in [1_u64 << power, (1 << power) + (1 << power) / 3, u64::MAX >> (63 - power)] {
                let bucket = bucket(nanos);
                assert!((last..BUCKETS).contains(&bucket), "{nanos} is in {bucket}, after {last}");
                last = bucket;
                assert!(middle(bucket).abs_diff(nanos) <= nanos / 8, "{nanos} is told as {}", middle(bucket));
            }
        }
        assert_eq!((bucket(0), middle(0), last), (0, 0, BUCKETS - 1));
    }

    #[test]
    fn quantiles_are_ranks() {
        let histogram = histogram((1..=1000).map(|n| n * 1000));
        assert_eq!((histogram.count(), histogram.max()), (1000, Duration::from_millis(1)));
        assert_eq!(histogram.mean(), Duration::from_nanos(500_500));
        for share in [0.001, 0.25, 0.5, 0.9, 0.99, 1.0] {
            let (told, meant) = (histogram.quantile(share).as_secs_f64(), share / 1000.0);
            assert!((told - meant).abs() <= meant / 8.0 + 1e-9, "{share}: {told} instead of {meant}");
        }
        assert_eq!(histogram.quantile(-1.0), histogram.quantile(0.0));
        assert_eq!(histogram.quantile(2.0), histogram.quantile(1.0));
    }

    #[test]
    fn absorb_adds_the_others_records() {
        let (one, other) = (Recorder::default(), Recorder::default());
        one.record(Duration::from_nanos(5), false);
        other.record(Duration::from_secs(5), false);
        one.absorb(&other);
        let mut sum = Histogram::default();
        one.add_to(&mut sum);
        assert_eq!(sum, histogram([5, 5_000_000_000]));
    }
}

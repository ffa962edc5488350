//! Medians and what surrounds them.

/// Sorts a copy. There are only a few measurements ever.
fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// The one in the middle, or the mean of the two there.
///
/// # Panics
///
/// Without a value.
pub(crate) fn median(values: &[f64]) -> f64 {
    let values = sorted(values);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// One contender's measurements, a round each.
#[derive(Clone, Debug)]
pub(crate) struct Samples(pub(crate) Vec<f64>);

impl Samples {
    pub(crate) fn median(&self) -> f64 {
        median(&self.0)
    }

    pub(crate) fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The rounds' ratios to `other`. A disturbed round slows both: a ratio of medians might compare a calm moment of one
    /// with a busy one of the other.
    pub(crate) fn ratios_to(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| own / other).collect())
    }

    /// Where the median of endless rounds would be, with a chance of about 95 %: between two of the values, by their
    /// ranks, so that nothing is assumed of how they are distributed. All of the values, where they are few.
    pub(crate) fn median_range(&self) -> (f64, f64) {
        let values = sorted(&self.0);
        let count = values.len();
        // The number of values below the median is binomial: 1.96 standard deviations around count / 2. In whole numbers,
        // so rounded to the wider side.
        let outside = (count.saturating_sub((4 * count).isqrt()) / 2).saturating_sub(1);
        (values[outside], values[count - 1 - outside])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&[9.0]) - 9.0).abs() < 1e-9);
        assert!((median(&[3.0, 1.0, 100.0]) - 3.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 100.0, 2.0]) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn the_range_of_a_median_narrows_with_rounds() {
        let range = |count: u32| Samples((1..=count).map(f64::from).collect()).median_range();
        for (count, low, high) in [(1, 1.0, 1.0), (3, 1.0, 3.0), (11, 2.0, 10.0), (100, 40.0, 61.0)] {
            let (is_low, is_high) = range(count);
            assert!((is_low - low).abs() < 1e-9 && (is_high - high).abs() < 1e-9, "{count}: {is_low} to {is_high}");
        }
    }

    #[test]
    fn a_ratio_pairs_the_rounds() {
        // Twice as long in each round, though the rounds differ by more than that.
        let (slow, fast) = (Samples(vec![2.0, 20.0, 200.0]), Samples(vec![1.0, 10.0, 100.0]));
        assert!((slow.ratios_to(&fast).median() - 2.0).abs() < 1e-9);
        assert!((slow.min() - 2.0).abs() < 1e-9);
        assert!((slow.max() - 200.0).abs() < 1e-9);
    }
}

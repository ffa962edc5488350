//! The rectangles of a row. Jobs that are thinner than the eye can see are drawn as one.

use super::super::timeline::Bar;

/// A job, or several of one state that follow each other closely.
pub(super) struct Mark<'a> {
    pub(super) first: &'a Bar,
    pub(super) count: usize,
    /// Whether all jobs have the name of the first.
    pub(super) is_one_name: bool,
    pub(super) start: i64,
    pub(super) end: i64,
    /// How long the jobs ran, within `start..end`.
    pub(super) busy: i64,
}

/// How jobs become marks.
#[derive(Clone, Copy)]
pub(super) struct Grain {
    /// Jobs that are shorter are put together.
    pub(super) thin: i64,
    pub(super) length: i64,
}

impl Grain {
    /// How much longer than [`thin`](Self::thin) the marks of several jobs are.
    const SEVERAL: i64 = 12;

    /// The marks of the bars, which are in the order of their starts.
    pub(super) fn marks<'a>(self, bars: impl Iterator<Item = &'a Bar>) -> Vec<Mark<'a>> {
        let mut marks: Vec<Mark<'a>> = Vec::new();
        for bar in bars {
            let (start, end) = (bar.start.clamp(0, self.length), bar.end.clamp(0, self.length));
            match marks.last_mut().filter(|last| self.joins(last, start, end)) {
                Some(last) => {
                    last.busy += (end - start.max(last.end)).max(0);
                    last.end = last.end.max(end);
                    last.count += 1;
                    last.is_one_name &= last.first.name() == bar.name();
                }
                None => marks.push(Mark { first: bar, count: 1, is_one_name: true, start, end, busy: end - start }),
            }
        }
        marks
    }

    fn joins(self, last: &Mark<'_>, start: i64, end: i64) -> bool {
        let is_thin = end - start < self.thin && (last.count > 1 || last.end - last.start < self.thin);
        is_thin && start - last.end < self.thin && end - last.start <= self.thin.saturating_mul(Self::SEVERAL)
    }
}

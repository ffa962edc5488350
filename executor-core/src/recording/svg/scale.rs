//! The time axis.

use super::page::{Font, MARGIN, Page, WIDTH};
use super::words::{ratio, step, tick, width};

/// Which moment is where.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) length: i64,
}

impl Scale {
    /// Right of names that take `names`.
    pub(super) fn new(names: f64, length: i64) -> Self {
        Self { left: MARGIN + names, right: WIDTH - MARGIN, length: length.max(1) }
    }

    pub(super) fn x(self, at: i64) -> f64 {
        self.left + (self.right - self.left) * ratio(at.clamp(0, self.length), self.length)
    }

    /// How long `width` is.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "part of the length")]
    pub(super) fn time(self, width: f64) -> i64 {
        ((self.length as f64 * width / (self.right - self.left)) as i64).clamp(1, self.length)
    }

    /// The moments of the ticks, and the time between them.
    fn ticks(self) -> (impl Iterator<Item = i64>, i64) {
        /// The width of the longest text, and some space.
        const LEAST: f64 = 88.0;
        let step = step(self.time(LEAST));
        ((0..=self.length / step).map(move |n| n * step), step)
    }

    pub(super) fn grid(self) -> impl Iterator<Item = f64> {
        self.ticks().0.map(move |at| self.x(at))
    }

    /// Writes the times of the ticks, in a row.
    pub(super) fn draw(self, page: &mut Page) {
        let (ticks, step) = self.ticks();
        page.y += Font::Text.size();
        let mut free = MARGIN;
        for at in ticks {
            let text = tick(at, step, self.length);
            let (x, half) = (self.x(at), width(&text) * Font::Text.size() / 2.0);
            // At the edges, the text moves inwards.
            let middle = x.clamp(MARGIN + half, WIDTH - MARGIN - half);
            if middle - half >= free {
                page.anchored("middle", middle, &text, page.y);
                free = middle + half + 4.0;
            }
        }
        page.y += 6.0;
    }
}

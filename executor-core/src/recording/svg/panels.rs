//! The queue and the memory, below the jobs.

use std::fmt::Write as _;

use super::super::timeline::{Memory, Timeline};
use super::page::{Font, Page};
use super::scale::Scale;
use super::words::{Length, bytes, count};

const HEIGHT: f64 = 56.0;
/// Above a panel.
const SPACE: f64 = 10.0;
/// How long the line beside a name is.
const SAMPLE: f64 = 24.0;
/// How many steps are drawn at most. Of those that fall together, the highest is drawn.
const COLUMNS: i64 = 500;

/// How many jobs waited.
pub(super) fn queue(page: &mut Page, scale: Scale, timeline: &Timeline) {
    let steps = timeline.queue_depth();
    let most = steps.iter().map(|step| step.1).max().unwrap_or_default();
    if most == 0 {
        return;
    }
    page.y += SPACE;
    page.line(Font::Text, "note", &format!("Jobs waiting in the queue: at most {}", count(most)));
    let path = path(page.y, scale, &columns(scale, &steps, Some(0)), most);
    let (left, bottom) = (Length(scale.left), Length(page.y + HEIGHT));
    frame(page, scale);
    page.add(format_args!(r#"<path class="area" d="{path}V{bottom}H{left}Z"/>"#));
    page.y += HEIGHT;
}

/// How much memory the processes had.
pub(super) fn memory(page: &mut Page, scale: Scale, samples: &[Memory]) {
    let own: Vec<_> = samples.iter().map(|sample| (sample.at, sample.own)).collect();
    let workers: Vec<_> = samples.iter().filter_map(|sample| Some((sample.at, sample.workers?))).collect();
    let most = |samples: &[(i64, u64)]| samples.iter().map(|sample| sample.1).max().unwrap_or_default();
    let highest = most(&own).max(most(&workers));
    if highest == 0 {
        return;
    }
    let mut series = vec![("line", own, "Memory of this process")];
    if !workers.is_empty() {
        series.push(("line dash", workers, "of its workers"));
    }
    page.y += SPACE;
    let texts = series.iter().map(|(_, samples, name)| format!("{name}: at most {}", bytes(most(samples))));
    for ([x, y], (class, ..)) in page.entries(SAMPLE, texts).into_iter().zip(&series) {
        let (start, end, y) = (Length(x), Length(x + SAMPLE), Length(y - 5.0));
        page.add(format_args!(r#"<path class="{class}" d="M{start} {y}H{end}"/>"#));
    }
    frame(page, scale);
    for (class, samples, _) in series {
        let path = path(page.y, scale, &columns(scale, &samples, None), highest);
        page.add(format_args!(r#"<path class="{class}" d="{path}"/>"#));
    }
    page.y += HEIGHT;
}

/// The lines of the time axis, and the one of zero.
fn frame(page: &mut Page, scale: Scale) {
    page.grid(page.mark(), scale.grid(), [page.y, page.y + HEIGHT]);
    let (left, right, bottom) = (Length(scale.left), Length(scale.right), Length(page.y + HEIGHT));
    page.add(format_args!(r#"<path class="grid" d="M{left} {bottom}H{right}"/>"#));
}

/// The highest value of each column of the panel, where that changes. Before the first step, the value is `before`, if there is one.
fn columns(scale: Scale, steps: &[(i64, u64)], before: Option<u64>) -> Vec<(f64, u64)> {
    let column = (scale.length / COLUMNS).max(1);
    let mut steps = steps.iter().peekable();
    let mut now = before;
    let mut columns: Vec<(f64, u64)> = Vec::new();
    for start in (0..scale.length).step_by(usize::try_from(column).unwrap_or(usize::MAX)) {
        let mut highest = now;
        while let Some((_, value)) = steps.next_if(|(at, _)| *at < start + column) {
            now = Some(*value);
            highest = highest.max(now);
        }
        if let Some(highest) = highest.filter(|highest| columns.last().is_none_or(|last| last.1 != *highest)) {
            columns.push((scale.x(start), highest));
        }
    }
    columns
}

/// Steps from the first column to the end, where `most` is at the top.
fn path(top: f64, scale: Scale, columns: &[(f64, u64)], most: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a height in a picture")]
    let y = |value: u64| Length(top + HEIGHT * (1.0 - value as f64 / most as f64));
    let mut path = String::new();
    for (x, value) in columns {
        // A string takes all.
        let _ = if path.is_empty() {
            write!(path, "M{} {}", Length(*x), y(*value))
        } else {
            write!(path, "H{}V{}", Length(*x), y(*value))
        };
    }
    let _ = write!(path, "H{}", Length(scale.right));
    path
}

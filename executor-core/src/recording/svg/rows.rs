//! The workers, each with its jobs in one row, or in more if jobs ran inside of jobs.

use std::fmt::Write as _;

use super::super::timeline::{Bar, State, Worker};
use super::marks::{Grain, Mark};
use super::page::{Font, Page};
use super::scale::Scale;
use super::words::{Escaped, Length, count, duration, shortened, shortened_in_front, width};

/// More rectangles make a file slow to open.
const MOST_MARKS: usize = 2_500;
/// How many rows jobs inside of jobs take, at most. Those that are deeper are drawn on the last.
const MOST_ROWS: usize = 8;
/// How wide the names of workers are at most.
const NAMES: f64 = 112.0;
const SPACE: f64 = 8.0;

/// The rows of all workers that are drawn.
pub(super) struct Rows<'a> {
    workers: Vec<(&'a Worker<'a>, Vec<Row<'a>>)>,
    /// From one row to the next.
    pitch: f64,
}

/// The bars of a row, by state, in the order of [`State::ALL`].
type Row<'a> = [Vec<&'a Bar>; State::ALL.len()];

impl<'a> Rows<'a> {
    pub(super) fn new(workers: &'a [Worker<'a>]) -> Self {
        let workers: Vec<_> = workers.iter().map(|worker| (worker, rows(worker))).collect();
        let rows = workers.iter().map(|(_, rows)| rows.len()).sum::<usize>().max(1);
        // A wall of workers is no higher than a wide page of few.
        #[expect(clippy::cast_precision_loss, reason = "few rows")]
        let pitch = (1_400.0 / rows as f64).clamp(3.0, 24.0);
        Self { workers, pitch }
    }

    /// How much space the names need, left of the rows.
    pub(super) fn names(&self) -> f64 {
        let widest = self.workers.iter().map(|(worker, _)| width(worker.name) * Font::Text.size()).fold(0.0, f64::max);
        if widest > 0.0 { widest.min(NAMES) + SPACE } else { 0.0 }
    }

    pub(super) fn draw(&self, page: &mut Page, scale: Scale) {
        let grain = self.grain(scale);
        let (mark, top, mut free) = (page.mark(), page.y, page.y);
        for (worker, rows) in &self.workers {
            #[expect(clippy::cast_precision_loss, reason = "few rows")]
            let height = self.pitch * rows.len() as f64;
            let gap = (self.pitch / 6.0).min(3.0);
            page.rect("row", [scale.left, page.y, scale.right - scale.left, height - gap / 2.0]);
            // If rows are lower than a text, some names are left out.
            let name = page.y + self.pitch.max(Font::Text.size()) / 2.0 + 0.35 * Font::Text.size();
            if page.y >= free {
                let text = shortened_in_front(worker.name, NAMES / Font::Text.size());
                page.anchored("end", scale.left - SPACE, &text, name);
                free = page.y + 1.1 * Font::Text.size();
            }
            for row in rows {
                let y = page.y;
                let place = Place { y, height: self.pitch - gap, scale };
                row.iter().zip(State::ALL).for_each(|(bars, state)| place.marks(page, grain, bars, state));
                page.y = y + self.pitch;
            }
        }
        page.grid(mark, scale.grid(), [top, page.y]);
        page.y = page.y.max(free);
    }

    /// As fine as the number of rectangles allows.
    fn grain(&self, scale: Scale) -> Grain {
        let mut grain = Grain { thin: scale.time(0.4), length: scale.length };
        let rows = || self.workers.iter().flat_map(|(_, rows)| rows).flatten();
        while grain.thin < scale.length
            && rows().map(|bars| grain.marks(bars.iter().copied()).len()).sum::<usize>() > MOST_MARKS
        {
            grain.thin = grain.thin.saturating_mul(2);
        }
        grain
    }
}

fn rows<'a>(worker: &Worker<'a>) -> Vec<Row<'a>> {
    let heights = worker.heights();
    let first_of = |stack: usize| heights[..stack].iter().sum::<usize>();
    let height = heights.iter().sum::<usize>().clamp(1, MOST_ROWS);
    let mut rows: Vec<Row<'a>> = (0..height).map(|_| Row::default()).collect();
    for (bar, place) in worker.bars.iter().zip(&worker.places) {
        let row = (first_of(place.stack) + place.depth).min(height - 1);
        rows[row][bar.state as usize].push(bar);
    }
    rows
}

/// Where a row is.
struct Place {
    y: f64,
    height: f64,
    scale: Scale,
}

impl Place {
    fn marks(&self, page: &mut Page, grain: Grain, bars: &[&Bar], state: State) {
        if bars.is_empty() {
            return;
        }
        let class = state.class();
        let mut labels = Vec::new();
        page.add(format_args!(r#"<g class="{class}">"#));
        for mark in grain.marks(bars.iter().copied()) {
            let [x, y, width, height] = self.rect(&mark, state);
            let [x, y, w, h] = [x, y, width, height].map(Length);
            let title = if mark.count == 1 { of_one(mark.first) } else { of_several(&mark, state) };
            let title = Escaped(&title);
            page.add(format_args!(r#"<rect x="{x}" y="{y}" width="{w}" height="{h}"><title>{title}</title></rect>"#));
            if mark.count == 1 && height >= 1.1 * Font::Small.size() {
                let label = shortened(short_name(mark.first.name()), (width - 6.0) / Font::Small.size());
                labels.push((x.0 + 3.0, label));
            }
        }
        page.add("</g>");
        let y = self.y + self.height / 2.0 + 0.35 * Font::Small.size();
        for (x, label) in labels.into_iter().filter(|(_, label)| !label.is_empty()) {
            page.text(x, y, &format!("in on-{class}"), &label);
        }
    }

    /// Completed jobs are drawn as wide as they are long. Others have a least width, to be seen.
    fn rect(&self, mark: &Mark<'_>, state: State) -> [f64; 4] {
        let (x, right) = (self.scale.x(mark.start), self.scale.x(mark.end));
        let least = if state == State::Completed { 0.3 } else { 1.6 };
        // Jobs that follow each other at once are told apart by a gap.
        let gap = if right - x > 3.0 { 0.7 } else { 0.0 };
        let width = (right - x - gap).max(least);
        let x = x.min(self.scale.right - width);
        // The more of the time they ran, the higher.
        let share = super::words::ratio(mark.busy, mark.end - mark.start).clamp(0.25, 1.0);
        let height = if state == State::Completed && mark.count > 1 { self.height * share } else { self.height };
        [x, self.y + self.height - height, width, height]
    }
}

/// The last part of a path, without the closures in it.
fn short_name(name: &str) -> &str {
    let path = name.trim_end_matches("::{{closure}}");
    let is_path = !path.contains([' ', '<', '(', '/']);
    path.rsplit("::").next().filter(|_| is_path).unwrap_or(name)
}

fn of_one(bar: &Bar) -> String {
    let mut text = limited(bar.name()).to_owned();
    // A string takes all, here and below.
    if let Some(tag) = bar.job.tag() {
        let _ = write!(text, " [{}]", limited(tag));
    }
    let _ = write!(text, "\n{}, job {}", bar.state.text(), bar.id);
    if bar.attempt > 1 {
        let _ = write!(text, ", attempt {}", bar.attempt);
    }
    let (waited, ran) = (duration(bar.start - bar.queued), duration(bar.end - bar.start));
    let _ = write!(text, "\nwaited {waited}, ran {ran}");
    if let Some(pid) = bar.pid {
        let _ = write!(text, " in process {pid}");
    }
    if let Some(place) = bar.job.place {
        let _ = write!(text, "\nsubmitted at {place}");
    }
    text
}

fn of_several(mark: &Mark<'_>, state: State) -> String {
    let (number, name) = (count(mark.count as u64), limited(mark.first.name()));
    let others = if mark.is_one_name { "" } else { " and others" };
    let (start, end) = (duration(mark.start), duration(mark.end));
    let times = format!("from {start} to {end}, running for {}", duration(mark.busy));
    format!("{number} jobs {}: {name}{others}\n{times}", state.text())
}

/// A name that is longer says no more.
fn limited(text: &str) -> &str {
    text.char_indices().nth(120).map_or(text, |(at, _)| &text[..at])
}

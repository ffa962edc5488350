//! Draws a recording.

mod marks;
pub(super) mod page;
mod panels;
mod rows;
mod scale;
pub(super) mod words;

use super::timeline::{State, Timeline, Worker};
use page::{Font, MARGIN, Page, WIDTH};
use rows::Rows;
use scale::Scale;
use words::{count, counted, duration, ratio};

/// How many workers are drawn at most: first those with failures, then the busiest.
const MOST_WORKERS: usize = 512;

pub(super) fn draw(timeline: &Timeline) -> String {
    let workers = timeline.workers(false);
    let all = workers.len();
    let summary = summary(timeline, &workers);
    let workers = chosen(workers, timeline.length);
    let title = format!("Timeline of {}", timeline.program);
    let mut page = Page::new();
    page.line(Font::Title, "title", &words::shortened(&title, (WIDTH - 2.0 * MARGIN) / Font::Title.size()));
    page.paragraph("", &summary);
    for note in notes(timeline, workers.len(), all) {
        page.paragraph("note", &note);
    }
    legend(&mut page, &timeline.counts());
    let rows = Rows::new(&workers);
    let scale = Scale::new(rows.names(), timeline.length);
    scale.draw(&mut page);
    rows.draw(&mut page, scale);
    panels::queue(&mut page, scale, timeline);
    panels::memory(&mut page, scale, &timeline.memory);
    scale.draw(&mut page);
    page.finish(&title, &summary)
}

fn summary(timeline: &Timeline, workers: &[Worker<'_>]) -> String {
    let jobs = timeline.bars().count();
    let length = duration(timeline.length);
    if jobs == 0 {
        return format!("no job ran in {length}");
    }
    let number = i64::try_from(workers.len()).unwrap_or(i64::MAX);
    let busy: i64 = workers.iter().map(|worker| worker.busy(timeline.length)).sum();
    let share = 100.0 * ratio(busy, timeline.length.saturating_mul(number));
    let (jobs, number) = (counted(jobs as u64, "job"), counted(workers.len() as u64, "worker"));
    format!("{jobs} in {length}, on {number} that had a job {share:.0} % of the time")
}

/// All that is left out is told.
fn notes(timeline: &Timeline, shown: usize, all: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if timeline.dropped > 0 {
        let (dropped, limit) = (counted(timeline.dropped, "job"), count(timeline.limit as u64));
        notes.push(format!("{dropped} that ended before these are not shown: a recording keeps the last {limit}"));
    }
    if shown < all {
        notes.push(format!(
            "{shown} of {} are shown: those with failures, then the busiest",
            counted(all as u64, "worker")
        ));
    }
    notes
}

/// In the order that they had.
fn chosen(workers: Vec<Worker<'_>>, length: i64) -> Vec<Worker<'_>> {
    if workers.len() <= MOST_WORKERS {
        return workers;
    }
    let failures = |worker: &Worker<'_>| worker.bars.iter().filter(|bar| bar.state > State::Running).count();
    let mut ranked: Vec<_> = workers.into_iter().enumerate().collect();
    ranked.sort_by_cached_key(|(_, worker)| std::cmp::Reverse((failures(worker), worker.busy(length))));
    ranked.truncate(MOST_WORKERS);
    ranked.sort_by_key(|(place, _)| *place);
    ranked.into_iter().map(|(_, worker)| worker).collect()
}

/// The states that occur, with their colours, in rows of their own.
fn legend(page: &mut Page, counts: &[(State, usize)]) {
    const SIZE: f64 = 12.0;
    if counts.is_empty() {
        return;
    }
    let texts = counts.iter().map(|(state, number)| format!("{} {}", count(*number as u64), state.text()));
    for ([x, y], (state, _)) in page.entries(SIZE, texts).into_iter().zip(counts) {
        page.rect(state.class(), [x, y - 11.0, SIZE, SIZE]);
    }
}

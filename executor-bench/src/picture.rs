//! The rows that matter as a picture: bars of ratios, in colours for light and dark screens.

use std::fmt::Write;

use crate::busy::Beside;
use crate::compare::{Compared, compare};
use crate::measurements::Measurements;
use crate::peers::{Bare, Contender, Rayon, Tokio};
use crate::plans::{SECTIONS, Scale};
use crate::processes::{CHANNEL, Kind, MEMCPY, SPAWNED};
use crate::report::number;

const STYLE: &str = "\
.paper{fill:#fff}.good{fill:#1a7f43}.bad{fill:#b3261e}.busy{opacity:.45}.line{stroke:#8592a8}\
text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;font-size:14px;fill:#1b2330}.note{fill:#475367;font-size:12.5px}\
@media (prefers-color-scheme:dark){.paper{fill:#151a22}.good{fill:#58c27d}.bad{fill:#f28b82}.line{stroke:#6b7a94}text{fill:#e8edf5}\
.note{fill:#b6c1d3}}";

const TITLE: &str = "Ten rows of the benchmarks";
const DESCRIPTION: &str = "Bars of our time divided by a peer's, on a quiet machine and beside two busy loops. A bar to the left of the middle \
                           line: ours is faster. To the right: the peer is.";

/// A row of the picture.
struct Row {
    /// The measured thing, and the peer, in a reader's words.
    text: &'static str,
    against: &'static str,
    /// The plan whose label contains this.
    work: &'static str,
    /// The contenders whose names start so. The one is shown that is best against ours.
    peer: &'static str,
}

const ROWS: [Row; 10] = [
    Row {
        text: "A job on a busy thread pool",
        against: "rayon::spawn and a oneshot",
        work: "200k submits",
        peer: Rayon::NAME,
    },
    Row {
        text: "The same from 64 threads at once",
        against: "a bare channel",
        work: " 64 submitters",
        peer: Bare::NAME,
    },
    Row { text: "A job on an idle thread pool", against: "a bare channel", work: "ping-pong", peer: Bare::NAME },
    Row {
        text: "A burst of jobs wakes 32 threads",
        against: "tokio's spawn_blocking",
        work: "burst on 32 workers",
        peer: Tokio::NAME,
    },
    Row {
        text: "A job in another process, and its result",
        against: "a bare ipc-channel",
        work: "process ping-pong",
        peer: CHANNEL,
    },
    Row {
        text: "The same",
        against: "CPython's ProcessPoolExecutor",
        work: "process ping-pong",
        peer: Kind::Executor.name(),
    },
    Row {
        text: "An item of map over processes",
        against: "multiprocessing.Pool, its best chunk",
        work: "process map",
        peer: Kind::Pool.name(),
    },
    Row { text: "Start of a worker process", against: "procspawn", work: "process start", peer: SPAWNED },
    Row { text: "The same from a template", against: "procspawn", work: "worker of a template", peer: SPAWNED },
    Row {
        text: "16 MiB of f64 to a process and back",
        against: "two memcpy in one process",
        work: "16 MiB there and back, Vec<f64>",
        peer: MEMCPY,
    },
];

const WIDTH: i32 = 800;
/// Where the bars of ratio 1 would be, and how wide a factor of ten is.
const MIDDLE: i32 = 630;
const DECADE: f64 = 140.0;
/// Ratios beyond these two are drawn as these.
const LEAST: f64 = 0.012;
const MOST: f64 = 10.0;
const TOP: i32 = 62;
const ROW: i32 = 46;

/// Our median ratio to the peer, on a quiet and on a busy machine.
fn ratios(file: &Measurements, row: &Row) -> [Option<f64>; Beside::ALL.len()] {
    let found = SECTIONS.iter().find_map(|(title, plans)| {
        let plans = plans(Scale::whole(file.threads));
        Some((title, plans.into_iter().find(|plan| plan.label.contains(row.work))?))
    });
    Beside::ALL.map(|beside| {
        let (title, plan) = found.as_ref()?;
        let measured = &file.find(title, &plan.label, beside)?.measured;
        let compared = compare(plan, measured);
        let peers = compared.iter().filter(|compared| compared.name.starts_with(row.peer));
        peers.filter_map(Compared::ratio).max_by(f64::total_cmp)
    })
}

/// The picture of all rows, those without a measurement included.
pub(crate) fn draw(file: &Measurements) -> String {
    let mut body = String::new();
    let height = TOP + ROW * i32::try_from(ROWS.len()).expect("a small number") + 14;
    text(&mut body, [20, 26], "start", "", "Ours divided by the peer's: shorter to the left is faster");
    text(&mut body, [20, 46], "start", "note", "full colour: a quiet machine; pale: two busy loops beside");
    for (tick, name) in [(0.1, "0.1"), (1.0, "1"), (10.0, "10")] {
        let x = place(tick);
        writeln!(body, r#"<line class="line" x1="{x}" y1="{}" x2="{x}" y2="{}"/>"#, TOP - 8, height - 14)
            .expect("a string takes all");
        text(&mut body, [x, TOP - 14], "middle", "note", name);
    }
    for (row, y) in ROWS.iter().zip((TOP..).step_by(ROW as usize)) {
        text(&mut body, [20, y + 16], "start", "", row.text);
        text(&mut body, [20, y + 33], "start", "note", &format!("against {}", row.against));
        let ratios = ratios(file, row);
        if ratios == [None, None] {
            text(&mut body, [MIDDLE - 8, y + 24], "end", "note", "not measured");
        }
        for ((ratio, beside), y) in ratios.into_iter().zip(Beside::ALL).zip([y + 2, y + 22]) {
            let Some(ratio) = ratio else { continue };
            bar(&mut body, ratio, beside, y);
        }
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title description">
<title id="title">{TITLE}</title>
<desc id="description">{DESCRIPTION}</desc>
<style>{STYLE}</style>
<rect class="paper" width="{WIDTH}" height="{height}" rx="10"/>
{body}</svg>
"#
    )
}

fn bar(body: &mut String, ratio: f64, beside: Beside, y: i32) {
    let look = match (ratio > 1.0, beside) {
        (false, Beside::Nothing) => "good",
        (false, Beside::Loops) => "good busy",
        (true, Beside::Nothing) => "bad",
        (true, Beside::Loops) => "bad busy",
    };
    let end = place(ratio.clamp(LEAST, MOST));
    let (from, width) = (end.min(MIDDLE), (end - MIDDLE).abs().max(1));
    writeln!(body, r#"<rect class="{look}" x="{from}" y="{y}" width="{width}" height="16" rx="2"/>"#)
        .expect("a string takes all");
    let (at, anchor) = if ratio > 1.0 { (end + 6, "start") } else { (end - 6, "end") };
    text(body, [at, y + 13], anchor, "note", &number(ratio));
}

#[expect(clippy::cast_possible_truncation, reason = "within the picture")]
fn place(ratio: f64) -> i32 {
    MIDDLE + (ratio.log10() * DECADE).round() as i32
}

fn text(body: &mut String, [x, y]: [i32; 2], anchor: &str, class: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    writeln!(body, r#"<text x="{x}" y="{y}" text-anchor="{anchor}" class="{class}">{text}</text>"#)
        .expect("a string takes all");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Facts;
    use crate::measurements::Entry;
    use crate::stats::Samples;

    /// Measurements of all works, in which ours takes `ours` times what each peer does.
    fn all(ours: f64) -> Measurements {
        let mut file = Measurements { threads: 2, entries: Vec::new() };
        for (title, plans) in SECTIONS {
            for plan in plans(Scale::whole(2)) {
                let peers = ROWS.iter().map(|row| (row.peer.to_owned(), Ok(Samples(vec![1.0]))));
                let measured = peers.chain([("ours".to_owned(), Ok(Samples(vec![ours])))]).collect();
                let facts = Facts::default();
                let (section, label) = (title.to_owned(), plan.label);
                file.entries.push(Entry { section, label, beside: Beside::Nothing, facts, measured });
            }
        }
        file
    }

    #[test]
    fn each_row_is_a_work_of_the_page() {
        let file = all(0.5);
        for row in &ROWS {
            assert_eq!(ratios(&file, row), [Some(0.5), None], "{}", row.work);
        }
        assert_eq!(ratios(&Measurements::default(), &ROWS[0]), [None, None]);
    }

    #[test]
    fn bars_point_to_the_faster() {
        let (good, bad) = (draw(&all(0.5)), draw(&all(1e6)));
        assert!(good.contains(r#"class="good""#) && !good.contains(r#"class="bad""#));
        assert!(bad.contains(r#"class="bad""#) && bad.contains(&format!(r#"x="{MIDDLE}""#)));
        assert!(place(MOST) < WIDTH && place(LEAST) > 330, "the texts have room");
    }
}

//! Boxes, arrows and texts on a page of SVG, in colours for light and dark screens.

use std::fmt::Write as _;

/// The colours follow the reader's system. The page has a ground of its own, so that a text is legible on any site.
const STYLE: &str = "\
.paper{fill:#fff}.plain{fill:#eef2f8;stroke:#52617a}.good{fill:#e3f5ea;stroke:#1a7f43}.bad{fill:#fde9e7;stroke:#b3261e}\
.stop{fill:#fff3d9;stroke:#8a5a00}.side{fill:none;stroke:#8592a8;stroke-dasharray:5 4}\
text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;font-size:15px;fill:#1b2330}\
.head{font-weight:600}.note{fill:#475367;font-size:14px}.code{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:13.5px}\
.line{stroke:#52617a;fill:none;stroke-width:1.6}.tip{fill:#52617a}\
@media (prefers-color-scheme:dark){.paper{fill:#151a22}.plain{fill:#232c3a;stroke:#93a4c0}.good{fill:#16331f;stroke:#58c27d}\
.bad{fill:#3b1a18;stroke:#f28b82}.stop{fill:#382a0c;stroke:#e0b04c}.side{stroke:#6b7a94}text{fill:#e8edf5}.note{fill:#b6c1d3}\
.line{stroke:#93a4c0}.tip{fill:#93a4c0}}";

/// How wide a character is at most, in the fonts that stand in for each other. Mono is the widest.
const CHARACTER: i32 = 8;
const LINE: i32 = 19;

/// The meaning of a box, which decides its colour.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    Plain,
    Good,
    Bad,
    Stop,
    /// A frame around others.
    Side,
}

impl Look {
    fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Stop => "stop",
            Self::Side => "side",
        }
    }
}

/// A drawing that grows. Lengths are in pixels; y grows downwards.
pub(crate) struct Canvas {
    width: i32,
    height: i32,
    title: &'static str,
    description: &'static str,
    body: String,
}

impl Canvas {
    pub(crate) fn new(width: i32, height: i32, title: &'static str, description: &'static str) -> Self {
        Self { width, height, title, description, body: String::new() }
    }

    /// A box with lines of text in its middle. The first of several lines is a heading.
    ///
    /// # Panics
    ///
    /// If the text does not fit.
    pub(crate) fn boxed(&mut self, look: Look, [x, y, width, height]: [i32; 4], lines: &[&str]) {
        let class = look.class();
        writeln!(
            self.body,
            r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8" stroke-width="1.6"/>"#
        )
        .expect("a string takes all");
        assert!(
            x >= 0 && y >= 0 && x + width <= self.width && y + height <= self.height,
            "outside of the page: {lines:?}"
        );
        assert!(LINE * i32::try_from(lines.len()).expect("few lines") <= height, "too many lines: {lines:?}");
        let first = y + height / 2 + 5 - LINE * (i32::try_from(lines.len()).expect("few lines") - 1) / 2;
        for (line, at) in lines.iter().zip((first..).step_by(LINE as usize)) {
            assert!(length(line) <= width, "too wide by {}: {line}", length(line) - width);
            let class = if lines.len() > 1 && at == first { "head" } else { "" };
            self.text([x + width / 2, at], "middle", class, line);
        }
    }

    /// Lines of text that begin at a point.
    pub(crate) fn note(&mut self, [x, y]: [i32; 2], lines: &[&str]) {
        for (line, at) in lines.iter().zip((y..).step_by(LINE as usize)) {
            assert!(x + length(line) <= self.width, "too wide by {}: {line}", x + length(line) - self.width);
            self.text([x, at], "start", "note", line);
        }
    }

    /// A line through points, with a tip at its end.
    pub(crate) fn arrow(&mut self, points: &[[i32; 2]]) {
        let through = points.iter().map(|[x, y]| format!("{x},{y}")).collect::<Vec<_>>().join(" ");
        let [.., [from_x, from_y], [x, y]] = *points else { panic!("an arrow has two ends") };
        let (dx, dy) = ((x - from_x).signum(), (y - from_y).signum());
        let (back_x, back_y) = (x - 9 * dx, y - 9 * dy);
        let (a, b) = ([back_x - 5 * dy, back_y - 5 * dx], [back_x + 5 * dy, back_y + 5 * dx]);
        writeln!(self.body, r#"<polyline class="line" points="{through}"/>"#).expect("a string takes all");
        writeln!(self.body, r#"<polygon class="tip" points="{x},{y} {},{} {},{}"/>"#, a[0], a[1], b[0], b[1])
            .expect("a string takes all");
    }

    /// A line of text, in which code stands between backquotes.
    fn text(&mut self, [x, y]: [i32; 2], anchor: &str, class: &str, line: &str) {
        let mut spans = String::new();
        for (part, is_code) in line.split('`').zip([false, true].into_iter().cycle()) {
            let part = escaped(part);
            let (start, end) = if is_code { (r#"<tspan class="code">"#, "</tspan>") } else { ("", "") };
            spans.extend([start, &part, end]);
        }
        writeln!(self.body, r#"<text x="{x}" y="{y}" text-anchor="{anchor}" class="{class}">{spans}</text>"#)
            .expect("a string takes all");
    }

    pub(crate) fn finish(self) -> String {
        let Self { width, height, title, description, body } = self;
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-labelledby="title description">
<title id="title">{title}</title>
<desc id="description">{description}</desc>
<style>{STYLE}</style>
<rect class="paper" width="{width}" height="{height}" rx="10"/>
{body}</svg>
"#,
            title = escaped(title),
            description = escaped(description),
        )
    }
}

fn length(line: &str) -> i32 {
    i32::try_from(line.replace('`', "").chars().count()).expect("a short line") * CHARACTER
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

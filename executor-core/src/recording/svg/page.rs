//! A page of SVG that grows downwards, in colours for light and dark screens.

use std::fmt::{Display, Write as _};

use super::words::{Escaped, Length, width};

/// The width of a page. As the page is scaled to the reader's screen, text stays legible on a phone.
pub(super) const WIDTH: f64 = 680.0;
pub(super) const MARGIN: f64 = 16.0;

/// The colours of states differ for all kinds of colour vision, and from the page by a contrast of 3 at least. Text is neutral, and so is what
/// has no state. The page has a ground of its own, so it is legible on any site.
pub(in super::super) const STYLE: &str = "\
.paper{fill:#fff}.row{fill:#1b2330;fill-opacity:.05}.grid{stroke:#cfd6e2;fill:none}\
text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;font-size:15px;fill:#1b2330}\
.title{font-size:18px;font-weight:600}.note{fill:#475367}.in{font-size:13px;pointer-events:none}\
.area{fill:#1b2330;fill-opacity:.13;stroke:#1b2330;stroke-width:.8}.line{fill:none;stroke:#1b2330;stroke-width:1.4;stroke-linejoin:round}.dash{stroke-dasharray:5 3}\
.completed{fill:#2f74d0}.running{fill:#dbe8fb;stroke:#2f74d0;stroke-dasharray:3 2}.cancelled{fill:#6a727d}.failed{fill:#1ba39c}\
.late{fill:#b78d00}.panicked{fill:#cf1b26}.crashed{fill:#470b73}\
.on-completed,.on-cancelled,.on-panicked,.on-crashed{fill:#fff}.on-running,.on-failed,.on-late{fill:#10151d}\
@media (prefers-color-scheme:dark){.paper{fill:#151a22}.row{fill:#e8edf5}.grid{stroke:#39445a}text{fill:#e8edf5}.note{fill:#b6c1d3}\
.area{fill:#e8edf5;stroke:#e8edf5}.line{stroke:#e8edf5}\
.completed{fill:#4f95f2}.running{fill:#1b2f4d;stroke:#4f95f2}.cancelled{fill:#6e7681}.failed{fill:#4fe0b0}.late{fill:#ffd24d}\
.panicked{fill:#ff5a52}.crashed{fill:#dba6ff}\
.on-completed,.on-failed,.on-late,.on-panicked,.on-crashed{fill:#10151d}.on-running,.on-cancelled{fill:#fff}}";

/// How high a text is.
#[derive(Clone, Copy)]
pub(in super::super) enum Font {
    Title,
    Text,
    /// Inside of a job.
    Small,
}

impl Font {
    pub(in super::super) fn size(self) -> f64 {
        match self {
            Self::Title => 18.0,
            Self::Text => 15.0,
            Self::Small => 13.0,
        }
    }
}

/// A drawing. `y` is where it goes on.
pub(super) struct Page {
    pub(super) y: f64,
    body: String,
}

impl Page {
    pub(super) fn new() -> Self {
        Self { y: MARGIN, body: String::new() }
    }

    /// Adds an element.
    pub(super) fn add(&mut self, element: impl Display) {
        // A string takes all.
        let _ = writeln!(self.body, "{element}");
    }

    /// A line of text that starts at `x`, whose letters stand on `y`.
    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let (x, y, text) = (Length(x), Length(y), Escaped(text));
        self.add(format_args!(r#"<text x="{x}" y="{y}" class="{class}">{text}</text>"#));
    }

    /// A line of text with its `anchor`, which is the middle or the end, at `x`.
    pub(super) fn anchored(&mut self, anchor: &str, x: f64, text: &str, y: f64) {
        let (x, y, text) = (Length(x), Length(y), Escaped(text));
        self.add(format_args!(r#"<text x="{x}" y="{y}" text-anchor="{anchor}" class="note">{text}</text>"#));
    }

    /// A line of text at the left, below all before.
    pub(super) fn line(&mut self, font: Font, class: &str, text: &str) {
        self.y += font.size();
        self.text(MARGIN, self.y, class, text);
        self.y += 0.5 * font.size();
    }

    /// Lines of text at the left that are no longer than the page is wide, broken between words.
    pub(super) fn paragraph(&mut self, class: &str, text: &str) {
        let mut line = String::new();
        for word in text.split(' ') {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if !line.is_empty() && width(&longer) * Font::Text.size() > WIDTH - 2.0 * MARGIN {
                self.line(Font::Text, class, &line);
                word.clone_into(&mut line);
            } else {
                line = longer;
            }
        }
        self.line(Font::Text, class, &line);
    }

    /// Lines of entries, each a sample of what it stands for and a text. Returns where each sample is to be drawn, in `space`.
    pub(super) fn entries(&mut self, space: f64, texts: impl Iterator<Item = String>) -> Vec<[f64; 2]> {
        const SPACE: f64 = 6.0;
        let (mut x, mut places) = (MARGIN, Vec::new());
        self.y += Font::Text.size();
        for text in texts {
            let width = space + SPACE + width(&text) * Font::Text.size();
            if x > MARGIN && x + width > WIDTH - MARGIN {
                (x, self.y) = (MARGIN, self.y + 1.4 * Font::Text.size());
            }
            places.push([x, self.y]);
            self.text(x + space + SPACE, self.y, "note", &text);
            x += width + 2.0 * SPACE;
        }
        self.y += 0.5 * Font::Text.size();
        places
    }

    pub(super) fn rect(&mut self, class: &str, [x, y, width, height]: [f64; 4]) {
        let [x, y, width, height] = [x, y, width, height].map(Length);
        self.add(format_args!(r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}"/>"#));
    }

    /// Draws the vertical lines at `xs` from `top` down to `bottom`, behind what was added since `mark`.
    pub(super) fn grid(&mut self, mark: usize, xs: impl Iterator<Item = f64>, [top, bottom]: [f64; 2]) {
        let (top, bottom) = (Length(top), Length(bottom));
        let path = xs.map(|x| format!("M{} {top}V{bottom}", Length(x))).collect::<Vec<_>>().concat();
        self.body.insert_str(mark, &format!("<path class=\"grid\" d=\"{path}\"/>\n"));
    }

    /// For [`grid`](Self::grid): all before is behind its lines.
    pub(super) fn mark(&self) -> usize {
        self.body.len()
    }

    pub(super) fn finish(self, title: &str, description: &str) -> String {
        let (height, title, description) = (Length(self.y + MARGIN), Escaped(title), Escaped(description));
        let body = self.body;
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title description">
<title id="title">{title}</title>
<desc id="description">{description}</desc>
<style>{STYLE}</style>
<rect class="paper" width="{WIDTH}" height="{height}" rx="10"/>
{body}</svg>
"#
        )
    }
}

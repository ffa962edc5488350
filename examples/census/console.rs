//! Stderr: progress where a person looks at it, and a line for each path that failed.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Two progress bars on a terminal, none elsewhere.
pub(crate) struct Console {
    bars: MultiProgress,
    read: ProgressBar,
    parsed: ProgressBar,
}

impl Console {
    pub(crate) fn new() -> Self {
        // How much there is to do is known only at the end, so these count instead of filling up.
        let style = |template| ProgressStyle::with_template(template).expect("the template is a constant");
        let bars = MultiProgress::new();
        let bar = |template| bars.add(ProgressBar::no_length().with_style(style(template)));
        let read = bar("{spinner} read   {decimal_bytes:>10} {decimal_bytes_per_sec:>12}");
        let parsed = bar("{spinner} parsed {human_pos:>10} files in {elapsed}");
        Self { bars, read, parsed }
    }

    pub(crate) fn has_read(&self, bytes: usize) {
        self.read.inc(bytes as u64);
    }

    pub(crate) fn has_parsed(&self) {
        self.parsed.inc(1);
    }

    /// One line about a file, above the bars.
    pub(crate) fn report(&self, name: &Path, what: impl Display) {
        self.bars.suspend(|| complain(format_args!("{}: {}", shown(name), one_line(&what.to_string()))));
    }

    pub(crate) fn clear(&self) {
        // If they cannot be cleared, the terminal is gone, and they are too.
        drop(self.bars.clear());
    }
}

/// A line on stderr. There is nowhere to say that stderr is closed.
pub(crate) fn complain(what: impl Display) {
    drop(writeln!(io::stderr(), "{what}"));
}

/// A path as text, in one line whatever it is made of: what is not UTF-8 is replaced.
pub(crate) fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy())
}

/// Text with its control characters escaped: names, and the messages of panics, may have line ends in them.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

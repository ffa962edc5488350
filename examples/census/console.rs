//! Stderr: progress, and a line for each path that failed.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};

use crate::options::Options;

/// Two progress bars on a terminal; elsewhere, as in a log, a line now and then.
pub(crate) struct Console {
    bars: MultiProgress,
    read: ProgressBar,
    parsed: ProgressBar,
    start: Instant,
    next_line: Cell<Duration>,
}

/// The first line comes after a second, and the others after five each.
const FIRST_LINE: Duration = Duration::from_secs(1);
const LINE_PERIOD: Duration = Duration::from_secs(5);

impl Console {
    /// Says first what will be done.
    pub(crate) fn new(options: &Options) -> Self {
        let limit = options
            .limit
            .map_or(String::new(), |limit| format!(", for {} s at most (`--all`: no limit)", limit.as_secs()));
        complain(format_args!("census: reading {}, parsing on {}{limit}", shown(&options.directory), options.place()));
        // How much there is to do is known only at the end, so these count instead of filling up.
        let style = |template| ProgressStyle::with_template(template).expect("the template is a constant");
        let bars = MultiProgress::new();
        let bar = |template| bars.add(ProgressBar::no_length().with_style(style(template)));
        let read = bar("{spinner} read   {decimal_bytes:>10} {decimal_bytes_per_sec:>12}");
        let parsed = bar("{spinner} parsed {human_pos:>10} files in {elapsed}");
        Self { bars, read, parsed, start: Instant::now(), next_line: Cell::new(FIRST_LINE) }
    }

    pub(crate) fn has_read(&self, bytes: usize) {
        self.read.inc(bytes as u64);
    }

    pub(crate) fn has_parsed(&self) {
        self.parsed.inc(1);
        let elapsed = self.start.elapsed();
        if self.bars.is_hidden() && elapsed >= self.next_line.get() {
            self.next_line.set(elapsed + LINE_PERIOD);
            let (files, bytes) = (HumanCount(self.parsed.position()), DecimalBytes(self.read.position()));
            complain(format_args!("census: {files} files parsed, {bytes} read in {} s", elapsed.as_secs()));
        }
    }

    /// One line about a file, above the bars.
    pub(crate) fn report(&self, name: &Path, what: impl Display) {
        self.bars.suspend(|| complain(format_args!("{}: {}", shown(name), one_line(&what.to_string()))));
    }

    /// The bars, for others to add theirs.
    #[cfg(feature = "nats")]
    pub(crate) fn bars(&self) -> MultiProgress {
        self.bars.clone()
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

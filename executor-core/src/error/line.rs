//! Texts of one line: what `{}` of an error is, so that a log has a line for each.

use std::error::Error;
use std::fmt::{self, Write};

/// Writes `text` in one line: where it has several, each after a semicolon.
pub(super) fn one_line(f: &mut fmt::Formatter<'_>, text: fmt::Arguments<'_>) -> fmt::Result {
    Joiner { f, is_begun: false, is_broken: false }.write_fmt(text)
}

/// Writes `text` in one line; in the alternate form, as it is.
pub(super) fn line_or_all(f: &mut fmt::Formatter<'_>, text: fmt::Arguments<'_>) -> fmt::Result {
    if f.alternate() { f.write_fmt(text) } else { one_line(f, text) }
}

/// Writes `error`; in the alternate form with its causes, each after a colon.
pub(super) fn with_causes(f: &mut fmt::Formatter<'_>, error: &(dyn Error + 'static)) -> fmt::Result {
    line_or_all(f, format_args!("{error}"))?;
    let mut next = error.source().filter(|_| f.alternate());
    while let Some(cause) = next {
        write!(f, ": {cause}")?;
        next = cause.source();
    }
    Ok(())
}

struct Joiner<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    /// Whether anything was written.
    is_begun: bool,
    /// Whether a line has ended, and no other one has begun.
    is_broken: bool,
}

impl Write for Joiner<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (index, part) in text.split(['\n', '\r']).enumerate() {
            self.is_broken |= index > 0;
            let part = if self.is_broken { part.trim_start() } else { part };
            if part.is_empty() {
                continue;
            }
            if std::mem::take(&mut self.is_broken) && self.is_begun {
                self.f.write_str("; ")?;
            }
            self.is_begun = true;
            self.f.write_str(part)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lines(&'static str, &'static str);

    impl fmt::Display for Lines {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            line_or_all(f, format_args!("{}{}", self.0, self.1))
        }
    }

    #[test]
    fn lines_are_joined() {
        for (lines, line) in [
            (Lines("one", " line"), "one line"),
            (Lines("left != right\n  left: 1", "\n right: 2\n"), "left != right; left: 1; right: 2"),
            (Lines("\n\r\n", "\n  first\r\nsecond"), "first; second"),
            (Lines("first\n", "  \n second"), "first; second"),
            (Lines("", ""), ""),
        ] {
            assert_eq!(lines.to_string(), line);
            assert_eq!(format!("{lines:#}"), format!("{}{}", lines.0, lines.1));
        }
    }
}

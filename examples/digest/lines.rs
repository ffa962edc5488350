//! The lines on stdout and stderr.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A line as `sha256sum` writes it: the name is raw bytes, and where it would break the line it is escaped, which a
/// backslash in front of the line says.
pub(crate) fn write_digest(out: &mut impl Write, digest: &[u8; 32], path: &Path) -> io::Result<()> {
    let name = escaped(path.as_os_str().as_bytes());
    let mut line = Vec::with_capacity(name.len() + 68);
    if matches!(name, Cow::Owned(_)) {
        line.push(b'\\');
    }
    for byte in digest {
        write!(line, "{byte:02x}")?;
    }
    line.extend(b"  ");
    line.extend(&*name);
    line.push(b'\n');
    out.write_all(&line)
}

fn escaped(name: &[u8]) -> Cow<'_, [u8]> {
    if !name.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r')) {
        return Cow::Borrowed(name);
    }
    let mut escaped = Vec::with_capacity(name.len() + 8);
    for &byte in name {
        match byte {
            b'\\' => escaped.extend(br"\\"),
            b'\n' => escaped.extend(br"\n"),
            b'\r' => escaped.extend(br"\r"),
            byte => escaped.push(byte),
        }
    }
    Cow::Owned(escaped)
}

/// A line on stderr. There is nowhere to say that stderr is closed.
pub(crate) fn complain(what: impl Display) {
    drop(writeln!(io::stderr(), "{what}"));
}

/// A line on stderr about a path that failed.
pub(crate) fn report(path: &Path, reason: &str) {
    complain(format_args!("{}: {}", shown(path), one_line(reason)));
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

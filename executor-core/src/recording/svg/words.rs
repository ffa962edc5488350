//! Numbers, times and names as text, and how much room a text takes.

use std::fmt::{self, Display};

const MICRO: i64 = 1_000;
const MILLI: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Nanoseconds, to three digits.
pub(in super::super) fn duration(nanos: i64) -> String {
    let nanos = nanos.max(0);
    // Of what rounds up to the next unit, such as 999.9 µs, the next unit is shown.
    let digits = |unit: i64| {
        let value = ratio(nanos, unit);
        let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
        trimmed(format!("{value:.decimals$}"))
    };
    match nanos {
        0..MICRO => format!("{nanos} ns"),
        MICRO..999_500 => digits(MICRO) + " µs",
        999_500..999_500_000 => digits(MILLI) + " ms",
        999_500_000..59_950_000_000 => digits(SECOND) + " s",
        59_950_000_000..3_599_500_000_000 => {
            let seconds = (nanos + SECOND / 2) / SECOND;
            both(counted_in(seconds / 60, "min"), seconds % 60, "s")
        }
        _ => {
            let minutes = (nanos + MINUTE / 2) / MINUTE;
            both(counted_in(minutes / 60, "h"), minutes % 60, "min")
        }
    }
}

fn counted_in(number: i64, unit: &str) -> String {
    format!("{} {unit}", count(number))
}

/// Two units, without the second if there is none of it.
fn both(first: String, rest: i64, unit: &str) -> String {
    if rest == 0 { first } else { format!("{first} {rest} {unit}") }
}

/// The moment at a tick of the axis, in the unit that all ticks share.
pub(in super::super) fn tick(at: i64, step: i64, length: i64) -> String {
    let (unit, name) = match (step, length) {
        (HOUR.., _) => (HOUR, "h"),
        (MINUTE.., _) => (MINUTE, "min"),
        (_, SECOND..) => (SECOND, "s"),
        (_, MILLI..) => (MILLI, "ms"),
        (_, MICRO..) => (MICRO, "µs"),
        _ => (1, "ns"),
    };
    format!("{} {name}", trimmed(format!("{:.3}", ratio(at, unit))))
}

/// The length of a step between ticks: the first of 1, 2, 5, 10 … units that is at least `least`.
pub(in super::super) fn step(least: i64) -> i64 {
    let decades =
        |unit: i64, count: u32| (0..count).flat_map(move |n| [1, 2, 5].map(|digit| digit * unit * 10_i64.pow(n)));
    let clock = [SECOND, MINUTE].into_iter().flat_map(|unit| [1, 2, 5, 10, 20, 30].map(|digit| digit * unit));
    let mut steps = decades(1, 9).chain(clock).chain(decades(HOUR, 6));
    steps.find(|step| *step >= least).unwrap_or(1_000_000 * HOUR)
}

#[expect(clippy::cast_precision_loss, reason = "a picture shows three digits")]
pub(in super::super) fn ratio(part: i64, whole: i64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// A number with a comma before each three digits.
pub(in super::super) fn count(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or_default().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 job`, `2 jobs`.
pub(in super::super) fn counted(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or_default();
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Bytes, to three digits.
pub(in super::super) fn bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a picture shows three digits")]
    let mut value = bytes as f64;
    let mut units = ["B", "KiB", "MiB", "GiB", "TiB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{} {unit}", trimmed(format!("{value:.decimals$}")))
}

/// Without zeros at the end of a fraction.
fn trimmed(number: String) -> String {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.').to_owned() } else { number }
}

/// A length in the picture, with two digits of a fraction at most.
pub(super) struct Length(pub(super) f64);

impl Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&trimmed(format!("{:.2}", if self.0.is_finite() { self.0 } else { 0.0 })))
    }
}

/// A text in XML. Characters that XML cannot hold, and those that turn the direction of what follows, are replaced.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\n' => f.write_str("\n")?,
                '\t' => f.write_str(" ")?,
                '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    f.write_str("\u{fffd}")?;
                }
                '\u{fffe}' | '\u{ffff}' => f.write_str("\u{fffd}")?,
                _ => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// How wide a text is at most, in the fonts that stand in for each other, in heights of the font.
pub(in super::super) fn width(text: &str) -> f64 {
    text.chars().map(character).sum()
}

fn character(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 1.0,
        'A'..='Z' | '#' | '&' | '<' | '>' | '=' | '+' | '~' => 0.84,
        ' '..='~' => 0.65,
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0.0,
        '\0'..'\u{1100}' => 0.9,
        _ => 1.4,
    }
}

/// The longest start of `text` that fits into `room`, with an ellipsis if that is not all of the text. Empty if hardly anything fits.
pub(in super::super) fn shortened(text: &str, room: f64) -> String {
    cut(text.chars(), room).unwrap_or_default()
}

/// Like [`shortened`], but keeps the end, where the numbers of workers are.
pub(in super::super) fn shortened_in_front(text: &str, room: f64) -> String {
    cut(text.chars().rev(), room).unwrap_or_default().chars().rev().collect()
}

fn cut(chars: impl Iterator<Item = char> + Clone, room: f64) -> Option<String> {
    /// Less says nothing.
    const LEAST: usize = 3;
    // A newline would end the line, and so does one that is escaped.
    let chars = chars.map(|c| if c.is_control() { '\u{fffd}' } else { c });
    if chars.clone().map(character).sum::<f64>() <= room {
        return Some(chars.collect());
    }
    let mut used = character('…');
    let fitting = chars.take_while(|c| {
        used += character(*c);
        used <= room
    });
    let text: String = fitting.collect();
    (text.chars().count() >= LEAST).then(|| text + "…")
}

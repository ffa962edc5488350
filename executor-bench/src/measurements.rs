//! All measurements that `BENCHMARKS.md` shows, as a file: a work measured again takes the place of what was there.

use std::error::Error;
use std::fmt::Write;

use crate::busy::Beside;
use crate::child;
use crate::machine::Facts;
use crate::rounds::Measured;
use crate::stats::Samples;

const HEAD: &str =
    "# Written by executor-bench --write. Works, and under each of them its contenders with their measurements.\n";

/// Starts the line with the number of threads.
const THREADS: &str = "threads";

/// Starts the line of a work.
const WORK: &str = "work";

/// A work that was measured, on a quiet or a busy machine.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) section: String,
    pub(crate) label: String,
    pub(crate) beside: Beside,
    pub(crate) facts: Facts,
    pub(crate) measured: Vec<Measured>,
}

/// The measurements of one machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measurements {
    /// Of the pools, where a work does not say it itself: they are part of labels.
    pub(crate) threads: u64,
    pub(crate) entries: Vec<Entry>,
}

impl Measurements {
    /// The measurements of a file's text.
    ///
    /// # Errors
    ///
    /// If it has a line of no known form.
    pub(crate) fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let mut file = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let cells: Vec<_> = line.split('\t').collect();
            match (&cells[..], file.entries.last_mut()) {
                (&[THREADS, threads], _) => file.threads = threads.parse()?,
                (&[WORK, section, label, beside, time, load, machine], _) => {
                    let beside = Beside::named(beside).ok_or_else(|| format!("`{line}`: quiet or busy?"))?;
                    let facts = Facts { machine: machine.into(), load: load.parse().ok(), time: time.parse()? };
                    let (section, label) = (section.into(), label.into());
                    file.entries.push(Entry { section, label, beside, facts, measured: Vec::new() });
                }
                (_, Some(entry)) => entry.measured.push(child::parse(line)?),
                (_, None) => return Err(format!("`{line}` belongs to no work").into()),
            }
        }
        Ok(file)
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{HEAD}{THREADS}\t{}\n", self.threads);
        for Entry { section, label, beside, facts: Facts { machine, load, time }, measured } in &self.entries {
            let load = load.map_or_else(|| "–".to_owned(), |load| load.to_string());
            writeln!(text, "\n{WORK}\t{section}\t{label}\t{}\t{time}\t{load}\t{machine}", beside.name())
                .expect("a string takes everything");
            for measured in measured {
                text.extend([&child::line(measured), "\n"]);
            }
        }
        text
    }

    /// Puts an entry in the place of the one for the same work, or behind all others. Its values are as they are read again.
    pub(crate) fn put(&mut self, mut entry: Entry) {
        for Samples(values) in entry.measured.iter_mut().filter_map(|(_, samples)| samples.as_mut().ok()) {
            for value in values {
                *value = short(*value);
            }
        }
        match self.entries.iter_mut().find(|other| is_same(other, &entry.section, &entry.label, entry.beside)) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
    }

    pub(crate) fn find(&self, section: &str, label: &str, beside: Beside) -> Option<&Entry> {
        self.entries.iter().find(|entry| is_same(entry, section, label, beside))
    }
}

fn is_same(entry: &Entry, section: &str, label: &str, beside: Beside) -> bool {
    (&*entry.section, &*entry.label, entry.beside) == (section, label, beside)
}

/// A value with as many digits as a measurement may have.
fn short(value: f64) -> f64 {
    format!("{value:.4e}").parse().expect("it is a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(label: &str, beside: Beside, value: f64) -> Entry {
        let measured = vec![
            ("ours".to_owned(), Ok(Samples(vec![value, 2.0 * value]))),
            ("a peer".to_owned(), Err("it is not there".to_owned())),
        ];
        let facts = Facts { machine: "Cores: 2.".into(), load: Some(0.25), time: 7 };
        Entry { section: "Threads".into(), label: label.into(), beside, facts, measured }
    }

    #[test]
    fn files_are_read_as_they_were_written() {
        let mut file = Measurements { threads: 2, entries: Vec::new() };
        for beside in Beside::ALL {
            file.put(entry("ping, pong", beside, 1234.5));
        }
        file.put(entry("burst", Beside::Nothing, 0.0));
        let again = Measurements::parse(&file.text()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{file:?}"));
        assert!(Measurements::parse("ours\t1").is_err() && Measurements::parse("work\tx").is_err());
    }

    #[test]
    fn works_measured_again_keep_their_place() {
        let mut file = Measurements::default();
        for label in ["first", "second"] {
            file.put(entry(label, Beside::Nothing, 1.0));
        }
        file.put(entry("first", Beside::Nothing, 3.0));
        file.put(entry("first", Beside::Loops, 4.0));
        let labels: Vec<_> = file.entries.iter().map(|entry| (&*entry.label, entry.beside.name())).collect();
        assert_eq!(labels, [("first", "quiet"), ("second", "quiet"), ("first", "busy")]);
        let first = file.find("Threads", "first", Beside::Nothing).unwrap();
        assert!((first.measured[0].1.as_ref().unwrap().min() - 3.0).abs() < 1e-9);
    }

    #[test]
    fn values_have_five_digits() {
        let shortened = [123_456.0, 0.001_234_567, 0.0].map(short);
        assert!(shortened.iter().zip([123_460.0, 0.001_234_6, 0.0]).all(|(one, other)| (one - other).abs() < 1e-12));
        assert!(short(f64::NAN).is_nan());
    }
}

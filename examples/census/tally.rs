//! The sums. They keep a record for each crate and ten files, not for each file.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::analyse::Analysis;
use crate::walk::Source;

/// Everything that is known when the census ends.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) crates: BTreeMap<String, Sums>,
    pub(crate) totals: Sums,
    pub(crate) most_unsafe: Top<u64>,
    pub(crate) slowest: Top<Duration>,
}

/// The sums over some files.
#[derive(Clone, Default)]
pub(crate) struct Sums {
    /// Parsed or not.
    pub(crate) files: u64,
    pub(crate) unparsed: u64,
    /// Paths that could not be visited, read or parsed without a crash; only in the totals.
    pub(crate) failed: u64,
    pub(crate) lines: u64,
    pub(crate) functions: u64,
    pub(crate) unsafe_blocks: u64,
    pub(crate) panics: u64,
    pub(crate) deepest: u64,
    pub(crate) slowest: Duration,
}

impl Sums {
    fn add(&mut self, analysis: &Analysis) {
        self.files += 1;
        self.lines += analysis.lines;
        self.functions += analysis.functions;
        self.unsafe_blocks += analysis.unsafe_blocks;
        self.panics += analysis.panics;
        self.deepest = self.deepest.max(analysis.deepest);
        self.slowest = self.slowest.max(analysis.parsing);
    }

    fn add_unparsed(&mut self) {
        self.files += 1;
        self.unparsed += 1;
    }
}

impl Tally {
    pub(crate) fn add(&mut self, source: &Source, analysis: &Analysis) {
        self.crates.entry(source.of_crate.clone()).or_default().add(analysis);
        self.totals.add(analysis);
        if analysis.unsafe_blocks > 0 {
            self.most_unsafe.offer(analysis.unsafe_blocks, source);
        }
        self.slowest.offer(analysis.parsing, source);
    }

    pub(crate) fn add_unparsed(&mut self, source: &Source) {
        self.crates.entry(source.of_crate.clone()).or_default().add_unparsed();
        self.totals.add_unparsed();
    }
}

/// The ten files with the highest scores, highest first; among equals, those first in the alphabet.
#[derive(Default)]
pub(crate) struct Top<S>(Vec<(Reverse<S>, std::path::PathBuf)>);

impl<S: Copy + Ord> Top<S> {
    const LEN: usize = 10;

    fn offer(&mut self, score: S, source: &Source) {
        let place = self.0.partition_point(|(other, name)| (*other, name) < (Reverse(score), &source.name));
        if place < Self::LEN {
            self.0.truncate(Self::LEN - 1);
            self.0.insert(place, (Reverse(score), source.name.clone()));
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (S, &std::path::Path)> {
        self.0.iter().map(|(Reverse(score), name)| (*score, &**name))
    }
}

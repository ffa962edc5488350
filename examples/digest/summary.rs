//! Files with the same content, and sums over all files.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::lines::shown;
use crate::parts::Whole;

/// How many bytes a file must have for its own compressibility to say something.
const TELLING: u64 = 1024;

#[derive(Default)]
pub(crate) struct Summary {
    files: u64,
    bytes: u64,
    deflated: u64,
    failed: u64,
    /// How many files have each digest.
    digests: HashMap<[u8; 32], u64>,
    /// How many digests more than one file has.
    groups: u64,
    wasted: u64,
    /// The share of itself that DEFLATE leaves of a file, for those of a telling size where it is least and most.
    best: Option<(f64, PathBuf)>,
    worst: Option<(f64, PathBuf)>,
}

impl Summary {
    pub(crate) fn add(&mut self, path: &Path, whole: &Whole) {
        self.files += 1;
        self.bytes += whole.bytes;
        self.deflated += whole.deflated;
        let same = self.digests.entry(whole.digest).or_default();
        *same += 1;
        if *same > 1 {
            self.wasted += whole.bytes;
        }
        if *same == 2 {
            self.groups += 1;
        }
        if let Some(left) = share(whole.deflated, whole.bytes).filter(|_| whole.bytes >= TELLING) {
            if self.best.as_ref().is_none_or(|(best, _)| left < *best) {
                self.best = Some((left, path.to_owned()));
            }
            if self.worst.as_ref().is_none_or(|(worst, _)| left > *worst) {
                self.worst = Some((left, path.to_owned()));
            }
        }
    }

    pub(crate) fn add_failed(&mut self) {
        self.failed += 1;
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "files: {}, bytes: {}, failed: {}", self.files, self.bytes, self.failed)?;
        write!(f, "\ngroups of duplicates: {}, bytes wasted on them: {}", self.groups, self.wasted)?;
        if let Some(left) = share(self.deflated, self.bytes) {
            write!(f, "\nDEFLATE leaves {:.1} %", 100.0 * left)?;
        }
        for (what, file) in [("least", &self.best), ("most", &self.worst)] {
            if let Some((left, path)) = file {
                write!(f, "\n  {what}: {:.1} % of {}", 100.0 * left, shown(path))?;
            }
        }
        Ok(())
    }
}

/// Nothing is no share of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share is shown with three digits")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

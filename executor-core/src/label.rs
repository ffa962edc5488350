//! The name and the tag of a job.

use std::fmt;
use std::sync::Arc;

/// The name and tag of a job, as set by [`JobOptions`](crate::JobOptions): for errors and [`current`](crate::current).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The name, shown instead of the path of the job's type.
    pub name: Option<Arc<str>>,
    /// An identifier of the thing that the job belongs to, such as a request.
    pub tag: Option<Arc<str>>,
}

impl fmt::Display for Label {
    /// Writes `name [tag]`, or the part that is set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.tag) {
            (Some(name), Some(tag)) => write!(f, "{name} [{tag}]"),
            (Some(one), None) | (None, Some(one)) => f.write_str(one),
            (None, None) => Ok(()),
        }
    }
}

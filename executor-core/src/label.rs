//! The name and the tag of a job.

use std::fmt;
use std::sync::Arc;

/// How a job is called: in errors, and by [`current`](crate::current).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// Its name, in place of its type's.
    pub name: Option<Arc<str>>,
    /// The thing that the job belongs to, such as a request.
    pub tag: Option<Arc<str>>,
}

impl fmt::Display for Label {
    /// `name [tag]`, as far as they are known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.tag) {
            (Some(name), Some(tag)) => write!(f, "{name} [{tag}]"),
            (Some(one), None) | (None, Some(one)) => f.write_str(one),
            (None, None) => Ok(()),
        }
    }
}

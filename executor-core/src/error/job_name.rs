//! The name of a job in its errors.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use crate::label::Label;

/// For authors of executors: the path of a job's type or function. Cheap to create and to copy: the text is looked up when an error is
/// printed.
#[derive(Clone, Copy)]
pub struct JobPath(Source);

#[derive(Clone, Copy)]
enum Source {
    Asked(fn() -> &'static str),
    Fixed(&'static &'static str),
}

impl JobPath {
    /// Returns the path of the type `J`.
    pub fn of<J: ?Sized>() -> Self {
        Self(Source::Asked(type_name::<J>))
    }

    /// Returns the path that `f` returns when it is asked for.
    pub fn by(f: fn() -> &'static str) -> Self {
        Self(Source::Asked(f))
    }

    /// Returns a path that is created at run time.
    pub fn fixed(path: &'static &'static str) -> Self {
        Self(Source::Fixed(path))
    }

    /// Returns the path as text.
    pub fn as_str(self) -> &'static str {
        match self.0 {
            Source::Asked(f) => f(),
            Source::Fixed(path) => path,
        }
    }
}

impl fmt::Debug for JobPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// For authors of executors: the name of a job, which is the name that it was given, or else its path.
///
/// ```
/// use executor::JobOptions;
/// use executor::extend::{JobName, JobPath};
///
/// let (named, unnamed) = (JobOptions::new().name("thumbnail"), JobOptions::new());
/// assert_eq!(JobName::new(named.values().label.as_ref(), JobPath::of::<u8>()).as_str(), "thumbnail");
/// assert_eq!(JobName::new(unnamed.values().label.as_ref(), JobPath::of::<u8>()).as_str(), "u8");
/// ```
#[derive(Clone)]
pub struct JobName(Name);

#[derive(Clone)]
enum Name {
    Path(JobPath),
    /// Has a name.
    Given(Arc<Label>),
}

impl JobName {
    /// Returns the name in the label, if it has one.
    pub fn given(label: Option<&Arc<Label>>) -> Option<Self> {
        let named = label.filter(|label| label.name.is_some())?;
        Some(Self(Name::Given(named.clone())))
    }

    /// Returns the name in the label, or else `path`.
    pub fn new(label: Option<&Arc<Label>>, path: JobPath) -> Self {
        Self::given(label).unwrap_or(Self(Name::Path(path)))
    }

    /// Returns the path, if the job was given no name.
    pub fn path(&self) -> Option<JobPath> {
        match self.0 {
            Name::Path(path) => Some(path),
            Name::Given(_) => None,
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Path(path) => path.as_str(),
            Name::Given(label) => label.name.as_deref().unwrap_or_default(),
        }
    }
}

impl From<JobPath> for JobName {
    fn from(path: JobPath) -> Self {
        Self(Name::Path(path))
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

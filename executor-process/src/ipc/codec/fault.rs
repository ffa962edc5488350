//! Why a value cannot be written or read: the reason, the type and field, and the way there from the whole value.

use std::fmt;

use serde::{de, ser};

/// An error of a codec. In a box, so that the results which are passed on for each number of a value are one word.
pub(crate) struct Fault(Box<Reason>);

/// Of what is read. [`ENDED`](Unread::ENDED) has no box, so that what reads a number calls nothing and is compiled into its caller.
pub(crate) struct Unread(Option<Fault>);

struct Reason {
    text: String,
    /// The innermost step first.
    path: Vec<Step>,
}

/// A step from a value to a part of it.
pub(super) enum Step {
    /// Of a struct, or of a variant of that name.
    Field(&'static str, String),
    Variant(&'static str, String),
    /// Of a tuple.
    Place(usize),
    /// Of a sequence.
    Index(usize),
    Key,
    Value,
}

const ENDED: &str = "the bytes end before the value does: `Deserialize` reads more than `Serialize` wrote";

/// A longer way has its middle left out.
const LONGEST: usize = 12;

impl Fault {
    #[cold]
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(Box::new(Reason { text: text.into(), path: Vec::new() }))
    }

    /// The same, of the part that a step leads to.
    #[cold]
    #[inline(never)]
    pub(super) fn at_variant(self, owner: &'static str, variant: &str) -> Self {
        self.at(Step::Variant(owner, variant.to_owned()))
    }

    /// Likewise.
    #[cold]
    #[inline(never)]
    pub(super) fn at(mut self, step: Step) -> Self {
        self.0.path.push(step);
        self
    }
}

impl Unread {
    /// Too few bytes.
    pub(super) const ENDED: Self = Self(None);

    #[cold]
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(Some(Fault::new(text)))
    }

    /// As of a [`Fault`].
    #[cold]
    #[inline(never)]
    pub(super) fn at(self, step: Step) -> Self {
        Self(Some(self.0.unwrap_or_else(|| Fault::new(ENDED)).at(step)))
    }

    /// Likewise.
    #[cold]
    #[inline(never)]
    pub(super) fn at_variant(self, owner: &'static str, variant: &str) -> Self {
        self.at(Step::Variant(owner, variant.to_owned()))
    }
}

impl From<Fault> for Unread {
    #[cold]
    fn from(fault: Fault) -> Self {
        Self(Some(fault))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(_, name) => write!(f, ".{name}"),
            Self::Variant(_, name) => write!(f, "::{name}"),
            Self::Place(place) => write!(f, ".{place}"),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Key => f.write_str("{a key}"),
            Self::Value => f.write_str("{a value}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reason { text, path } = &*self.0;
        f.write_str(text)?;
        let named = path.iter().find_map(|step| match step {
            Step::Field(owner, name) => Some(format!("{owner}.{name}")),
            Step::Variant(owner, name) => Some(format!("{owner}::{name}")),
            _ => None,
        });
        if path.is_empty() {
            return Ok(());
        }
        let skipped = path.len().saturating_sub(LONGEST);
        let mut way = String::new();
        for (at, step) in path.iter().rev().enumerate() {
            if skipped > 0 && at == LONGEST / 2 {
                way.push_str(" … ");
            }
            if skipped == 0 || at < LONGEST / 2 || at >= path.len() - LONGEST / 2 {
                way.push_str(&step.to_string());
            }
        }
        match named {
            Some(named) if path.len() == 1 => write!(f, " (in `{named}`)"),
            Some(named) => write!(f, " (in `{named}`, at `{way}`)"),
            None => write!(f, " (at `{way}`)"),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Fault {}

impl ser::Error for Fault {
    #[cold]
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text.to_string())
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(fault) => write!(f, "{fault}"),
            None => f.write_str(ENDED),
        }
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Unread {}

impl de::Error for Unread {
    #[cold]
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text.to_string())
    }
}

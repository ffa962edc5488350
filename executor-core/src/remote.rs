//! An error that can come back from another process.

use std::error::Error;
use std::fmt;

use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

use crate::two_fields::{self, Names};

/// An error for jobs in processes: the text of any error, and the texts of its causes. It can be serialized.
///
/// It implements `From` for every `std::error::Error`, so `?` works in a job that returns `Result<T, RemoteError>`. Therefore, like
/// `anyhow::Error`, it does not implement `Error` itself, but converts into a boxed one.
///
/// ```
/// use executor::RemoteError;
///
/// fn parse(text: String) -> Result<u32, RemoteError> {
///     Ok(text.trim().parse()?)
/// }
///
/// assert_eq!(parse("12".into()).unwrap(), 12);
/// assert_eq!(parse("x".into()).unwrap_err().to_string(), "invalid digit found in string");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteError {
    message: String,
    causes: Vec<String>,
}

impl RemoteError {
    /// Creates an error from a text, without causes.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new() }
    }

    /// Returns the texts of the causes, the nearest first.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        self.causes.iter().map(String::as_str)
    }
}

const NAMES: Names = Names { name: "RemoteError", fields: &["message", "causes"] };

impl Serialize for RemoteError {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        two_fields::serialize(NAMES, (&self.message, &self.causes), to)
    }
}

impl<'de> Deserialize<'de> for RemoteError {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        two_fields::deserialize(NAMES, from).map(|(message, causes)| Self { message, causes })
    }
}

impl<E: Error> From<E> for RemoteError {
    fn from(error: E) -> Self {
        let mut causes = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        Self { message: error.to_string(), causes }
    }
}

/// Writes the message. `{:#}` adds the causes, each after a colon.
impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if f.alternate() {
            self.causes().try_for_each(|cause| write!(f, ": {cause}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

impl From<RemoteError> for Box<dyn Error + Send + Sync> {
    fn from(remote: RemoteError) -> Self {
        // Built from the outside in, so the innermost cause must be made first.
        let last =
            remote.causes.into_iter().rev().fold(None, |source, message| Some(Box::new(Link { message, source })));
        Box::new(Link { message: remote.message, source: last })
    }
}

impl From<RemoteError> for Box<dyn Error> {
    fn from(remote: RemoteError) -> Self {
        let error: Box<dyn Error + Send + Sync> = remote.into();
        error
    }
}

/// One link of the chain, once it is an `Error` again.
#[derive(Debug)]
struct Link {
    message: String,
    source: Option<Box<Link>>,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Link {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|link| link as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_chain_of_causes() {
        let outer =
            Link { message: "outer".into(), source: Some(Box::new(Link { message: "inner".into(), source: None })) };
        let remote = RemoteError::from(outer);
        assert_eq!(format!("{remote}"), "outer");
        assert_eq!(format!("{remote:#}"), "outer: inner");
        assert_eq!(serde_json::to_string(&remote).unwrap(), r#"{"message":"outer","causes":["inner"]}"#);
        let boxed: Box<dyn Error + Send + Sync> = remote.into();
        assert_eq!(boxed.source().unwrap().to_string(), "inner");
    }
}

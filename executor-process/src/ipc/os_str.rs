//! Paths that are not UTF-8, as arguments and results of process jobs.
//!
//! Serde encodes a `PathBuf` as text and fails if it is not UTF-8. To encode it as bytes:
//!
//! - in a field of a job type, write `#[serde(with = "executor::os_str")]`; the field may be a `PathBuf` or an
//!   `OsString`, or an `Option` or a `Vec` of these;
//! - for an argument or the result of a function, use [`OsPath`].
//!
//! ```
//! use std::path::PathBuf;
//! use executor::{Job, ProcessPool};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Checksum {
//!     #[serde(with = "executor::os_str")]
//!     file: PathBuf,
//! }
//!
//! impl Job for Checksum {
//!     type Output = usize;
//!
//!     fn run(self) -> usize {
//!         self.file.as_os_str().len()
//!     }
//! }
//!
//! # use std::ffi::OsStr;
//! # use std::os::unix::ffi::OsStrExt;
//! let file = PathBuf::from(OsStr::from_bytes(b"caf\xe9"));
//! assert_eq!(ProcessPool::new(1)?.submit(Checksum { file }).result()?, 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::ffi::{OsStr, OsString};
use std::ops::Deref;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use executor_core::bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Encodes a path or OS string as bytes; called by `#[serde(with = "executor::os_str")]`.
///
/// # Errors
///
/// The serializer's errors.
pub fn serialize<T: OsText, S: Serializer>(text: &T, serializer: S) -> Result<S::Ok, S::Error> {
    text.encode(serializer)
}

/// Decodes a path or OS string from bytes; called by `#[serde(with = "executor::os_str")]`.
///
/// # Errors
///
/// The deserializer's errors, also if the value is not bytes.
pub fn deserialize<'de, T: OsText, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::decode(deserializer)
}

/// A path with any bytes, as an argument or a result of a process job. Dereferences to [`Path`].
///
/// ```
/// use std::path::PathBuf;
/// use executor::{ProcessPool, call, os_str::OsPath};
///
/// fn parent(path: OsPath) -> Option<OsPath> {
///     path.parent().map(OsPath::from)
/// }
///
/// let pool = ProcessPool::new(1)?;
/// let path = PathBuf::from("/srv/data");
/// let parent = pool.submit(call!(parent(OsPath::from(path)))).result()?;
/// assert_eq!(parent.map(PathBuf::from), Some(PathBuf::from("/srv")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OsPath(PathBuf);

impl Deref for OsPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for OsPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl<T: ?Sized + AsRef<OsStr>> From<&T> for OsPath {
    fn from(path: &T) -> Self {
        Self(PathBuf::from(path))
    }
}

impl From<PathBuf> for OsPath {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

impl From<OsString> for OsPath {
    fn from(path: OsString) -> Self {
        Self(path.into())
    }
}

impl From<OsPath> for PathBuf {
    fn from(path: OsPath) -> Self {
        path.0
    }
}

impl Serialize for OsPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for OsPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer).map(Self)
    }
}

/// Types that `#[serde(with = "executor::os_str")]` supports: `PathBuf`, `OsString`, and `Option` and `Vec` of them.
pub trait OsText: sealed::OsText {}

impl<T: sealed::OsText> OsText for T {}

mod sealed {
    use super::{Deserializer, Serializer};

    pub trait OsText: Sized {
        fn encode<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
        fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
    }
}

impl sealed::OsText for OsString {
    fn encode<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }

    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bytes::deserialize(deserializer).map(Self::from_vec)
    }
}

impl sealed::OsText for PathBuf {
    fn encode<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_os_str().as_bytes())
    }

    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        OsString::decode(deserializer).map(Self::from)
    }
}

/// Takes each element as the module does.
struct Element<T>(T);

impl<T: sealed::OsText> Serialize for Element<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.encode(serializer)
    }
}

impl<'de, T: sealed::OsText> Deserialize<'de> for Element<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::decode(deserializer).map(Self)
    }
}

impl<T: sealed::OsText> sealed::OsText for Option<T> {
    fn encode<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().map(Element).serialize(serializer)
    }

    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Element<T>>::deserialize(deserializer)?.map(|Element(text)| text))
    }
}

impl<T: sealed::OsText> sealed::OsText for Vec<T> {
    fn encode<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Element))
    }

    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Element<T>>::deserialize(deserializer)?.into_iter().map(|Element(text)| text).collect())
    }
}

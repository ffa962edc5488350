//! The key of a job, with which other programs attach to the job.

use std::any::TypeId;
use std::error::Error;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::protocol::names::JobKey;

/// Names a job of a namespace, so that [`reattach`](crate::NatsHandle::reattach) finds it after its submitter has ended. From
/// [`submit_keyed`](crate::NatsHandle::submit_keyed).
///
/// It can be written as text (`Display`, `FromStr`) and by serde. It tells the build of the program, the job, and the type of the job's
/// result. It is no secret: a program needs the permissions of the namespace to use it.
///
/// ```
/// use executor_nats::ReattachKey;
///
/// let text = "9f86d081884c7d659a2feaa0c55ad015.a3bf4f1b2b0b822cd15d6c15b0f00a08.17.00f1e2d3c4b5a697";
/// let key: ReattachKey = text.parse()?;
/// assert_eq!(key.to_string(), text);
/// # Ok::<(), executor_nats::InvalidKey>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReattachKey {
    pub(super) build: String,
    submitter: String,
    number: u64,
    pub(super) output: u64,
}

impl ReattachKey {
    pub(super) fn new<T: 'static>(build: String, job: &JobKey) -> Self {
        let (submitter, number) = (job.submitter.clone(), job.number);
        Self { build, submitter, number, output: type_of::<T>() }
    }

    pub(super) fn job(&self) -> JobKey {
        JobKey { submitter: self.submitter.clone(), number: self.number, is_kept: true }
    }
}

/// Tells a type from others of the same program, in each of its processes.
pub(super) fn type_of<T: 'static>() -> u64 {
    // Its keys are always the same, and so is its code in the same program.
    let mut hasher = DefaultHasher::new();
    TypeId::of::<T>().hash(&mut hasher);
    hasher.finish()
}

impl fmt::Display for ReattachKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { build, submitter, number, output } = self;
        write!(f, "{build}.{submitter}.{number}.{output:016x}")
    }
}

/// A text is not that of a [`ReattachKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKey(());

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no key of a job: use one that `submit_keyed` has returned")
    }
}

impl Error for InvalidKey {}

impl FromStr for ReattachKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        parse(text).filter(|key| key.to_string() == text).ok_or(InvalidKey(()))
    }
}

fn parse(text: &str) -> Option<ReattachKey> {
    let parts: Vec<_> = text.split('.').collect();
    let [build, submitter, number, output] = parts[..] else { return None };
    // They become parts of subjects.
    let token = |text: &str| {
        let is_token = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_token.then(|| text.to_owned())
    };
    Some(ReattachKey {
        build: token(build)?,
        submitter: token(submitter)?,
        number: number.parse().ok()?,
        output: u64::from_str_radix(output, 16).ok()?,
    })
}

impl Serialize for ReattachKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReattachKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::names::random_token;

    fn key() -> ReattachKey {
        let job = JobKey { submitter: random_token(), number: 17, is_kept: true };
        ReattachKey::new::<Vec<u8>>(random_token(), &job)
    }

    #[test]
    fn key_comes_back_from_text() {
        let key = key();
        assert_eq!(key.to_string().parse(), Ok(key.clone()));
        assert_eq!(key.job().number, 17);
        let bytes = postcard::to_allocvec(&key).unwrap();
        assert_eq!(postcard::from_bytes::<ReattachKey>(&bytes).unwrap(), key);
    }

    #[test]
    fn other_text_is_no_key() {
        let text = key().to_string();
        for wrong in
            [&text[1..], &text[..text.len() - 1], &format!("{text}0"), &text.replace('.', "-"), "", "...", "*.>.1.0"]
        {
            assert_eq!(wrong.parse::<ReattachKey>(), Err(InvalidKey(())), "{wrong}");
        }
        assert!(postcard::from_bytes::<ReattachKey>(&postcard::to_allocvec("no key").unwrap()).is_err());
        let text = InvalidKey(()).to_string();
        assert_eq!(text, "this is no key of a job: use one that `submit_keyed` has returned");
    }

    #[test]
    fn types_differ() {
        assert_eq!(type_of::<u8>(), type_of::<u8>());
        assert_ne!(type_of::<u8>(), type_of::<u16>());
    }
}

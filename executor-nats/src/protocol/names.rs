//! Subjects and names of streams.
//!
//! ```text
//! executor.<namespace>.<build>.job.<priority>.<submitter>.<block>.<number>   jobs        (stream, each message for one worker)
//! executor.<namespace>.<build>.outcome.<submitter>.<block>.<number>          the ledger  (stream, the last record of each job)
//! executor.<namespace>.<build>.host.<host>                                   presence of a host
//! executor.<namespace>.<build>.stop.<host>                                   jobs that a host is to stop
//! executor.<namespace>.who                                                   asks all hosts for their presence
//! ```
//!
//! A block is what is removed together: 1,024 numbers of one submitter. The block `kept` has the jobs whose submitter took a key.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use executor_core::Priority;
use serde::{Deserialize, Deserializer, Serialize, de};

/// Names a job in all of a namespace: who submitted it, and the how-many-th it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct JobKey {
    #[serde(deserialize_with = "token_of")]
    pub(crate) submitter: String,
    pub(crate) number: u64,
    /// Its last record stays until its time is up, so that other programs can attach to the job.
    pub(crate) is_kept: bool,
}

/// The numbers of a block.
pub(crate) const BLOCK: u64 = 1024;

/// The block of the jobs whose records are kept.
const KEPT: &str = "kept";

impl JobKey {
    /// From the last three tokens of a subject.
    pub(crate) fn of_subject(subject: &str) -> Option<Self> {
        let mut tokens = subject.rsplit('.');
        let (number, block, submitter) = (tokens.next()?, tokens.next()?, tokens.next()?);
        is_token(submitter).then_some(())?;
        let key = Self { submitter: submitter.to_owned(), number: number.parse().ok()?, is_kept: block == KEPT };
        (key.block_token() == block).then_some(key)
    }

    /// `None` if its record is kept.
    pub(crate) fn block(&self) -> Option<u64> {
        (!self.is_kept).then_some(self.number / BLOCK)
    }

    fn block_token(&self) -> String {
        self.block().map_or_else(|| KEPT.to_owned(), |block| block.to_string())
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.submitter, self.number)
    }
}

/// A random token, unique among submitters and hosts: 128 bits in hexadecimal.
pub(crate) fn random_token() -> String {
    // The standard library takes the keys of its hashers from the system's source of random numbers.
    let part = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", part(), part())
}

/// Whether it can be one of ours. Others could change the meaning of a subject.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Reads a token. For names of hosts and submitters in messages, which may be forged.
pub(crate) fn token_of<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if is_token(&text) { Ok(text) } else { Err(de::Error::custom("no token")) }
}

/// A number that differs from call to call, and from program to program.
pub(crate) fn random_number() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// The subjects and streams of one namespace, for one build of the program.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    namespace: String,
    pub(crate) build: String,
}

pub(crate) const PRIORITIES: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

pub(crate) fn token(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "high",
        Priority::Low => "low",
        Priority::Normal => "normal",
    }
}

impl Names {
    pub(crate) fn new(namespace: &str, build: String) -> Self {
        Self { namespace: namespace.to_owned(), build }
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(crate) fn jobs_stream(&self) -> String {
        format!("executor_{}_jobs", self.namespace)
    }

    pub(crate) fn ledger_stream(&self) -> String {
        format!("executor_{}_ledger", self.namespace)
    }

    pub(crate) fn large_bucket(&self) -> String {
        format!("executor_{}", self.namespace)
    }

    /// Of the jobs of all builds.
    pub(crate) fn all_jobs(&self) -> String {
        format!("executor.{}.*.job.>", self.namespace)
    }

    /// Of the records of all builds.
    pub(crate) fn all_outcomes(&self) -> String {
        format!("executor.{}.*.outcome.>", self.namespace)
    }

    fn own(&self) -> String {
        format!("executor.{}.{}", self.namespace, self.build)
    }

    pub(crate) fn jobs_of(&self, priority: Priority) -> String {
        format!("{}.job.{}.>", self.own(), token(priority))
    }

    pub(crate) fn consumer_of(&self, priority: Priority) -> String {
        format!("{}_{}", self.build, token(priority))
    }

    /// Where jobs of a priority are asked for.
    pub(crate) fn next_of(&self, priority: Priority) -> String {
        format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.jobs_stream(), self.consumer_of(priority))
    }

    pub(crate) fn job(&self, priority: Priority, key: &JobKey) -> String {
        format!("{}.job.{}.{}.{}.{}", self.own(), token(priority), key.submitter, key.block_token(), key.number)
    }

    pub(crate) fn outcome(&self, key: &JobKey) -> String {
        format!("{}.outcome.{}.{}.{}", self.own(), key.submitter, key.block_token(), key.number)
    }

    pub(crate) fn outcomes_of(&self, submitter: &str) -> String {
        format!("{}.outcome.{submitter}.>", self.own())
    }

    pub(crate) fn kept_outcomes_of(&self, submitter: &str) -> String {
        format!("{}.outcome.{submitter}.{KEPT}.*", self.own())
    }

    pub(crate) fn outcomes_of_block(&self, submitter: &str, block: u64) -> String {
        format!("{}.outcome.{submitter}.{block}.*", self.own())
    }

    pub(crate) fn jobs_of_block(&self, submitter: &str, block: u64) -> String {
        format!("{}.job.*.{submitter}.{block}.*", self.own())
    }

    pub(crate) fn host(&self, host: &str) -> String {
        format!("{}.host.{host}", self.own())
    }

    /// Of the hosts of all builds.
    pub(crate) fn all_hosts(&self) -> String {
        format!("executor.{}.*.host.*", self.namespace)
    }

    pub(crate) fn stop(&self, host: &str) -> String {
        format!("{}.stop.{host}", self.own())
    }

    pub(crate) fn who(&self) -> String {
        format!("executor.{}.who", self.namespace)
    }
}

/// The build that a subject of a host is about.
pub(crate) fn build_of(subject: &str) -> Option<&str> {
    subject.split('.').nth(2)
}

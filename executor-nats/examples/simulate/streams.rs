//! Streams with the settings of the crate, in a namespace of the simulation.

use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

/// Subjects as the crate has them, but for the name of the namespace.
pub(crate) struct Names {
    pub(crate) jobs: String,
    pub(crate) ledger: String,
    pub(crate) own: String,
}

pub(crate) const PRIORITIES: [&str; 3] = ["high", "normal", "low"];

/// The priority of all jobs.
pub(crate) const NORMAL: usize = 1;

impl Names {
    pub(crate) fn job(&self, number: u64) -> String {
        format!("{}.job.normal.submitter.{number}", self.own)
    }

    pub(crate) fn outcome(&self, number: &str) -> String {
        format!("{}.outcome.submitter.{number}", self.own)
    }

    /// The subject of requests for jobs.
    pub(crate) fn next(&self, priority: &str) -> String {
        format!("$JS.API.CONSUMER.MSG.NEXT.{}.build_{priority}", self.jobs)
    }
}

pub(crate) async fn open(client: &Client, lease: Duration) -> Result<Rc<Names>, Box<dyn Error>> {
    let space = format!("simulation{}", std::process::id());
    let names = Names {
        jobs: format!("executor_{space}_jobs"),
        ledger: format!("executor_{space}_ledger"),
        own: format!("executor.{space}.0123456789abcdef0123456789abcdef"),
    };
    let context = jetstream::new(client.clone());
    let common = Config { storage: StorageType::File, discard: DiscardPolicy::New, ..Config::default() };
    let jobs = Config {
        name: names.jobs.clone(),
        subjects: vec![format!("executor.{space}.*.job.>")],
        retention: RetentionPolicy::WorkQueue,
        max_age: Duration::from_secs(24 * 3600),
        ..common.clone()
    };
    let ledger = Config {
        name: names.ledger.clone(),
        subjects: vec![format!("executor.{space}.*.outcome.>")],
        max_messages_per_subject: 1,
        max_age: Duration::from_secs(48 * 3600),
        ..common
    };
    let jobs = context.create_stream(jobs).await?;
    context.create_stream(ledger).await?;
    for priority in PRIORITIES {
        let name = format!("build_{priority}");
        let config = pull::Config {
            durable_name: Some(name.clone()),
            filter_subject: format!("{}.job.{priority}.>", names.own),
            ack_policy: AckPolicy::Explicit,
            ack_wait: lease,
            max_ack_pending: 1_000_000,
            max_waiting: 100_000,
            ..pull::Config::default()
        };
        jobs.create_consumer(config).await?;
    }
    Ok(Rc::new(names))
}

pub(crate) async fn remove(client: &Client, names: &Names) -> Result<(), Box<dyn Error>> {
    let context = jetstream::new(client.clone());
    context.delete_stream(&names.jobs).await?;
    context.delete_stream(&names.ledger).await?;
    Ok(())
}

//! The streams of a namespace: made by the program that comes first.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::object_store::{self, ObjectStore};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use executor_core::Priority;

use super::loss::Inquiries;
use super::names::Names;
use super::removal::MEMORY;
use crate::error::ConnectError;
use crate::namespace::Namespace;

/// How long the server may take to answer before a request is made again.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(5);

/// How many messages may be on their way into the streams, before another one waits.
const MAX_UNANSWERED: usize = 5000;

/// More messages than any number of workers hold at once.
const MAX_HELD: i64 = 1_000_000;

/// Each submitter has a consumer of the ledger. Without a number of ours, servers from 2.15 on stop at 1,000.
const MAX_SUBMITTERS: i32 = 100_000;

/// The streams of a namespace.
pub(crate) struct Streams {
    pub(crate) context: Context,
    pub(crate) names: Names,
    pub(crate) jobs: Stream,
    pub(crate) ledger: Stream,
    pub(crate) large: ObjectStore,
    /// The stream behind `large`.
    pub(crate) large_stream: Stream<()>,
    pub(super) inquiries: Inquiries,
    namespace: Namespace,
}

impl Streams {
    pub(crate) async fn open(client: Client, namespace: &Namespace, names: Names) -> Result<Self, ConnectError> {
        let context = ContextBuilder::new()
            .timeout(ANSWER_TIME)
            .ack_timeout(ANSWER_TIME)
            .max_ack_inflight(MAX_UNANSWERED)
            .backpressure_on_inflight(true)
            .build(client);
        let (jobs, ledger, large) = make(&context, namespace, &names).await?;
        let large_stream = format!("OBJ_{}", names.large_bucket());
        let large_stream = context.get_stream_no_info(large_stream).await.map_err(ConnectError::streams)?;
        let (inquiries, namespace) = (Inquiries::default(), namespace.clone());
        Ok(Self { context, names, jobs, ledger, large, large_stream, inquiries, namespace })
    }

    /// Makes the streams again, if they are gone: the server has lost its disk, or they were deleted.
    pub(crate) async fn make_again(&self) -> Result<(), ConnectError> {
        make(&self.context, &self.namespace, &self.names).await.map(drop)
    }

    /// How many requests for jobs of one priority wait at the server. `None` if the server does not say.
    pub(crate) async fn waiting_requests(&self, priority: Priority) -> Option<usize> {
        #[derive(serde::Serialize)]
        struct Nothing {}
        #[derive(serde::Deserialize)]
        struct Info {
            num_waiting: usize,
        }
        let subject = format!("CONSUMER.INFO.{}.{}", self.names.jobs_stream(), self.names.consumer_of(priority));
        let info: Info = self.context.request(subject, &Nothing {}).await.ok()?;
        Some(info.num_waiting)
    }

    /// The jobs of one priority, shared by all hosts of this build.
    pub(crate) async fn consumer(&self, priority: Priority, lease: Duration) -> Result<PullConsumer, ConnectError> {
        let name = self.names.consumer_of(priority);
        let config = pull::Config {
            durable_name: Some(name.clone()),
            filter_subject: self.names.jobs_of(priority),
            ack_policy: AckPolicy::Explicit,
            ack_wait: lease,
            max_deliver: -1,
            max_ack_pending: MAX_HELD,
            max_waiting: 100_000,
            // After a build is replaced, its consumers go by themselves.
            inactive_threshold: Duration::from_secs(7 * 24 * 3600),
            ..pull::Config::default()
        };
        self.jobs.get_or_create_consumer(&name, config).await.map_err(ConnectError::streams)
    }
}

/// Makes the streams, or opens them.
async fn make(
    context: &Context,
    namespace: &Namespace,
    names: &Names,
) -> Result<(Stream, Stream, ObjectStore), ConnectError> {
    let capacity = namespace.capacity.and_then(|jobs| i64::try_from(jobs).ok()).unwrap_or(-1);
    let jobs = Config {
        name: names.jobs_stream(),
        subjects: vec![names.all_jobs()],
        retention: RetentionPolicy::WorkQueue,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        max_messages: capacity,
        max_age: namespace.keep_jobs,
        num_replicas: namespace.replicas,
        description: Some("jobs of the crate executor-nats".to_owned()),
        ..Config::default()
    };
    let ledger = Config {
        name: names.ledger_stream(),
        subjects: vec![names.all_outcomes()],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        max_messages_per_subject: 1,
        max_consumers: MAX_SUBMITTERS,
        max_age: namespace.keep_outcomes,
        duplicate_window: MEMORY.min(namespace.keep_outcomes),
        num_replicas: namespace.replicas,
        description: Some("the state of each job of the crate executor-nats".to_owned()),
        ..Config::default()
    };
    let large = object_store::Config {
        bucket: names.large_bucket(),
        max_age: namespace.keep_outcomes,
        storage: StorageType::File,
        num_replicas: namespace.replicas,
        ..object_store::Config::default()
    };
    let jobs = context.get_or_create_stream(jobs).await.map_err(ConnectError::streams)?;
    let ledger = context.get_or_create_stream(ledger).await.map_err(ConnectError::streams)?;
    let large = match context.get_object_store(names.large_bucket()).await {
        Ok(store) => store,
        Err(_) => context.create_object_store(large).await.map_err(ConnectError::streams)?,
    };
    Ok((jobs, ledger, large))
}

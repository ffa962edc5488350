//! The streams of a namespace: made by the program that comes first.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull, push};
use async_nats::jetstream::context::{ContextBuilder, GetStreamErrorKind};
use async_nats::jetstream::object_store::{self, ObjectStore};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use executor_core::Priority;

use super::loss::Inquiries;
use super::names::Names;
use super::removal::MEMORY;
use super::settings::Settings;
use crate::error::ConnectError;
use crate::namespace::{Namespace, Wanted};

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
    pub(crate) settings: Settings,
}

impl Streams {
    pub(crate) async fn open(client: Client, namespace: &Namespace, names: Names) -> Result<Self, ConnectError> {
        let context = ContextBuilder::new()
            .timeout(ANSWER_TIME)
            .ack_timeout(ANSWER_TIME)
            .max_ack_inflight(MAX_UNANSWERED)
            .backpressure_on_inflight(true)
            .build(client);
        let wanted = &namespace.wanted;
        let (jobs, ledger, large, settings) = make(&context, &names, wanted, Settings::new(wanted)).await?;
        let large_stream = format!("OBJ_{}", names.large_bucket());
        let large_stream = context.get_stream_no_info(large_stream).await.map_err(ConnectError::streams)?;
        Ok(Self { context, names, jobs, ledger, large, large_stream, inquiries: Inquiries::default(), settings })
    }

    /// Makes the streams again, if they are gone: the server has lost its disk, or they were deleted.
    pub(crate) async fn make_again(&self) -> Result<(), ConnectError> {
        make(&self.context, &self.names, &Wanted::default(), self.settings).await.map(drop)
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
    pub(crate) async fn consumer(&self, priority: Priority) -> Result<PullConsumer, ConnectError> {
        let lease = self.settings.lease;
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
        let found = self.jobs.get_or_create_consumer(&name, config.clone()).await.map_err(ConnectError::streams)?;
        if found.cached_info().config.ack_wait == lease {
            return Ok(found);
        }
        // The lease of the namespace was changed.
        self.jobs.create_consumer(config).await.map_err(ConnectError::streams)
    }
}

impl Streams {
    /// The records with these subjects, as they come.
    pub(crate) async fn records(&self, subjects: String, policy: DeliverPolicy) -> Result<push::Ordered, ConnectError> {
        let config = push::OrderedConfig {
            deliver_subject: self.context.client().new_inbox(),
            filter_subject: subjects,
            deliver_policy: policy,
            ..push::OrderedConfig::default()
        };
        let consumer = self.ledger.create_consumer(config).await.map_err(ConnectError::streams)?;
        consumer.messages().await.map_err(ConnectError::streams)
    }
}

/// Makes the streams, or opens them. Returns them with the settings that they have: those of `settings` as far as they are made.
async fn make(
    context: &Context,
    names: &Names,
    wanted: &Wanted,
    mut settings: Settings,
) -> Result<(Stream, Stream, ObjectStore, Settings), ConnectError> {
    if let Some(jobs) = find(context, names.jobs_stream()).await? {
        settings.read_jobs(&jobs.cached_info().config, wanted);
    }
    // Before anything is made.
    settings.check(wanted, names)?;
    let mut jobs = Config {
        name: names.jobs_stream(),
        subjects: vec![names.all_jobs()],
        retention: RetentionPolicy::WorkQueue,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        description: Some("jobs of the crate executor-nats".to_owned()),
        ..Config::default()
    };
    settings.write_jobs(&mut jobs);
    let jobs = context.get_or_create_stream(jobs).await.map_err(ConnectError::streams)?;
    settings.read_jobs(&jobs.cached_info().config, wanted);
    let mut ledger = Config {
        name: names.ledger_stream(),
        subjects: vec![names.all_outcomes()],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        max_messages_per_subject: 1,
        max_consumers: MAX_SUBMITTERS,
        duplicate_window: MEMORY.min(settings.keep_outcomes),
        description: Some("the state of each job of the crate executor-nats".to_owned()),
        ..Config::default()
    };
    settings.write_ledger(&mut ledger);
    let ledger = context.get_or_create_stream(ledger).await.map_err(ConnectError::streams)?;
    settings.read_ledger(&ledger.cached_info().config);
    settings.check(wanted, names)?;
    let large = object_store::Config {
        bucket: names.large_bucket(),
        max_age: ledger.cached_info().config.max_age,
        storage: StorageType::File,
        num_replicas: settings.replicas,
        ..object_store::Config::default()
    };
    let large = match context.get_object_store(names.large_bucket()).await {
        Ok(store) => store,
        Err(_) => context.create_object_store(large).await.map_err(ConnectError::streams)?,
    };
    Ok((jobs, ledger, large, settings))
}

/// The stream of this name, if there is one.
async fn find(context: &Context, name: String) -> Result<Option<Stream>, ConnectError> {
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(answer) if answer.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
            _ => Err(ConnectError::streams(error)),
        },
    }
}

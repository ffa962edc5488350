//! The streams and the threads of the contenders that use the client library alone. They are set as ours.

use std::thread;

use async_nats::Client;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::{Context, ContextBuilder, PublishAckFuture};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, RetentionPolicy, Stream};
use futures_lite::StreamExt;
use tokio::runtime::{Builder, Runtime};

/// How many messages are fetched by one request.
pub(super) const BATCH: usize = 256;

pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("the system has threads")
}

/// A thread that serves until the process ends.
pub(super) fn serve<F: Future<Output = ()>>(main: impl FnOnce() -> F + Send + 'static) {
    thread::spawn(move || runtime().block_on(main()));
}

pub(super) async fn connect(url: &str) -> Client {
    async_nats::connect(url).await.expect("the server is there")
}

pub(super) fn context(client: Client) -> Context {
    // The acknowledgements of all jobs are awaited together.
    ContextBuilder::new().max_ack_inflight(1 << 20).build(client)
}

/// A work queue on disk, on the subjects `<name>.*`.
pub(super) async fn queue(context: &Context, name: &str) -> Stream {
    let config = Config {
        name: name.to_owned(),
        subjects: vec![format!("{name}.*")],
        retention: RetentionPolicy::WorkQueue,
        ..Config::default()
    };
    context.get_or_create_stream(config).await.expect("the stream is new")
}

/// The last message of each subject, on disk.
pub(super) async fn ledger(context: &Context, name: &str) -> Stream {
    let config = Config {
        name: name.to_owned(),
        subjects: vec![format!("{name}.*")],
        max_messages_per_subject: 1,
        ..Config::default()
    };
    context.get_or_create_stream(config).await.expect("the stream is new")
}

pub(super) async fn jobs_of(queue: &Stream) -> pull::Stream {
    let config = pull::Config {
        durable_name: Some("jobs".to_owned()),
        ack_policy: AckPolicy::Explicit,
        max_ack_pending: 1_000_000,
        ..pull::Config::default()
    };
    let consumer: PullConsumer = queue.get_or_create_consumer("jobs", config).await.expect("the consumer is new");
    consumer.stream().max_messages_per_batch(BATCH).messages().await.expect("the consumer is there")
}

pub(super) async fn send(context: &Context, subject: String, number: u64) -> PublishAckFuture {
    let message = PublishMessage::build().payload(payload(number));
    context.send_publish(subject, message).await.expect("the server takes it")
}

/// Writes a record, if the last one has this sequence number. Returns the new one.
pub(super) async fn put(context: &Context, subject: String, after: u64, number: u64) -> u64 {
    let message = PublishMessage::build().payload(payload(number)).expected_last_subject_sequence(after);
    let sent = context.send_publish(subject, message).await.expect("the server takes it");
    sent.await.expect("no other program writes").sequence
}

pub(super) fn payload(number: u64) -> bytes::Bytes {
    number.to_le_bytes().to_vec().into()
}

pub(super) fn number(payload: &[u8]) -> u64 {
    u64::from_le_bytes(payload.try_into().expect("a number"))
}

/// The next message of a stream that does not end.
pub(super) async fn next<T, E: std::fmt::Debug>(messages: &mut (impl StreamExt<Item = Result<T, E>> + Unpin)) -> T {
    messages.next().await.expect("it does not end").expect("the connection stays")
}

//! The client library with the messages that our guarantees need.

use std::time::Instant;

use async_nats::jetstream::consumer::push;
use async_nats::jetstream::{self, Context};
use tokio::runtime::Runtime;

use super::Contender;
use super::server::NatsServer;
use super::streams::{connect, context, jobs_of, ledger, next, number, put, queue, runtime, send, serve};
use crate::processes::successor;
use crate::works::float;

/// The start of a record that tells no outcome.
const STARTED: u64 = u64::MAX;

struct ByHand {
    runtime: Runtime,
    context: Context,
    /// Taken by drop only.
    records: Option<push::Ordered>,
    /// The number of the next job.
    next: u64,
}

impl ByHand {
    fn connect(server: &NatsServer) -> Self {
        let runtime = runtime();
        let url = server.url();
        let (context, records) = runtime.block_on(async {
            let context = context(connect(&url).await);
            queue(&context, "jobs").await;
            let config = push::OrderedConfig {
                deliver_subject: context.client().new_inbox(),
                filter_subject: "ledger.*".to_owned(),
                ..push::OrderedConfig::default()
            };
            let consumer = ledger(&context, "ledger").await.create_consumer(config).await.expect("it is new");
            (context, consumer.messages().await.expect("the consumer is there"))
        });
        serve(move || async move {
            let context = super::streams::context(connect(&url).await);
            let mut jobs = jobs_of(&queue(&context, "jobs").await).await;
            loop {
                let job = next(&mut jobs).await;
                tokio::spawn(run(context.clone(), job));
            }
        });
        Self { runtime, context, records: Some(records), next: 0 }
    }

    /// Until this number of outcomes has come.
    async fn outcomes(records: &mut Option<push::Ordered>, count: u64) -> u64 {
        let records = records.as_mut().expect("taken by drop only");
        let (mut come, mut sum) = (0, 0);
        while come < count {
            let record = number(&next(records).await.payload);
            if record != STARTED {
                (come, sum) = (come + 1, sum + record);
            }
        }
        sum
    }
}

/// A subscription ends by a task.
impl Drop for ByHand {
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        self.records = None;
    }
}

async fn run(context: Context, job: jetstream::Message) {
    let subject = format!("ledger.{}", job.subject.strip_prefix("jobs.").expect("it is of this queue"));
    let revision = put(&context, subject.clone(), 0, STARTED).await;
    put(&context, subject, revision, successor(number(&job.payload))).await;
    job.ack().await.expect("the server is there");
}

/// One job at a time.
pub(super) struct Trips(ByHand);

impl Contender for Trips {
    fn connect(server: &NatsServer) -> Self {
        Self(ByHand::connect(server))
    }

    fn measure(&mut self, count: u64) -> f64 {
        let started = Instant::now();
        let ByHand { runtime, context, records, next } = &mut self.0;
        let mut last = 0;
        for _ in 0..count {
            last = runtime.block_on(async {
                let stored = send(context, format!("jobs.{next}"), last).await;
                let outcome = ByHand::outcomes(records, 1).await;
                stored.await.expect("it is stored");
                outcome
            });
            *next += 1;
        }
        let elapsed = started.elapsed();
        assert_eq!(last, count, "an answer is wrong");
        elapsed.as_secs_f64() * 1e9 / float(count)
    }
}

/// All jobs, then all outcomes.
pub(super) struct Jobs(ByHand);

impl Contender for Jobs {
    fn connect(server: &NatsServer) -> Self {
        Self(ByHand::connect(server))
    }

    fn measure(&mut self, count: u64) -> f64 {
        let started = Instant::now();
        let ByHand { runtime, context, records, next } = &mut self.0;
        let sum = runtime.block_on(async {
            let mut stored = Vec::new();
            for number in 0..count {
                stored.push(send(context, format!("jobs.{}", *next + number), number).await);
            }
            let sum = ByHand::outcomes(records, count).await;
            for stored in stored {
                stored.await.expect("it is stored");
            }
            sum
        });
        *next += count;
        let elapsed = started.elapsed();
        assert_eq!(sum, count * (count + 1) / 2, "an answer is wrong");
        elapsed.as_secs_f64() * 1e9 / float(count)
    }
}

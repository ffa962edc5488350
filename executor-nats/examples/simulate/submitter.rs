//! The side that submits: keeps twice as many jobs in the queue as there are workers, and reads the ledger.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use async_nats::jetstream::consumer::{DeliverPolicy, push};
use bytes::Bytes;
use futures_lite::StreamExt;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::spawn_local;
use tokio::time::Instant;

use crate::host::ENDED;
use crate::measure::{Counts, add};
use crate::options::Options;
use crate::streams::Names;

/// About a message of a call with a few arguments.
const JOB_BYTES: usize = 200;

pub(crate) struct Submitter {
    /// When each job that has no outcome was submitted.
    open: RefCell<HashMap<u64, Instant>>,
    latencies: RefCell<Vec<Duration>>,
    client: Client,
    names: Rc<Names>,
    options: Rc<Options>,
    counts: Rc<Counts>,
}

impl Submitter {
    pub(crate) async fn start(
        client: Client,
        names: Rc<Names>,
        options: Rc<Options>,
        counts: Rc<Counts>,
    ) -> Result<Rc<Self>, Box<dyn Error>> {
        let ledger = jetstream::new(client.clone()).get_stream(&names.ledger).await?;
        let config = push::OrderedConfig {
            deliver_subject: client.new_inbox(),
            filter_subject: names.outcome("*"),
            deliver_policy: DeliverPolicy::All,
            ..push::OrderedConfig::default()
        };
        let records = ledger.create_consumer(config).await?.messages().await?;
        let (open, latencies) = (RefCell::default(), RefCell::default());
        let submitter = Rc::new(Self { open, latencies, client, names, options, counts });
        let (free, ended) = unbounded_channel();
        for _ in 0..2 * submitter.options.workers {
            free.send(())?;
        }
        spawn_local(submitter.clone().submit(ended));
        let reader = submitter.clone();
        spawn_local(async move {
            let mut records = records;
            while let Some(Ok(record)) = records.next().await {
                add(&reader.counts.seen);
                if record.payload.first() == Some(&ENDED) {
                    reader.ended(&record.subject);
                    let _ = free.send(());
                }
            }
        });
        Ok(submitter)
    }

    /// Submits a job for each that has ended.
    async fn submit(self: Rc<Self>, mut ended: UnboundedReceiver<()>) {
        let context = jetstream::new(self.client.clone());
        let payload = Bytes::from(vec![0; JOB_BYTES]);
        for number in 0.. {
            let Some(()) = ended.recv().await else { return };
            self.open.borrow_mut().insert(number, Instant::now());
            if let Ok(stored) = context.publish(self.names.job(number), payload.clone()).await {
                add(&self.counts.submitted);
                // Its answer is read, as the crate does.
                spawn_local(async move { drop(stored.await) });
            }
        }
    }

    fn ended(&self, subject: &str) {
        let number = subject.rsplit('.').next().and_then(|number| number.parse().ok());
        if let Some(submitted) = number.and_then(|number: u64| self.open.borrow_mut().remove(&number)) {
            self.latencies.borrow_mut().push(submitted.elapsed());
        }
    }

    /// The time of a job beyond its waiting and running can only be told when the queue is short; so this is about all of it.
    pub(crate) fn latencies(&self) -> String {
        let mut latencies = self.latencies.borrow_mut();
        latencies.sort_unstable();
        let at = |share: usize| latencies.get(latencies.len() * share / 100).copied().unwrap_or_default().as_secs_f64();
        let count = latencies.len();
        format!("from submit to outcome: median {:.2} s, 99 % within {:.2} s, of {count} jobs", at(50), at(99))
    }
}

//! The client library alone.

use std::time::Instant;

use async_nats::Client;
use async_nats::jetstream::Context;
use futures_lite::StreamExt;
use tokio::runtime::Runtime;

use super::Contender;
use super::server::NatsServer;
use super::streams::{connect, context, jobs_of, next, number, payload, queue, runtime, send, serve};
use crate::processes::successor;
use crate::works::float;

/// Requests that are answered at once.
pub(super) struct Requests {
    runtime: Runtime,
    client: Client,
}

impl Contender for Requests {
    fn connect(server: &NatsServer) -> Self {
        let url = server.url();
        let (ready, is_ready) = oneshot::channel();
        serve(move || async move {
            let client = connect(&url).await;
            let mut requests = client.subscribe("successor").await.expect("the server is there");
            client.flush().await.expect("the server is there");
            ready.send(()).expect("the contender waits");
            while let Some(request) = requests.next().await {
                let answer = payload(successor(number(&request.payload)));
                client.publish(request.reply.expect("it is a request"), answer).await.expect("the server is there");
            }
        });
        is_ready.recv().expect("the other thread connects");
        let runtime = runtime();
        let client = runtime.block_on(connect(&server.url()));
        Self { runtime, client }
    }

    fn measure(&mut self, count: u64) -> f64 {
        let started = Instant::now();
        let mut last = 0;
        for _ in 0..count {
            let answer = self.runtime.block_on(self.client.request("successor", payload(last)));
            last = number(&answer.expect("it is answered").payload);
        }
        let elapsed = started.elapsed();
        assert_eq!(last, count, "an answer is wrong");
        elapsed.as_secs_f64() * 1e9 / float(count)
    }
}

/// Jobs that are stored, fetched, and acknowledged.
pub(super) struct Queue {
    runtime: Runtime,
    context: Context,
    /// A number for each job that was acknowledged.
    done: crossbeam_channel::Receiver<u64>,
}

impl Contender for Queue {
    fn connect(server: &NatsServer) -> Self {
        let runtime = runtime();
        let context = runtime.block_on(async { context(connect(&server.url()).await) });
        runtime.block_on(queue(&context, "queue"));
        let (url, (sender, done)) = (server.url(), crossbeam_channel::unbounded());
        serve(move || async move {
            let queue = queue(&super::streams::context(connect(&url).await), "queue").await;
            let mut jobs = jobs_of(&queue).await;
            loop {
                let job = next(&mut jobs).await;
                let result = successor(number(&job.payload));
                job.ack().await.expect("the server is there");
                if sender.send(result).is_err() {
                    return;
                }
            }
        });
        Self { runtime, context, done }
    }

    fn measure(&mut self, count: u64) -> f64 {
        let started = Instant::now();
        self.runtime.block_on(async {
            let mut stored = Vec::new();
            for number in 0..count {
                stored.push(send(&self.context, "queue.job".to_owned(), number).await);
            }
            for stored in stored {
                stored.await.expect("it is stored");
            }
        });
        let sum: u64 = (0..count).map(|_| self.done.recv().expect("the other thread runs")).sum();
        let elapsed = started.elapsed();
        assert_eq!(sum, count * (count + 1) / 2, "an answer is wrong");
        elapsed.as_secs_f64() * 1e9 / float(count)
    }
}

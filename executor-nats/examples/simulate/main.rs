//! The traffic of many hosts against one real server, without the work: to see what a server carries before there are the machines.
//!
//! Each simulated host keeps its requests for jobs open, tells of its presence, claims each job by a compare-and-set, keeps its lease while
//! the job "runs", which takes time and no processor, and writes and acknowledges its outcome: the messages of the crate, on streams with the
//! settings of the crate. The hosts share a few connections.
//!
//! `cargo run --release -p executor-nats --example simulate -- --workers 10000 --job-ms 10000 --seconds 60`, with a `nats-server -js` at
//! `--url`. With `--server-pid`, the server's processor time and memory are reported, too.

mod host;
mod measure;
mod options;
mod streams;
mod submitter;

use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use async_nats::ConnectOptions;
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep, sleep_until};

use host::Connection;
use measure::{Counts, Server};
use options::{HELP, Options};
use submitter::Submitter;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = Options::from_args()? else {
        print!("{HELP}");
        return Ok(());
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    let outcome = tasks.block_on(&runtime, run(options));
    // Subscriptions end in tasks that are started as they are dropped.
    let _inside = runtime.enter();
    drop(tasks);
    outcome
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let options = Rc::new(options);
    let counts = Rc::new(Counts::default());
    let connect = || ConnectOptions::new().subscription_capacity(1 << 20).connect(&options.url);
    let names = streams::open(&connect().await?, options.lease).await?;
    let submitter = Submitter::start(connect().await?, names.clone(), options.clone(), counts.clone()).await?;
    let hosts = options.hosts();
    let connections = options.connections.min(hosts);
    for connection in 0..connections {
        let share = hosts / connections + usize::from(connection < hosts % connections);
        let client = connect().await?;
        spawn_local(Connection::new(client, names.clone(), options.clone(), counts.clone(), share).run());
    }
    // Every host asks for jobs, and the first jobs are claimed.
    sleep(Duration::from_secs(2)).await;
    let (before, server, start) = (counts.snapshot(), Server::look(options.server_pid), Instant::now());
    sleep_until(start + options.time).await;
    let seconds = start.elapsed().as_secs_f64();
    let after = counts.snapshot();
    println!("{} workers on {hosts} hosts, {connections} connections, jobs of {:?}", options.workers, options.job);
    println!("{}", after.since(&before, seconds));
    println!("{}", submitter.latencies());
    if let Some(report) = Server::look(options.server_pid).since(&server, seconds) {
        println!("{report}");
    }
    println!("load average {}", measure::load());
    streams::remove(&connect().await?, &names).await?;
    Ok(())
}

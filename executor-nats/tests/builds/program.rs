// The program whose two versions serve beside each other. Each file of a version includes it.

use std::error::Error;
use std::io::{self, BufRead, Read};
use std::time::Duration;
use std::{env, thread};

use executor::{ThreadPool, call};
use executor_nats::{NatsExecutor, serve};

/// The version of the host that runs the job.
fn version() -> u32 {
    VERSION
}

/// Runs for this time, after a line that says so.
fn slow(milliseconds: u64) -> u32 {
    println!("running");
    thread::park_timeout(Duration::from_millis(milliseconds));
    VERSION
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [mode, url, namespace] = &arguments[..] else { return Ok(()) };
    match mode.as_str() {
        "serve" => host(url, namespace),
        "submit" => submit(url, namespace),
        _ => Err("the mode is `serve` or `submit`".into()),
    }
}

/// Serves until its input ends, and drains.
fn host(url: &str, namespace: &str) -> Result<(), Box<dyn Error>> {
    let pool = ThreadPool::new(2);
    let server = serve(url, namespace, &pool)?;
    println!("serving");
    io::stdin().read_to_end(&mut Vec::new())?;
    server.shutdown(true);
    println!("drained");
    Ok(())
}

/// Runs a job for each line of its input: `version`, or `slow <milliseconds>`. Answers with a line for each when it ends.
fn submit(url: &str, namespace: &str) -> Result<(), Box<dyn Error>> {
    let report = |report: &executor_nats::NoWorker| println!("waiting {} others {}", report.waiting, report.others.len());
    let executor =
        NatsExecutor::builder(url, namespace).on_no_worker(Duration::from_millis(500), report).connect()?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let future = match line.strip_prefix("slow ") {
            Some(milliseconds) => executor.submit(call!(slow(milliseconds.parse::<u64>()?))),
            None => executor.submit(call!(version())),
        };
        println!("accepted");
        future.on_done(|outcome| match outcome {
            Ok(version) => println!("version {version}"),
            Err(error) => println!("failed: {error}"),
        });
    }
    drop(executor);
    Ok(())
}

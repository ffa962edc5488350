//! Both sides in one program: `squares serve` on any number of machines runs the jobs of `squares`.
//!
//! `NATS_URL` names the server. Default: `nats://127.0.0.1:4222`. A host serves until its input ends, and then finishes the jobs that run.

use std::error::Error;
use std::io::{self, Read};
use std::{env, process};

use executor::{ProcessPool, call};
use executor_nats::{NatsExecutor, serve};

/// The square, and the process that computed it.
fn square(n: u64) -> (u64, u32) {
    (n * n, process::id())
}

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    if env::args().nth(1).as_deref() == Some("serve") {
        let pool = ProcessPool::default_size()?;
        let server = serve(url, "squares", &pool)?;
        io::stdin().read_to_end(&mut Vec::new())?;
        server.shutdown(true);
        return Ok(());
    }
    let executor = NatsExecutor::connect(url, "squares")?;
    let squares: Vec<_> = (1..=10).map(|n| (n, executor.submit(call!(square(n))))).collect();
    for (n, square) in squares {
        let (square, process) = square.result()?;
        println!("{n} × {n} = {square}, by process {process}");
    }
    Ok(())
}

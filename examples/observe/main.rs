//! A service that can be watched: metrics for Prometheus, a dump for the moment when it is stuck, and a live page of its pools.
//!
//! | in Python | here |
//! |---|---|
//! | `prometheus_client`: `start_http_server`, `Counter`, `Histogram` | `PoolMetrics` in [`pools`], `/metrics` |
//! | `faulthandler.dump_traceback` | `/dump` |
//! | mpire: `WorkerPool(enable_insights=True)`, `get_insights()`, `dashboard` | `stats().insights`, `/stats.json`, `/` |
//!
//! `cargo run --features metrics --example observe [PORT]`, and open the address that it prints. It serves this machine only. Ctrl-C or SIGTERM
//! ends it.

mod load;
mod pools;
mod server;

use std::error::Error;
use std::io::{Write, stdout};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use smol::future::FutureExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use load::Load;
use pools::Pools;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const DEFAULT_PORT: u16 = 8080;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(DEFAULT_PORT), |port| port.parse());
    let (Ok(port), None) = (port, arguments.next()) else {
        eprintln!("observe: usage: observe [PORT]; port 0 takes any that is free");
        return ExitCode::from(2);
    };
    match run(port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("observe: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(port: u16) -> Outcome<()> {
    let pools = Arc::new(Pools::start()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let load = runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let load = Load::start(&pools)?;
        // The test reads it: a pipe takes no line by itself.
        writeln!(stdout(), "observe: http://{}/", listener.local_addr()?)?;
        stdout().flush()?;
        let signalled = interrupt.recv().or(terminate.recv());
        server::serve(listener, pools.clone(), signalled).await;
        Outcome::Ok(load)
    })?;
    load.stop();
    for (name, report) in pools.shut_down() {
        // The reader of a pipe may be gone, which is no fault of the end.
        let _ = writeln!(stdout(), "{name}: {report}");
    }
    Ok(())
}

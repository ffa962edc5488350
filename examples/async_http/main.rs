//! An HTTP client and server by hyper on one thread, with pools for the calls that would block it.
//!
//! | in Python | here |
//! |---|---|
//! | aiohttp: `ClientSession()`, `await session.get(url)`, `web.run_app(app)` | `Session` in `client`, `Server` in `server` |
//! | `asyncio.gather(*(fetch(url) for url in urls))` with `Semaphore(4)` | [`bounded`]: a task for each URL, and a permit for each request |
//! | requests: `requests.get(url).text` | [`get_blocking`] |
//! | grequests: `grequests.map((get(url) for url in urls), size=4)` | `map(urls, get_blocking).buffered(4)` on a `ThreadPool` |
//! | `asyncio.wait_for(session.get(url), seconds)` | `tokio::time::timeout` |
//! | Twisted: `deferToThread(f)`, `reactor.run()`; Tornado: `run_on_executor`, `IOLoop.current().start()` | `pool.submit(f).await`, `block_on` |
//!
//! `cargo run --example async_http`

mod client;
mod server;

use std::error::Error;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use executor::ThreadPool;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use client::{Answer, Session, get, get_blocking};
use server::Server;

/// How many requests are under way at once, and how many there are.
const AT_ONCE: usize = 4;
const REQUESTS: usize = 20;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let server = Server::start(AT_ONCE)?;
    let address = server.address();
    // All of the client's tasks share the thread that is here.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(session(address))?;
    println!("{} of {REQUESTS} by tasks, {} at once", runtime.block_on(bounded(address))?, server.most_at_once());
    runtime.block_on(jobs(address))?;
    println!("no answer in time: {}", runtime.block_on(too_late(address)));
    // With it go the connections that are left: a server that stops waits for them.
    drop(runtime);
    blocking(server)
}

/// Several requests over one connection.
async fn session(address: SocketAddr) -> Outcome<()> {
    let mut session = Session::connect(address).await?;
    for path in ["/hello", "/nowhere"] {
        tell(path, session.get(path).await?);
    }
    Ok(())
}

fn tell(path: &str, (status, body): Answer) {
    println!("{path}: {}, {body}", status.as_u16());
}

/// A task for each request, most of which wait for a place. The server answers none before as many have come as may at once.
async fn bounded(address: SocketAddr) -> Outcome<usize> {
    let (places, mut tasks) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for _ in 0..REQUESTS {
        let places = places.clone();
        tasks.spawn(async move {
            let _place = places.acquire().await?;
            get(address, "/meet").await
        });
    }
    let mut met = 0;
    while let Some(answer) = tasks.join_next().await {
        met += usize::from(answer??.1 == "met");
    }
    Ok(met)
}

/// The server passes jobs that compute or may crash to processes: a crash costs one answer.
async fn jobs(address: SocketAddr) -> Outcome<()> {
    for path in ["/prime/1000003", "/crash", "/prime/1000005"] {
        tell(path, get(address, path).await?);
    }
    Ok(())
}

/// The request is dropped, and its connection with it.
async fn too_late(address: SocketAddr) -> bool {
    tokio::time::timeout(Duration::from_millis(20), get(address, "/never")).await.is_err()
}

/// From code that is not async: jobs of a pool that block.
fn blocking(server: Server) -> Outcome<()> {
    let (pool, address) = (ThreadPool::new(REQUESTS), server.address());
    let answers = pool.map(0..REQUESTS, move |_| get_blocking(address, "/meet")).buffered(AT_ONCE);
    let met = answers.filter(|answer| matches!(answer, Ok(Ok((_, body))) if body == "met")).count();
    println!("{met} of {REQUESTS} by jobs, {} at once", server.most_at_once());

    let waits = pool.submit(move || get_blocking(address, "/wait"));
    server.until_one_waits();
    tell("/hello, while a job of the server blocks", get_blocking(address, "/hello")?);
    server.stop();
    tell("/wait, from a server that stops", waits.result()??);
    println!("it takes no more: {}", TcpStream::connect(address).is_err());
    Ok(())
}

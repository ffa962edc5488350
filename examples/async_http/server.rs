//! The server: one thread for all connections. Calls that block go to a pool of threads, jobs that compute or crash to a pool of
//! processes; both are awaited, so no connection waits for another's job.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use executor::{Event, JobError, ProcessPool, Promise, ThreadPool, call, promise};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use smol::future::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

use crate::Outcome;

/// A running server. [`stop`](Server::stop) it.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Promise<()>,
    thread: JoinHandle<()>,
}

struct Shared {
    threads: ThreadPool,
    processes: ProcessPool,
    /// Where requests meet, how many are there, and the most that ever were.
    meeting: Barrier,
    here: AtomicUsize,
    most: AtomicUsize,
    /// A request is in a job that blocks, and may go on.
    waits: Event,
    goes_on: Event,
}

impl Server {
    pub(crate) fn start(at_once: usize) -> Outcome<Self> {
        let shared = Arc::new(Shared {
            threads: ThreadPool::new(2),
            processes: ProcessPool::new(1)?,
            meeting: Barrier::new(at_once),
            here: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            waits: Event::new(),
            goes_on: Event::new(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let ((stop, stopped), there) = (promise(), shared.clone());
        let serve = async move {
            let connections = GracefulShutdown::new();
            // A stop may be asked for, or the `Server` be gone: the end in either case.
            let until = async { drop(stopped.await) };
            accept(&listener, &connections, &there).or(until).await;
            drop(listener);
            connections.shutdown().await;
        };
        let thread = thread::Builder::new().name("http".to_owned()).spawn(move || runtime.block_on(serve))?;
        Ok(Self { address, shared, stop, thread })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The most requests to `/meet` that were there at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.most.load(Ordering::SeqCst)
    }

    pub(crate) fn until_one_waits(&self) {
        self.shared.waits.wait();
    }

    /// Accepts no more, answers what has come, and returns when the last connection has ended.
    pub(crate) fn stop(self) {
        self.stop.complete(());
        self.shared.goes_on.set();
        self.thread.join().expect("it does not panic");
    }
}

async fn accept(listener: &TcpListener, connections: &GracefulShutdown, shared: &Arc<Shared>) {
    loop {
        // One client that has gone already, or a shortage of descriptors: the others are none the worse.
        let Ok((stream, _)) = listener.accept().await else { continue };
        serve(stream, connections, shared.clone());
    }
}

fn serve(stream: TcpStream, connections: &GracefulShutdown, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(request, shared.clone()));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // It ends with an error if its client leaves in the middle, which is no fault of the server.
    tokio::spawn(connections.watch(connection));
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, text) = match route(request.uri().path(), &shared).await {
        Ok(Some(text)) => (StatusCode::OK, text),
        Ok(None) => (StatusCode::NOT_FOUND, "no such page".to_owned()),
        Err(JobError::Crashed(crash)) => {
            let signal = crash.signal().unwrap_or("no signal");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("its job ended by {signal}"))
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    Ok(response)
}

/// The text at this path, or `None`.
async fn route(path: &str, shared: &Arc<Shared>) -> Result<Option<String>, JobError> {
    let text = match path {
        "/hello" => "hello".to_owned(),
        "/meet" => shared.meet().await,
        "/never" => std::future::pending().await,
        "/wait" => {
            let there = shared.clone();
            shared.threads.submit(move || there.block()).await?
        }
        "/crash" => shared.processes.submit(call!(crash())).await?,
        path => {
            let Some(number) = path.strip_prefix("/prime/").and_then(|number| number.parse::<u64>().ok()) else {
                return Ok(None);
            };
            let is_prime = shared.processes.submit(call!(is_prime(number))).await?;
            if is_prime { "prime" } else { "not prime" }.to_owned()
        }
    };
    Ok(Some(text))
}

impl Shared {
    async fn meet(&self) -> String {
        let here = self.here.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(here, Ordering::SeqCst);
        self.meeting.wait().await;
        self.here.fetch_sub(1, Ordering::SeqCst);
        "met".to_owned()
    }

    fn block(&self) -> String {
        self.waits.set();
        self.goes_on.wait();
        "waited".to_owned()
    }
}

fn is_prime(n: u64) -> bool {
    n >= 2 && (2..=n.isqrt()).all(|divisor| n % divisor != 0)
}

fn crash() -> String {
    std::process::abort()
}

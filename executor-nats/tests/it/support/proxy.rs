//! A connection between two programs that a test can cut.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Forwards connections to a server. While it is cut, connections stay open and no byte passes: as in a network that loses every packet.
///
/// Dropped, it closes them all.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// `None` until it is known: connections wait for it.
    server: Option<SocketAddr>,
    is_cut: bool,
    is_closed: bool,
    delay: Duration,
    open: HashMap<usize, TcpStream>,
    threads: Vec<JoinHandle<()>>,
    last: usize,
}

impl Proxy {
    /// Listens on the loopback, for a server that [`forward_to`](Self::forward_to) names.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let accepting = shared.clone();
        let accept = move || {
            for client in listener.incoming() {
                if !accepting.serve(client.expect("a connection")) {
                    return;
                }
            }
        };
        Self { address, shared, listener: Some(spawn(accept)) }
    }

    pub(crate) fn between(server: SocketAddr) -> Self {
        let proxy = Self::new();
        proxy.forward_to(server);
        proxy
    }

    /// The address for clients.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Names the server of new connections.
    pub(crate) fn forward_to(&self, server: SocketAddr) {
        self.change(|state| state.server = Some(server));
    }

    /// Lets no byte pass from now on.
    pub(crate) fn cut(&self) {
        self.change(|state| state.is_cut = true);
    }

    /// Lets bytes pass again, first those that were held.
    pub(crate) fn heal(&self) {
        self.change(|state| state.is_cut = false);
    }

    /// Lets each byte pass only when that much time has gone by.
    pub(crate) fn delay(&self, delay: Duration) {
        self.change(|state| state.delay = delay);
    }

    /// Closes all connections. New ones are served.
    pub(crate) fn reset(&self) {
        self.change(|state| state.open.values().for_each(close));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.lock());
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.change(|state| {
            state.is_closed = true;
            state.open.values().for_each(close);
        });
        // Only to wake the thread that accepts.
        drop(TcpStream::connect(self.address));
        drop(self.listener.take().expect("it is dropped once").join());
        let threads = std::mem::take(&mut self.shared.lock().threads);
        for thread in threads {
            thread.join().expect("no thread of the proxy panics");
        }
    }
}

fn close(stream: &TcpStream) {
    drop(stream.shutdown(Shutdown::Both));
}

fn spawn(run: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name("test-proxy".to_owned()).spawn(run).expect("a thread")
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with it")
    }

    /// Forwards a connection. `false` if the proxy is closed.
    fn serve(self: &Arc<Self>, client: TcpStream) -> bool {
        let mut state = self.lock();
        if state.is_closed {
            return false;
        }
        state.threads.retain(|thread| !thread.is_finished());
        let id = state.keep(&client);
        let this = self.clone();
        state.threads.push(spawn(move || this.forward(client, id)));
        true
    }

    fn forward(self: &Arc<Self>, client: TcpStream, id: usize) {
        let server = self.wait_to_pass(Instant::now()).and_then(|server| TcpStream::connect(server).ok());
        if let Some(server) = server {
            let server_id = self.lock().keep(&server);
            let (this, back) = (self.clone(), (clone(&server), clone(&client)));
            let back = spawn(move || this.copy(back.0, back.1));
            self.copy(clone(&client), server);
            back.join().expect("it does not panic");
            self.lock().open.remove(&server_id);
        }
        close(&client);
        self.lock().open.remove(&id);
    }

    /// Copies bytes and their end.
    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        loop {
            let length = from.read(&mut buffer).unwrap_or(0);
            if self.wait_to_pass(Instant::now()).is_none() || length == 0 || to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Write));
        drop(from.shutdown(Shutdown::Read));
    }

    /// Blocks while nothing that came at `arrived` may pass. Returns the server, or `None` if the proxy is closed.
    fn wait_to_pass(&self, arrived: Instant) -> Option<SocketAddr> {
        let mut state = self.lock();
        loop {
            let left = (arrived + state.delay).saturating_duration_since(Instant::now());
            match state.server {
                _ if state.is_closed => return None,
                Some(server) if !state.is_cut && left.is_zero() => return Some(server),
                Some(_) if !state.is_cut => {
                    (state, _) = self.changed.wait_timeout(state, left).expect("no thread panics with it");
                }
                _ => state = self.changed.wait(state).expect("no thread panics with it"),
            }
        }
    }
}

impl State {
    /// Keeps a connection until its end, so that it can be closed.
    fn keep(&mut self, stream: &TcpStream) -> usize {
        drop(stream.set_nodelay(true));
        if self.is_closed {
            close(stream);
        }
        self.last += 1;
        self.open.insert(self.last, clone(stream));
        self.last
    }
}

fn clone(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a descriptor")
}

//! A TCP server with one job per connection: a limit on connections, time limits, and a shutdown that still answers received requests.
//!
//! In Python: `ThreadingTCPServer(address, Handler)`, `serve_forever()` in a thread, `shutdown()`, `server_close()`. That
//! server starts a thread for each client, has no time limits, and drops the requests under way when the program ends.
//!
//! `cargo run --example threaded_tcp_server -- --clients 1000`

mod server;

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use server::{Limits, Server};

/// Longer than anything here takes: for those who must not be cut off by a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    let clients = clients()?;
    allow_descriptors();
    crowd(clients)?;
    refused()?;
    silent()?;
    Ok(())
}

fn clients() -> Result<usize, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next(), arguments.next()) {
        (None, ..) => Ok(50),
        (Some("--clients"), Some(number), None) => Ok(number.parse()?),
        _ => Err("usage: threaded_tcp_server [--clients NUMBER]".into()),
    }
}

/// Both ends of each connection are in this process, so it has two descriptors for each.
fn allow_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        eprintln!("no more descriptors than before: {error}");
    }
}

/// A client, and what it reads from.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn send(&mut self, line: &str) -> std::io::Result<()> {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes())
    }

    fn receive(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn rest(&mut self) -> std::io::Result<String> {
        let mut text = String::new();
        self.0.read_to_string(&mut text)?;
        Ok(text)
    }
}

/// Many clients at once, and one that says nothing.
fn crowd(number: usize) -> Result<(), Box<dyn Error>> {
    let before = threads()?;
    let server = Server::start(Limits { served: number + 1, waiting: number + 1, silence: PATIENCE })?;
    let mut silent = Client::connect(server.address())?;
    silent.receive()?;

    let mut clients = (0..number).map(|_| Client::connect(server.address())).collect::<Result<Vec<_>, _>>()?;
    for client in &mut clients {
        assert_eq!(client.receive()?, "hello"); // it has a thread of its own by now
    }
    println!("{} clients are held at once, one of them silent", server.connections());

    let answered = |clients: &mut Vec<Client>| {
        let right = |(n, client): (usize, &mut Client)| client.receive().is_ok_and(|line| line == format!("YES {n}"));
        clients.iter_mut().enumerate().filter_map(|client| right(client).then_some(())).count()
    };
    let ask = |clients: &mut Vec<Client>| {
        clients.iter_mut().enumerate().try_for_each(|(n, client)| client.send(&format!("yes {n}")))
    };
    ask(&mut clients)?;
    println!("{} of {number} were answered, past the silent one", answered(&mut clients));

    // Requests sent before the stop are answered, and then the connection ends.
    ask(&mut clients)?;
    let left = server.stop();
    println!("{} of {number} were answered by a server that stops", answered(&mut clients));
    let dropped = clients.iter_mut().chain([&mut silent]).filter_map(|client| client.rest().err()).count();
    println!("dropped: {dropped}, connections left: {left}, threads left: {}", threads_beyond(before)?);
    Ok(())
}

/// As the kernel counts them.
fn threads() -> std::io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

/// The kernel lists a thread for a moment after it was joined.
fn threads_beyond(before: usize) -> std::io::Result<usize> {
    let start = Instant::now();
    while threads()? > before && start.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    Ok(threads()? - before)
}

/// More than the server has room for: the next one is told so, at once.
fn refused() -> Result<(), Box<dyn Error>> {
    let server = Server::start(Limits { served: 1, waiting: 1, silence: PATIENCE })?;
    let mut served = Client::connect(server.address())?;
    println!("the first: {}", served.receive()?);
    let mut waiting = Client::connect(server.address())?;
    println!("the third: {}", Client::connect(server.address())?.receive()?);
    drop(served);
    println!("the second, when the first has gone: {}", waiting.receive()?);
    server.stop();
    Ok(())
}

/// A client that says nothing has its time.
fn silent() -> Result<(), Box<dyn Error>> {
    let server = Server::start(Limits { served: 1, waiting: 1, silence: Duration::from_millis(50) })?;
    let mut silent = Client::connect(server.address())?;
    println!("a silent client: {}", silent.rest()?.trim_end().replace('\n', ", "));
    server.stop();
    Ok(())
}

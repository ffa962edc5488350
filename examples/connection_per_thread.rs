//! One connection per thread: the initializer opens a connection before the thread's first job, and jobs reach it by
//! `current::state`. So a thousand requests need only as many connections as there are threads, and no lock.
//!
//! `cargo run --example connection_per_thread`

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use executor::{ThreadPool, current};

const THREADS: usize = 4;
const REQUESTS: u64 = 1000;

type Connection = BufReader<TcpStream>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connections = Arc::new(AtomicUsize::new(0));
    let address = serve_squares(connections.clone())?;

    let pool = ThreadPool::builder()
        .threads(THREADS)
        .initializer(move || RefCell::new(TcpStream::connect(address).map(BufReader::new)))
        .build()?;
    let sum: u64 = pool
        .map(1..=REQUESTS, ask)
        .map(|answer| answer?.map_err(Into::into))
        .sum::<Result<_, Box<dyn std::error::Error>>>()?;
    pool.shutdown(true);

    println!("sum of squares: {sum}");
    println!(
        "{REQUESTS} requests went over at most {THREADS} connections: {}",
        connections.load(Ordering::Relaxed) <= THREADS
    );
    Ok(())
}

/// Sends one request over this thread's own connection. Blocks until the answer arrives.
fn ask(number: u64) -> io::Result<u64> {
    let connection = current::state::<RefCell<io::Result<Connection>>>().expect("the initializer made it");
    let mut connection = connection.borrow_mut();
    let connection = connection.as_mut().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
    // In one write: the system would delay a second write until the first is acknowledged.
    connection.get_mut().write_all(format!("{number}\n").as_bytes())?;
    let mut answer = String::new();
    connection.read_line(&mut answer)?;
    answer.trim().parse().map_err(io::Error::other)
}

/// A server on the loopback that answers each number with its square, a thread for each connection.
fn serve_squares(connections: Arc<AtomicUsize>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            connections.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || answer(&stream));
        }
    });
    Ok(address)
}

fn answer(stream: &TcpStream) -> io::Result<()> {
    for line in BufReader::new(stream).lines() {
        let number: u64 = line?.trim().parse().map_err(io::Error::other)?;
        (&*stream).write_all(format!("{}\n", number * number).as_bytes())?;
    }
    Ok(())
}

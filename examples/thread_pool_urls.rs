//! Fetches a list of URLs, one thread for each, from a server that it starts on the loopback interface.
//!
//! In Python: `executor = ThreadPoolExecutor(len(urls))`, `executor.submit(fetch, url)` for each, `future.result()`,
//! `executor.shutdown(wait=True)`.
//!
//! `cargo run --example thread_pool_urls`

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread;

use executor::ThreadPool;

const PAGES: [(&str, &str); 4] = [("/", "start"), ("/long", "a longer page"), ("/empty", ""), ("/missing", "")];

fn main() -> Result<(), Box<dyn Error>> {
    let server = serve(PAGES.len())?;
    let urls = PAGES.map(|(path, _)| format!("http://{server}{path}"));

    let pool = ThreadPool::new(urls.len());
    let futures = urls.map(|url| pool.submit(move || fetch(&url)));
    for (future, (path, _)) in futures.into_iter().zip(PAGES) {
        // The first `?` is for the job's own error, the second for the returned `Result`; `flatten` would merge them.
        let (status, body) = future.result()??;
        println!("{path}: {status}, {} bytes", body.len());
    }

    // A bad URL fails only its own job.
    let nowhere = pool.submit(|| fetch("ftp://nowhere"));
    println!("ftp://nowhere: {}", nowhere.result()?.unwrap_err());
    pool.shutdown(true);
    println!("the pool is shut down, submit is refused: {}", pool.try_submit(|| ()).is_err());
    Ok(())
}

/// Returns status and body, for `http://address:port/path` only. A real program takes `reqwest` or `ureq`.
fn fetch(url: &str) -> io::Result<(u16, String)> {
    let unknown = || io::Error::new(io::ErrorKind::InvalidInput, "not an http URL");
    let rest = url.strip_prefix("http://").ok_or_else(unknown)?;
    let (host, path) = rest.split_once('/').ok_or_else(unknown)?;
    let mut stream = TcpStream::connect(host)?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok((status, body.to_owned()))
}

/// A server that answers once `at_once` clients have asked: asking one after the other would wait forever.
fn serve(at_once: usize) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let all = Arc::new(Barrier::new(at_once));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let all = all.clone();
            thread::spawn(move || answer(&stream, &all));
        }
    });
    Ok(address)
}

fn answer(mut stream: &TcpStream, all: &Barrier) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    // Read to the blank line: closing a socket with unread data resets the connection.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    all.wait();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let page = PAGES.iter().find(|(known, _)| *known == path && path != "/missing");
    let (status, body) = page.map_or(("404 Not Found", "no such page"), |(_, body)| ("200 OK", body));
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

//! A client that says what a test writes, well-formed or not.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

pub(crate) struct Raw {
    stream: BufReader<TcpStream>,
    /// The subjects of answers begin with it.
    inbox: String,
    /// How many requests there were. Each has a subject of its own for the answer, which may come late.
    requests: u64,
    /// The first words of the server.
    pub(crate) info: Value,
}

impl Raw {
    pub(crate) fn connect(server: SocketAddr) -> io::Result<Self> {
        Self::connect_with(server, "{\"verbose\":false}")
    }

    /// Connects with options in JSON, such as `user` and `pass`. Blocks until the server has accepted them.
    pub(crate) fn connect_with(server: SocketAddr, options: &str) -> io::Result<Self> {
        let mut this = Self::listen(server)?;
        this.send(format!("CONNECT {options}\r\nPING\r\n").as_bytes())?;
        let answer = this.line()?;
        if answer != "PONG" {
            return Err(io::Error::other(answer));
        }
        this.send(format!("SUB {}.* 1\r\n", this.inbox).as_bytes())?;
        Ok(this)
    }

    /// Connects and says nothing.
    pub(crate) fn listen(server: SocketAddr) -> io::Result<Self> {
        const LIMIT: Duration = Duration::from_secs(30);
        let stream = TcpStream::connect_timeout(&server, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut this = Self { stream: BufReader::new(stream), inbox: inbox(), requests: 0, info: Value::Null };
        let line = this.line()?;
        let info = line.strip_prefix("INFO ").ok_or_else(|| io::Error::other(line.clone()))?;
        this.info = serde_json::from_str(info)?;
        Ok(this)
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    pub(crate) fn publish(&mut self, subject: &str, payload: &[u8]) -> io::Result<()> {
        let head = format!("PUB {subject} {}\r\n", payload.len());
        self.send(&[head.as_bytes(), payload, b"\r\n"].concat())
    }

    /// Publishes, and blocks until the first answer. Without one in 30 seconds, the request fails.
    pub(crate) fn request(&mut self, subject: &str, payload: &[u8]) -> io::Result<Vec<u8>> {
        self.requests += 1;
        let inbox = format!("{}.{}", self.inbox, self.requests);
        let head = format!("PUB {subject} {inbox} {}\r\n", payload.len());
        self.send(&[head.as_bytes(), payload, b"\r\n"].concat())?;
        loop {
            let line = self.line()?;
            let words: Vec<_> = line.split(' ').collect();
            match words.as_slice() {
                ["PING"] => self.send(b"PONG\r\n")?,
                ["MSG", to, .., length] => {
                    let payload = self.payload(length)?;
                    if *to == inbox {
                        return Ok(payload);
                    }
                }
                ["-ERR", ..] => return Err(io::Error::other(line)),
                _ => {}
            }
        }
    }

    /// Asks the API of streams, `$JS.API`. An answer with an error is one.
    pub(crate) fn api(&mut self, method: &str, request: &Value) -> io::Result<Value> {
        let answer = self.request(&format!("$JS.API.{method}"), request.to_string().as_bytes())?;
        let answer: Value = serde_json::from_slice(&answer)?;
        if answer["error"].is_null() { Ok(answer) } else { Err(io::Error::other(answer["error"].to_string())) }
    }

    fn payload(&mut self, length: &str) -> io::Result<Vec<u8>> {
        let length: usize = length.parse().map_err(io::Error::other)?;
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Another one for each client.
fn inbox() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Relaxed: only the uniqueness of the number matters.
    format!("_INBOX.raw.{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

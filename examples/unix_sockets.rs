//! Unix sockets: streams and datagrams between processes of one machine, under names in the file system.
//!
//! In Python: `socket(AF_UNIX, SOCK_STREAM)`, `bind(path)`, `connect(path)`, `socketpair()`; `socket(AF_UNIX, SOCK_DGRAM)`.
//!
//! `cargo run --example unix_sockets`

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

use executor::ThreadPool;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("unix-sockets-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let outcome = stream(&directory.join("stream")).and_then(|()| datagrams(&directory));
    fs::remove_dir_all(&directory)?;
    outcome?;
    pair()
}

fn stream(path: &Path) -> Result<(), Box<dyn Error>> {
    let pool = ThreadPool::new(1);
    let listener = UnixListener::bind(path)?;
    let server = pool.submit(move || {
        let (mut stream, _) = listener.accept()?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        stream.write_all(line.to_uppercase().as_bytes())
    });
    let mut client = UnixStream::connect(path)?;
    writeln!(client, "over a stream")?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    server.flatten().result()?;
    println!("answer: {}", answer.trim_end());

    // The name stays when the listener is gone, and must be removed before the next one is bound.
    println!("bound again: {}", UnixListener::bind(path).is_ok());
    println!("connected to nobody: {:?}", UnixStream::connect(path).unwrap_err().kind());
    fs::remove_file(path)?;
    println!("bound again, once removed: {}", UnixListener::bind(path).is_ok());
    Ok(())
}

/// No datagram is lost here: if the receiver is slow, the sender blocks.
fn datagrams(directory: &Path) -> Result<(), Box<dyn Error>> {
    let (here, there) = (directory.join("here"), directory.join("there"));
    let receiver = UnixDatagram::bind(&there)?;
    // The sender is bound, so that it can get an answer.
    let sender = UnixDatagram::bind(&here)?;
    let mut buffer = [0; 64];
    for text in ["first", "second"] {
        sender.send_to(text.as_bytes(), &there)?;
    }
    for _ in 0..2 {
        let (length, from) = receiver.recv_from(&mut buffer)?;
        let name = from.as_pathname().and_then(Path::file_name).unwrap_or_default();
        println!("{} from {}", String::from_utf8_lossy(&buffer[..length]), name.to_string_lossy());
    }
    Ok(())
}

/// `socketpair()`: two ends without a name.
fn pair() -> Result<(), Box<dyn Error>> {
    let (mut left, mut right) = UnixStream::pair()?;
    left.write_all(b"over a pair")?;
    drop(left);
    let mut text = String::new();
    right.read_to_string(&mut text)?;
    println!("{text}, then the end");
    Ok(())
}

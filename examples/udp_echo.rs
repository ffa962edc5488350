//! Datagrams: each arrives whole or not at all, and a loss is not reported.
//!
//! In Python: `socket(AF_INET, SOCK_DGRAM)`, `bind`, `sendto(data, address)`, `recvfrom(size)`, `settimeout`; `UDPServer`.
//!
//! `cargo run --example udp_echo`

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use executor::ThreadPool;

fn main() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPool::new(1);
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = server.local_addr()?;
    let served = pool.submit(move || echo(&server));

    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut buffer = [0; 64];
    for text in ["one", "two", ""] {
        client.send_to(text.as_bytes(), address)?;
        let (length, from) = client.recv_from(&mut buffer)?;
        println!("{text:?} came back as {:?}, from the server: {}", text_of(&buffer[..length]), from == address);
    }

    // A datagram longer than the buffer is cut off, and the rest is lost.
    client.send_to(b"a long datagram", address)?;
    let (length, _) = client.recv_from(&mut buffer[..6])?;
    println!("into 6 bytes: {:?}", text_of(&buffer[..length]));

    // A connected socket needs no address, and receives only from its peer.
    client.connect(address)?;
    client.send(b"end")?;
    let length = client.recv(&mut buffer)?;
    println!("connected to the server: {}, {:?}", client.peer_addr()? == address, text_of(&buffer[..length]));
    println!("echoed: {}", served.flatten().result()?);

    // The server has ended: without a time limit, this would wait forever.
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    client.connect(silent.local_addr()?)?;
    client.set_read_timeout(Some(Duration::from_millis(20)))?;
    client.send(b"anybody?")?;
    println!("no answer in time: {}", client.recv(&mut buffer).is_err_and(|error| is_timeout(&error)));
    Ok(())
}

/// Sends each datagram back to its sender, until one says `end`. Returns how many there were.
fn echo(socket: &UdpSocket) -> io::Result<usize> {
    let mut buffer = [0; 64];
    for count in 1.. {
        let (length, from) = socket.recv_from(&mut buffer)?;
        socket.send_to(&buffer[..length], from)?;
        if &buffer[..length] == b"end" {
            return Ok(count);
        }
    }
    Ok(0)
}

fn text_of(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The error at the end of a time limit differs from system to system.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

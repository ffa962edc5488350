//! "One send, one receive" holds for messages, not for a stream of bytes. Shows the errors without frames, then frames.
//!
//! In Python: `sock.sendall(data)`, `sock.recv(1024)`, and the hope that one `recv` returns what one `sendall` was given.
//!
//! `cargo run --example lock_step`

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use executor::ThreadPool;

/// The longest message. A longer one is a mistake or an attack, so nothing is allocated for it.
const LONGEST: u32 = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    glued()?;
    torn()?;
    both_wait()?;
    framed()
}

fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    Ok((client, listener.accept()?.0))
}

/// Two sends, one receive: if they follow quickly, they arrive as one piece.
fn glued() -> Result<(), Box<dyn Error>> {
    let (mut client, mut server) = connection()?;
    client.write_all(b"hello")?;
    client.write_all(b"world")?;
    let mut buffer = [0; 64];
    // Wait until both have arrived. Without this wait, the program would work on one machine and fail on another.
    while server.peek(&mut buffer)? < 10 {}
    let length = server.read(&mut buffer)?;
    println!("two sends, one receive: {:?}", std::str::from_utf8(&buffer[..length])?);
    Ok(())
}

/// One send, many receives: data larger than the system's buffer arrives in pieces.
fn torn() -> Result<(), Box<dyn Error>> {
    let (mut client, mut server) = connection()?;
    let message = vec![b'x'; 1 << 20];
    let pool = ThreadPool::new(1);
    let sent = pool.submit(move || client.write_all(&message));
    let (mut buffer, mut received, mut pieces) = ([0; 4096], 0, 0);
    loop {
        match server.read(&mut buffer)? {
            0 => break,
            length => (received, pieces) = (received + length, pieces + 1),
        }
    }
    sent.flatten().result()?;
    println!("one send of {received} bytes, more than one receive: {}", pieces > 1);
    Ok(())
}

/// Lock-step needs one side that begins: if both receive first, they wait forever, or until a time limit.
fn both_wait() -> Result<(), Box<dyn Error>> {
    let (mut client, mut server) = connection()?;
    for side in [&mut client, &mut server] {
        side.set_read_timeout(Some(Duration::from_millis(10)))?;
        let error = read_frame(side).unwrap_err();
        println!("nobody begins: {}", matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
    }
    Ok(())
}

/// A length, then that many bytes: a message is received as it was sent, in any number of pieces.
fn framed() -> Result<(), Box<dyn Error>> {
    let (mut client, mut server) = connection()?;
    let pool = ThreadPool::new(1);
    let served = pool.submit(move || {
        let mut count = 0;
        while let Some(message) = read_frame(&mut server)? {
            count += 1;
            write_frame(&mut server, &message.iter().rev().copied().collect::<Vec<_>>())?;
        }
        io::Result::Ok(count)
    });
    for message in ["hello", "world", ""] {
        write_frame(&mut client, message.as_bytes())?;
        let answer = read_frame(&mut client)?.ok_or("the server has gone")?;
        println!("{message:?} -> {:?}", std::str::from_utf8(&answer)?);
    }
    let large = vec![b'x'; LONGEST as usize];
    write_frame(&mut client, &large)?;
    println!("{} bytes -> {} bytes", large.len(), read_frame(&mut client)?.unwrap_or_default().len());
    println!("too long: {}", write_frame(&mut client, &vec![0; large.len() + 1]).unwrap_err());
    drop(client);
    println!("messages served: {}", served.flatten().result()?);
    Ok(())
}

fn write_frame(stream: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).ok().filter(|&length| length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a message of more than 1 MiB"))?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(message)
}

/// Returns `None` at the end of the stream between two messages. Within a message, the end is an error.
fn read_frame(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if stream.read(&mut length[..1])? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut length[1..])?;
    let length = u32::from_be_bytes(length);
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message of more than 1 MiB"));
    }
    let mut message = vec![0; length as usize];
    stream.read_exact(&mut message)?;
    Ok(Some(message))
}

//! Every call of a socket, under the system's own names, through `socket2`.
//!
//! In Python: `bind`, `listen(backlog)`, `accept`, `connect`, `connect_ex`, `recv(size, flags)`, `send`, `sendall`, `sendto`,
//! `recvfrom`, `getpeername`, `getsockname`, `settimeout`, `setblocking(False)`, `fileno`, `close`.
//!
//! `cargo run --example nonblocking_sockets`

use std::error::Error;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

fn main() -> Result<(), Box<dyn Error>> {
    let listener = listen(8)?;
    let address = listener.local_addr()?;

    // setblocking(False): a call that would block returns an error instead.
    listener.set_nonblocking(true)?;
    println!("accept with nobody there: {:?}", listener.accept().unwrap_err().kind());

    let client = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    client.set_nonblocking(true)?;
    println!("connect_ex: {}", connect_ex(&client, &address));
    wait_for(&client, PollFlags::OUT)?;
    println!("connect_ex, when it is done: {:?}", client.take_error()?);
    wait_for(&listener, PollFlags::IN)?;
    let (server, peer) = listener.accept()?;
    println!("accept gives the client's own address: {}", peer.as_socket() == client.local_addr()?.as_socket());
    println!("getpeername is the listener's: {}", client.peer_addr()?.as_socket() == address.as_socket());
    println!("fileno is a small number: {}", client.as_raw_fd() > 2);

    receive(&client, &server)?;
    send(&client, server)?;
    close(&listener)?;
    println!("connect_ex to nobody: {}", refused()?);
    println!("connect with a timeout: {:?}", connect_timeout()?);
    datagrams()
}

/// bind to a port that the system picks, and listen.
fn listen(backlog: i32) -> io::Result<Socket> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    listener.listen(backlog)?;
    Ok(listener)
}

/// The error by its name, where Python gives its number, or `0`.
fn connect_ex(socket: &Socket, address: &SockAddr) -> String {
    match socket.connect(address) {
        Ok(()) => "0".to_owned(),
        Err(error) => Errno::from_io_error(&error).map_or("no errno".to_owned(), name),
    }
}

fn name(errno: Errno) -> String {
    match errno {
        Errno::INPROGRESS => "EINPROGRESS".to_owned(),
        Errno::CONNREFUSED => "ECONNREFUSED".to_owned(),
        other => other.to_string(),
    }
}

/// `select` for one socket, with a limit that only a bug reaches.
fn wait_for(socket: &Socket, what: PollFlags) -> io::Result<()> {
    let limit = Duration::from_secs(60).try_into().map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(socket, what)], Some(&limit))? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

/// recv(size, flags): peeks, then reads; and a time limit.
fn receive(client: &Socket, server: &Socket) -> Result<(), Box<dyn Error>> {
    (&*client).write_all(b"0123456789")?;
    let mut buffer = [MaybeUninit::uninit(); 4];
    let length = server.recv_with_flags(&mut buffer, libc::MSG_PEEK)?;
    println!("recv(4, MSG_PEEK): {length} bytes, which stay");
    // `recv` fills uninitialised memory; `read` fills an ordinary buffer.
    server.recv(&mut buffer)?;
    let mut buffer = [0; 4];
    let length = (&*server).read(&mut buffer)?;
    println!("recv(4), twice: {:?}", std::str::from_utf8(&buffer[..length])?);
    let length = (&*server).read(&mut buffer)?;
    println!("recv(4), where less is left: {:?}", std::str::from_utf8(&buffer[..length])?);
    server.set_read_timeout(Some(Duration::from_millis(10)))?;
    println!("recv after settimeout: {:?}", (&*server).read(&mut buffer).unwrap_err().kind());
    Ok(())
}

/// `send` may take a part of the data; `sendall` goes on until all is sent.
fn send(client: &Socket, server: Socket) -> Result<(), Box<dyn Error>> {
    let data = vec![b'x'; 16 << 20];
    let sent = client.send(&data)?;
    println!("send took a part only: {}", sent < data.len());
    while client.send(&data).is_ok() {}
    println!("send with no room: {:?}", client.send(&data).unwrap_err().kind());

    client.set_nonblocking(false)?;
    server.set_read_timeout(None)?;
    let reader = std::thread::spawn(move || io::copy(&mut &server, &mut io::sink()));
    (&*client).write_all(&data)?;
    client.shutdown(std::net::Shutdown::Write)?;
    let received = reader.join().expect("it does not panic")?;
    println!("sendall: all of it arrived: {}", received >= (data.len() + sent) as u64);
    Ok(())
}

/// `close()` is the drop: the other end reads the data sent before, then 0 bytes on each call. `into_raw_fd` is `detach()`.
fn close(listener: &Socket) -> Result<(), Box<dyn Error>> {
    let client = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    client.connect(&listener.local_addr()?)?;
    listener.set_nonblocking(false)?;
    let (server, _) = listener.accept()?;
    client.send(b"bye")?;
    drop(client);
    let mut text = String::new();
    (&server).read_to_string(&mut text)?;
    println!("recv after the other's close: {text:?}, then {} bytes", (&server).read(&mut [0; 4])?);
    Ok(())
}

fn refused() -> io::Result<String> {
    let address = listen(1)?.local_addr()?; // closed at once
    Ok(connect_ex(&Socket::new(Domain::IPV4, Type::STREAM, None)?, &address))
}

/// If the backlog is full, a connect waits. It has a time limit of its own.
fn connect_timeout() -> io::Result<io::ErrorKind> {
    let listener = listen(0)?;
    let address = listener.local_addr()?;
    let mut waiting = Vec::new();
    for _ in 0..16 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        match socket.connect_timeout(&address, Duration::from_millis(200)) {
            Ok(()) => waiting.push(socket),
            Err(error) => return Ok(error.kind()),
        }
    }
    Err(io::Error::other("a backlog of 0 took 16 connections"))
}

/// sendto and recvfrom.
fn datagrams() -> Result<(), Box<dyn Error>> {
    let [left, right] = [(); 2].map(|()| Socket::new(Domain::IPV4, Type::DGRAM, None));
    let (left, right) = (left?, right?);
    let any = SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    left.bind(&any)?;
    right.bind(&any)?;
    left.send_to(b"datagram", &right.local_addr()?)?;
    let mut buffer = [MaybeUninit::uninit(); 64];
    let (length, from) = right.recv_from(&mut buffer)?;
    println!("recvfrom: {length} bytes, from the sender: {}", from.as_socket() == left.local_addr()?.as_socket());
    Ok(())
}

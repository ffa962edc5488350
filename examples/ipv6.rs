//! IPv6, and one socket for both versions.
//!
//! In Python: `socket(AF_INET6, SOCK_STREAM)`, `bind(("::1", 0))`, `setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)`.
//!
//! `cargo run --example ipv6`

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};

use executor::ThreadPool;
use socket2::{Domain, Socket, Type};

fn main() -> Result<(), Box<dyn Error>> {
    let listener = match TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        Ok(listener) => listener,
        Err(error) => {
            println!("this machine has no IPv6");
            eprintln!("{error}");
            return Ok(());
        }
    };
    let pool = ThreadPool::new(1);
    let port = listener.local_addr()?.port();

    // An address in brackets, then the port.
    let address = format!("[::1]:{port}").to_socket_addrs()?.next().ok_or("no address")?;
    println!("{} is version 6: {}", address.ip(), address.is_ipv6());
    let greeter = pool.submit(move || greet(&listener));
    println!("greeted: {}", read(address)?);
    greeter.flatten().result()?;

    // Not for version 6 only: a client over version 4 gets an address within version 6.
    let both = Socket::new(Domain::IPV6, Type::STREAM, None)?;
    both.set_only_v6(false)?;
    both.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())?;
    both.listen(8)?;
    let both = TcpListener::from(both);
    let port = both.local_addr()?.port();
    let greeter = pool.submit(move || greet(&both).and_then(|()| greet(&both)));
    println!("greeted over version 6: {}", read((Ipv6Addr::LOCALHOST, port).into())?);
    println!("greeted over version 4: {}", read((Ipv4Addr::LOCALHOST, port).into())?);
    greeter.flatten().result()?;
    Ok(())
}

/// Tells one client its own address.
fn greet(listener: &TcpListener) -> io::Result<()> {
    let (mut stream, peer) = listener.accept()?;
    write!(stream, "{}", peer.ip())
}

fn read(address: SocketAddr) -> io::Result<String> {
    let mut text = String::new();
    TcpStream::connect(address)?.read_to_string(&mut text)?;
    Ok(text)
}

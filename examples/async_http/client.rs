//! The client: a connection, and requests over it one after the other. In a real program, use `reqwest`, which adds
//! a pool of connections, TLS and redirects.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Outcome;

/// Status and body.
pub(crate) type Answer = (StatusCode, String);

pub(crate) struct Session {
    host: String,
    requests: SendRequest<Empty<Bytes>>,
}

impl Session {
    pub(crate) async fn connect(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        let (requests, connection) = handshake(TokioIo::new(stream)).await?;
        // This task reads and writes, and ends with `requests`. An error there fails the request as well.
        tokio::spawn(connection);
        Ok(Self { host: address.to_string(), requests })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Outcome<Answer> {
        self.requests.ready().await?;
        let request = Request::get(path).header(HOST, &self.host).body(Empty::new())?;
        let answer = self.requests.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8(body.into())?))
    }
}

/// One request, over a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Outcome<Answer> {
    Session::connect(address).await?.get(path).await
}

/// The same for code that is not async: the thread that calls it runs what is async in it.
pub(crate) fn get_blocking(address: SocketAddr, path: &str) -> Outcome<Answer> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(get(address, path))
}

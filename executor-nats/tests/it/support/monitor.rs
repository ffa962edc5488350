//! Questions to a server's monitoring port.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A server that takes longer counts as gone.
const LIMIT: Duration = Duration::from_secs(2);

/// The answer to `GET path`: JSON with status 200.
pub(crate) fn get(server: SocketAddr, path: &str) -> io::Result<Value> {
    let mut stream = TcpStream::connect_timeout(&server, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    // Of version 1.0, so that the answer ends with the connection and comes in one piece.
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no end of the head"))?;
    let is_ok = head.split(' ').nth(1) == Some("200");
    if is_ok { Ok(serde_json::from_str(body)?) } else { Err(io::Error::other(answer)) }
}

/// Whether the server is ready for clients, with all streams, and has caught up with its cluster.
pub(crate) fn is_healthy(server: SocketAddr) -> bool {
    get(server, "/healthz").is_ok()
}

/// The replicas of a stream, as one server knows them.
#[derive(Debug, PartialEq)]
pub(crate) struct Replicas {
    pub(crate) leader: Option<String>,
    /// Followers by name; `true` if one has caught up with the leader. Only the leader knows.
    pub(crate) followers: Vec<(String, bool)>,
}

/// Asks about a stream of any account. `None` if the server has no such stream, or does not answer.
pub(crate) fn replicas(server: SocketAddr, stream: &str) -> Option<Replicas> {
    let answer = get(server, "/jsz?accounts=true&streams=true").ok()?;
    let streams = |account: &Value| account["stream_detail"].as_array().cloned().unwrap_or_default();
    let mut streams = answer["account_details"].as_array()?.iter().flat_map(streams);
    let found = streams.find(|detail| detail["name"] == stream)?;
    Some(cluster_of(&found["cluster"]))
}

/// Asks about the group of servers that places streams.
pub(crate) fn meta(server: SocketAddr) -> Option<Replicas> {
    let answer = get(server, "/jsz").ok()?;
    Some(cluster_of(&answer["meta_cluster"]))
}

fn cluster_of(value: &Value) -> Replicas {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let follower = |peer: &Value| Some((text(&peer["name"])?, peer["current"] == true && peer["offline"] != true));
    let followers = value["replicas"].as_array().into_iter().flatten().filter_map(follower).collect();
    Replicas { leader: text(&value["leader"]), followers }
}

/// How many messages a stream has.
pub(crate) fn stored(server: SocketAddr, stream: &str) -> Option<u64> {
    let answer = get(server, "/jsz?accounts=true&streams=true").ok()?;
    let streams = answer["account_details"][0]["stream_detail"].as_array()?.clone();
    streams.iter().find(|found| found["name"] == stream)?["state"]["messages"].as_u64()
}

//! The servers of the tests, and the faults that the tests make.

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use executor_testkit::contract::tools::Directory;
use serde_json::{Value, json};

use crate::support::cluster::{Cluster, Network};
use crate::support::keys::{Certificates, UserKey};
use crate::support::programs::{self, Program, is_alive};
use crate::support::proxy::Proxy;
use crate::support::raw::Raw;
use crate::support::servers::{Options, Server};
use crate::support::{monitor, wait_for};

fn create_stream(client: &mut Raw, name: &str, replicas: usize) {
    let stream =
        json!({ "name": name, "subjects": [format!("{name}.>")], "storage": "file", "num_replicas": replicas });
    wait_for("the stream is made", || client.api(&format!("STREAM.CREATE.{name}"), &stream).ok());
}

/// How many messages a stream has.
fn messages(client: &mut Raw, stream: &str) -> io::Result<Value> {
    Ok(client.api(&format!("STREAM.INFO.{stream}"), &Value::Null)?["state"]["messages"].clone())
}

/// Waits until a stream has that many messages.
fn wait_for_messages(client: &mut Raw, stream: &str, count: u64) {
    wait_for("the stream has the messages", || (messages(client, stream).ok()?.as_u64()? >= count).then_some(()));
}

/// Publishes until the server has stored the message.
fn store(client: &mut Raw, subject: &str) {
    wait_for("the message is stored", || {
        let answer = client.request(subject, b"payload").ok()?;
        String::from_utf8(answer).ok().filter(|answer| answer.contains("\"seq\":"))
    });
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("nats://").parse().expect("an address")
}

#[test]
fn killed_server_restarts_with_its_data() {
    let mut server = Server::options().jetstream("sync_interval: always").start();
    let before = server.url();
    let mut client = Raw::connect(server.address()).expect("a connection");
    create_stream(&mut client, "kept", 1);
    store(&mut client, "kept.one");
    let (id, old_log) = (server.id(), server.log());
    assert!(is_alive(id));
    server.kill();
    assert!(!is_alive(id));
    client.request("kept.two", b"").expect_err("the server is gone");

    server.restart();
    assert_eq!(server.url(), before);
    let mut client = Raw::connect(server.address()).expect("a connection");
    assert_eq!(messages(&mut client, "kept").expect("an answer"), 1);
    server.restart();
    let mut client = Raw::connect(server.address()).expect("a connection");
    assert_eq!(messages(&mut client, "kept").expect("an answer"), 1);
    assert!(server.log().starts_with(&old_log), "the log is of all runs");
    assert!(server.data().join("jetstream").is_dir());
}

#[test]
fn paused_server_answers_when_resumed() {
    let server = Server::start();
    let mut client = Raw::connect(server.address()).expect("a connection");
    server.pause();
    client.send(b"PING\r\n").expect("the kernel takes it");
    monitor::get(server.monitor(), "/healthz").expect_err("no answer");
    server.resume();
    create_stream(&mut client, "stream", 1);
}

#[test]
fn server_ends_with_its_test_process() {
    if programs::is_again() {
        let server = Server::start();
        println!("server={};", server.id());
        // Nothing is dropped.
        std::process::abort();
    }
    // The process leaves its temporary files behind.
    let directory = Directory::new();
    let mut again = programs::again(server_ends_with_its_test_process);
    let output = again.env("TMPDIR", directory.path()).output().expect("this program can be run again");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let id = output.split_once("server=").and_then(|(_, rest)| rest.split_once(';')).expect("the server's id").0;
    let id: u32 = id.parse().expect("a number");
    wait_for("the server has ended", || (!is_alive(id)).then_some(()));
}

#[test]
fn broken_configuration_is_reported_with_the_log() {
    let start = || Server::options().config("no_such_option: 1").start();
    let Err(panic) = std::panic::catch_unwind(start) else { panic!("it has started") };
    let text = panic.downcast::<String>().expect("a text");
    assert!(text.contains("no_such_option"), "{text}");
}

#[test]
fn options_reach_the_server() {
    let key = UserKey::new();
    let users = format!(
        "max_payload: 64KB\nauthorization {{ users: [\n{{ user: one, password: two, permissions: {{ publish: \"a.>\" }} }}\n{{ nkey: {} }}\n] }}",
        key.public()
    );
    let server = Server::options().config(users).jetstream("max_file_store: 1MB").start();
    Raw::connect(server.address()).map(|_| ()).expect_err("it wants credentials");
    let options = json!({ "user": "one", "pass": "two", "verbose": false, "pedantic": false }).to_string();
    let mut client = Raw::connect_with(server.address(), &options).expect("a connection");
    assert_eq!(client.info["max_payload"], 64 * 1024);
    assert!(client.info["nonce"].is_string(), "for key pairs");
    assert!(key.seed().starts_with("SU"), "a user's seed");
    let error = client.request("b.c", b"").expect_err("it is not permitted");
    assert!(error.to_string().contains("Permissions Violation"), "{error}");
    let limit = monitor::get(server.monitor(), "/jsz").expect("an answer")["config"]["max_storage"].clone();
    assert_eq!(limit, 1024 * 1024);
    assert!(server.url_as("one:two").contains("one:two@127.0.0.1:"));
}

#[test]
fn tls_is_wanted_and_has_its_files() {
    let certificates = Certificates::new();
    let server = Server::options().config(certificates.config(true)).start();
    let client = Raw::listen(server.address()).expect("a connection");
    assert_eq!(client.info["tls_required"], true);
    assert_eq!(client.info["tls_verify"], true);
    for name in ["ca.pem", "client.pem", "client-key.pem"] {
        let text = std::fs::read_to_string(certificates.path(name)).expect("a file");
        assert!(text.starts_with("-----BEGIN "), "{name}: {text}");
    }
    assert!(server.tls_url().starts_with("tls://localhost:"));
}

#[test]
fn proxy_holds_bytes_while_cut() {
    let server = Server::start();
    let proxy = Proxy::between(server.address());
    let mut client = Raw::connect(proxy.address()).expect("a connection");
    create_stream(&mut client, "stream", 1);
    proxy.cut();
    client.publish("stream.one", b"").expect("the kernel takes it");
    let mut direct = Raw::connect(server.address()).expect("a connection");
    store(&mut direct, "stream.two");
    assert_eq!(messages(&mut direct, "stream").expect("an answer"), 1, "that of the direct client");
    proxy.heal();
    wait_for_messages(&mut direct, "stream", 2);
    assert_eq!(messages(&mut client, "stream").expect("an answer"), 2, "the connection has stayed");

    let delay = Duration::from_millis(30);
    proxy.delay(delay);
    let start = Instant::now();
    assert_eq!(messages(&mut client, "stream").expect("an answer"), 2);
    assert!(start.elapsed() >= 2 * delay, "there and back");
    proxy.reset();
    client.request("stream.three", b"").expect_err("the connection is closed");
    Raw::connect(proxy.address()).expect("a new connection");
}

#[test]
fn cluster_elects_another_leader() {
    let mut cluster = Cluster::start(3);
    let mut client = Raw::connect(address(&cluster.url_of(0))).expect("a connection");
    create_stream(&mut client, "stream", 3);
    store(&mut client, "stream.one");
    cluster.wait_until_current("stream");
    let leader = cluster.leader("stream");
    cluster.kill(leader);
    let next = cluster.leader("stream");
    assert_ne!(next, leader);
    let mut client = Raw::connect(address(&cluster.url_of(next))).expect("a connection");
    store(&mut client, "stream.two");

    cluster.restart(leader);
    cluster.wait_until_ready();
    cluster.wait_until_current("stream");
    cluster.pause(next);
    let third = cluster.leader("stream");
    assert_ne!(third, next);
    let mut client = Raw::connect(address(&cluster.url_of(third))).expect("a connection");
    wait_for_messages(&mut client, "stream", 2);
    cluster.resume(next);
    cluster.wait_until_current("stream");
    assert_eq!(cluster.url().split(',').count(), 3);
    assert!(cluster.server(0).is_running());
}

/// The leader is cut off from the others, which go on without it. Later, it follows them.
fn partition_heals(network: Network) {
    let mut cluster = Cluster::start_in(network, 3, &Options::default());
    let mut client = Raw::connect(address(&cluster.url_of(0))).expect("a connection");
    create_stream(&mut client, "stream", 3);
    store(&mut client, "stream.one");
    cluster.wait_until_current("stream");
    let alone = cluster.leader("stream");
    let link = cluster.link();
    let mut through: Vec<_> =
        link.url().split(',').map(|url| Raw::connect(address(url)).expect("a connection")).collect();
    cluster.isolate(alone);
    let next = cluster.leader("stream");
    assert_ne!(next, alone);
    store(&mut through[next], "stream.two");
    cluster.rejoin(alone);
    cluster.wait_until_current("stream");
    wait_for_messages(&mut through[alone], "stream", 2);

    link.cut();
    through[next].publish("stream.three", b"").expect("the kernel takes it");
    let mut direct = Raw::connect(address(&cluster.url_of(next))).expect("a connection");
    let count = messages(&mut direct, "stream").expect("an answer").as_u64().expect("a number");
    link.heal();
    wait_for_messages(&mut direct, "stream", count + 1);
    link.reset();
    through[next].request("stream.four", b"").expect_err("the connection is closed");
}

#[test]
fn partition_by_proxies_heals() {
    partition_heals(Network::proxies(3));
}

#[test]
fn partition_by_namespaces_heals() {
    partition_heals(Network::namespaces(3));
}

#[test]
fn dropped_program_is_killed() {
    let mut command = Command::new("sleep");
    command.arg("1000");
    let program = Program::start(command);
    let id = program.id();
    assert!(is_alive(id));
    drop(program);
    assert!(!is_alive(id));
}

//! A real server with streams, for one test.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use executor_testkit::contract::tools::Directory;
use serde_json::Value;

use super::namespaces::Namespace;
use super::programs::{Program, nats_server};
use super::{monitor, wait_for};

/// Lines at the end of the log that a failed test shows.
const SHOWN: usize = 60;

/// How to start a server.
#[derive(Clone, Default)]
pub(crate) struct Options {
    name: Option<String>,
    config: String,
    jetstream: String,
    host: Option<Host>,
    client_port: u16,
}

/// A network namespace, and the address of the server there.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) address: IpAddr,
}

impl Options {
    pub(crate) fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds lines to the configuration: users, permissions, TLS, `max_payload: 64KB`.
    pub(crate) fn config(mut self, lines: impl AsRef<str>) -> Self {
        self.config.push_str(lines.as_ref());
        self.config.push('\n');
        self
    }

    /// Adds lines to the block `jetstream`: `sync_interval: always`, `max_file_store: 1MB`.
    pub(crate) fn jetstream(mut self, lines: impl AsRef<str>) -> Self {
        self.jetstream.push_str(lines.as_ref());
        self.jetstream.push('\n');
        self
    }

    pub(crate) fn host(mut self, host: Host) -> Self {
        self.host = Some(host);
        self
    }

    /// Takes this port for clients. Default: one that is free.
    pub(crate) fn client_port(mut self, port: u16) -> Self {
        self.client_port = port;
        self
    }

    /// Starts a server, and waits until it is ready.
    pub(crate) fn start(self) -> Server {
        let mut server = self.launch();
        server.wait_until_healthy();
        server
    }

    /// Starts a server, and waits until it takes connections: one of a cluster needs the others to be ready.
    pub(crate) fn launch(self) -> Server {
        let ports = Ports { client: self.client_port, ..Ports::default() };
        let mut server = Server { options: self, directory: Directory::new(), program: None, ports };
        server.launch();
        server
    }
}

/// The ports of a server. 0 is for one that the server is to choose.
#[derive(Clone, Copy, Default)]
struct Ports {
    client: u16,
    monitor: u16,
    cluster: u16,
}

/// A server on the loopback, or in a network namespace. Dropped, it is killed and its data is removed.
pub(crate) struct Server {
    options: Options,
    directory: Directory,
    program: Option<Program>,
    ports: Ports,
}

impl Server {
    /// Starts a server on the loopback, and waits until it is ready.
    pub(crate) fn start() -> Self {
        Self::options().start()
    }

    pub(crate) fn options() -> Options {
        Options::default()
    }

    /// The address for clients without credentials and TLS.
    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// The address for clients that log in as `user:password`, or with a token.
    pub(crate) fn url_as(&self, credentials: &str) -> String {
        format!("nats://{credentials}@{}", self.address())
    }

    /// The address for clients that use TLS: by the name in the server's certificate.
    pub(crate) fn tls_url(&self) -> String {
        format!("tls://localhost:{}", self.ports.client)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.at(self.ports.client)
    }

    pub(crate) fn cluster_address(&self) -> SocketAddr {
        self.at(self.ports.cluster)
    }

    pub(crate) fn monitor(&self) -> SocketAddr {
        self.at(self.ports.monitor)
    }

    /// The file that the server logs to.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The directory of the server's streams.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn is_running(&self) -> bool {
        self.program.is_some()
    }

    /// The server's process id.
    pub(crate) fn id(&self) -> u32 {
        self.program.as_ref().expect("a running server").id()
    }

    /// Kills the server as a crash or the loss of its host does: nothing that is not on disk is kept.
    pub(crate) fn kill(&mut self) {
        self.program.take().expect("a running server").kill();
    }

    /// Lets the server end in order.
    pub(crate) fn stop(&mut self) {
        self.program.take().expect("a running server").terminate();
    }

    /// Starts the server on the same port with the same data, and waits until it is ready. Lets it end in order before, if it runs.
    pub(crate) fn restart(&mut self) {
        self.relaunch();
        self.wait_until_healthy();
    }

    /// Like [`restart`](Self::restart), and waits only until the server takes connections.
    pub(crate) fn relaunch(&mut self) {
        if self.is_running() {
            self.stop();
        }
        self.launch();
    }

    /// Replaces the lines in the block `jetstream`, for the next start.
    pub(crate) fn set_jetstream(&mut self, lines: &str) {
        self.options.jetstream = format!("{lines}\n");
    }

    /// Freezes the server: its connections stay open, and nothing is answered.
    pub(crate) fn pause(&self) {
        self.program.as_ref().expect("a running server").pause();
    }

    pub(crate) fn resume(&self) {
        self.program.as_ref().expect("a running server").resume();
    }

    pub(crate) fn wait_until_healthy(&mut self) {
        let monitor = self.monitor();
        wait_for("the server is ready", || {
            self.assert_alive();
            monitor::is_healthy(monitor).then_some(())
        });
    }

    fn at(&self, port: u16) -> SocketAddr {
        let address = self.options.host.as_ref().map_or(Ipv4Addr::LOCALHOST.into(), |host| host.address);
        SocketAddr::new(address, port)
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn launch(&mut self) {
        let config = self.directory.path().join("server.conf");
        fs::write(&config, self.config()).expect("a file in a directory of our own");
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log of our own");
        let mut command = Command::new(nats_server());
        command.arg("--config").arg(config).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a descriptor")).stderr(log);
        if let Some(host) = &self.options.host {
            host.namespace.enter(&mut command);
        }
        let program = Program::start(command);
        // Named by the server after its program.
        let name = nats_server().file_name().expect("a program").to_string_lossy().into_owned();
        let file = self.directory.path().join(format!("{name}_{}.ports", program.id()));
        self.program = Some(program);
        self.ports = wait_for("the server listens", || {
            self.assert_alive();
            // Half written, it cannot be read.
            ports(&serde_json::from_slice(&fs::read(&file).ok()?).ok()?)
        });
    }

    fn config(&self) -> String {
        let Ports { client, monitor, cluster } = self.ports;
        let port = |port: u16| if port == 0 { "-1".to_owned() } else { port.to_string() };
        let address = self.at(0).ip();
        let directory = self.directory.path().display();
        let name = self.options.name.as_deref().unwrap_or("alone");
        let Options { config, jetstream, .. } = &self.options;
        format!(
            "server_name: {name}\n\
             listen: \"{address}:{}\"\n\
             http: \"{address}:{}\"\n\
             ports_file_dir: \"{directory}\"\n\
             jetstream {{\nstore_dir: \"{}\"\n{jetstream}}}\n\
             {}",
            port(client),
            port(monitor),
            self.data().display(),
            config.replace(CLUSTER_PORT, &port(cluster)),
        )
    }

    /// Panics with its log if the server has ended by itself.
    fn assert_alive(&mut self) {
        let ended = self.program.as_mut().and_then(Program::ended);
        if let Some(status) = ended {
            self.program = None;
            panic!(
                "the server has ended with {status}; its configuration:\n{}\nits log:\n{}",
                self.config(),
                self.log()
            );
        }
    }
}

/// A server that tests share which need nothing of their own but a namespace. It ends when no test uses it.
pub(crate) fn shared() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start());
        *shared = Arc::downgrade(&server);
        server
    })
}

/// Stands in a configuration for the port that the server takes for its cluster.
pub(crate) const CLUSTER_PORT: &str = "<cluster port>";

fn ports(file: &Value) -> Option<Ports> {
    let port = |kind: &str| {
        let (_, port) = file[kind][0].as_str()?.rsplit_once(':')?;
        port.parse::<u16>().ok()
    };
    let client = port("nats").or_else(|| port("tls"))?;
    Some(Ports { client, monitor: port("monitoring")?, cluster: port("cluster").unwrap_or_default() })
}

impl Drop for Server {
    fn drop(&mut self) {
        self.program = None;
        if thread::panicking() {
            let log = self.log();
            // Each look at whether the server is ready leaves a line if it is not.
            let lines: Vec<_> = log.lines().filter(|line| !line.contains("Healthcheck failed")).collect();
            let end = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
            eprintln!("the log of server {} ends:\n{end}", self.options.name.as_deref().unwrap_or("alone"));
        }
    }
}

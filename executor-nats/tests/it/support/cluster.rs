//! Servers that keep each other's streams, and the network between them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::monitor::{self, Replicas};
use super::namespaces::Namespaces;
use super::proxy::Proxy;
use super::servers::{CLUSTER_PORT, Host, Options, Server};
use super::wait_for;

/// Where no server listens. Servers tell each other this address, so that no connection goes around the proxies.
const NOWHERE: &str = "127.0.0.1:1";

/// The ports of each host in a namespace.
const CLIENT_PORT: u16 = 4222;
const ROUTE_PORT: u16 = 6222;

/// A way between servers, and from clients to them, that can be cut.
pub(crate) enum Network {
    /// On the loopback, through proxies of this process.
    Proxies(Proxies),
    /// Each server in a network namespace. Needs root.
    Namespaces(Namespaces),
}

pub(crate) struct Proxies {
    /// To each server, from the tests.
    clients: Vec<Proxy>,
    /// To each server, from each server. None leads to itself.
    routes: Vec<Vec<Option<Proxy>>>,
}

impl Network {
    pub(crate) fn proxies(servers: usize) -> Self {
        let row = |to| (0..servers).map(|from| (from != to).then(Proxy::new)).collect();
        let routes = (0..servers).map(row).collect();
        Self::Proxies(Proxies { clients: (0..servers).map(|_| Proxy::new()).collect(), routes })
    }

    /// Namespaces if the tests may make them, or else proxies, and says so.
    pub(crate) fn namespaces(servers: u8) -> Self {
        match Namespaces::new(servers) {
            Ok(namespaces) => Self::Namespaces(namespaces),
            Err(error) => {
                eprintln!("the partition is made by proxies, since network namespaces cannot be made: {error}");
                Self::proxies(servers.into())
            }
        }
    }

    fn routes(&self, from: usize, servers: usize) -> Vec<SocketAddr> {
        match self {
            Self::Proxies(proxies) => {
                proxies.routes.iter().filter_map(|row| row[from].as_ref()).map(Proxy::address).collect()
            }
            Self::Namespaces(namespaces) => {
                let address = |to| SocketAddr::new(namespaces.host(to).1.into(), ROUTE_PORT);
                (0..servers).filter(|to| *to != from).map(address).collect()
            }
        }
    }

    /// The address of a server for clients.
    fn client(&self, server: usize) -> SocketAddr {
        match self {
            Self::Proxies(proxies) => proxies.clients[server].address(),
            Self::Namespaces(namespaces) => SocketAddr::new(namespaces.host(server).1.into(), CLIENT_PORT),
        }
    }

    fn host(&self, server: usize) -> Option<Host> {
        let Self::Namespaces(namespaces) = self else { return None };
        let (namespace, address) = namespaces.host(server);
        Some(Host { namespace: namespace.clone(), address: IpAddr::V4(address) })
    }

    /// Tells the way to a server that has started.
    fn connect(&self, index: usize, server: &Server) {
        if let Self::Proxies(proxies) = self {
            proxies.clients[index].forward_to(server.address());
            proxies.routes[index].iter().flatten().for_each(|proxy| proxy.forward_to(server.cluster_address()));
        }
    }

    fn isolate(&self, server: usize) {
        match self {
            Self::Proxies(proxies) => proxies.of(server).for_each(Proxy::cut),
            Self::Namespaces(namespaces) => namespaces.isolate(server),
        }
    }

    fn rejoin(&self, server: usize) {
        match self {
            Self::Proxies(proxies) => proxies.of(server).for_each(Proxy::heal),
            Self::Namespaces(namespaces) => namespaces.rejoin(server),
        }
    }
}

impl Proxies {
    /// Those that lead to a server or come from it.
    fn of(&self, server: usize) -> impl Iterator<Item = &Proxy> {
        let from = self.routes.iter().filter_map(move |row| row[server].as_ref());
        self.routes[server].iter().flatten().chain(from).chain([&self.clients[server]])
    }
}

/// Servers by index, from 0. Dropped, they are killed.
pub(crate) struct Cluster {
    servers: Vec<Server>,
    isolated: Vec<bool>,
    paused: Vec<bool>,
    network: Network,
}

impl Cluster {
    /// Starts a cluster on the loopback, and waits until its servers know each other.
    pub(crate) fn start(servers: usize) -> Self {
        Self::start_in(Network::proxies(servers), servers, &Options::default())
    }

    pub(crate) fn start_in(network: Network, servers: usize, options: &Options) -> Self {
        let start = |index| {
            let routes = network.routes(index, servers);
            let routes: Vec<_> = routes.iter().map(|address| format!("\"nats://{address}\"")).collect();
            let host = network.host(index);
            let listen = host.as_ref().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |host| host.address);
            let port = if host.is_some() { ROUTE_PORT.to_string() } else { CLUSTER_PORT.to_owned() };
            let advertise = if host.is_some() { String::new() } else { format!("advertise: \"{NOWHERE}\"") };
            let cluster = format!(
                "cluster {{\nname: test\nlisten: \"{listen}:{port}\"\nno_advertise: true\n{advertise}\nroutes: [{}]\n}}",
                routes.join(", ")
            );
            let options = options.clone().name(name(index)).config(cluster);
            let options = if let Some(host) = host { options.host(host).client_port(CLIENT_PORT) } else { options };
            let server = options.launch();
            network.connect(index, &server);
            server
        };
        let all = (0..servers).map(start).collect();
        let mut this = Self { servers: all, isolated: vec![false; servers], paused: vec![false; servers], network };
        this.wait_until_ready();
        this
    }

    /// The addresses of all servers, separated by commas.
    pub(crate) fn url(&self) -> String {
        let urls: Vec<_> = (0..self.servers.len()).map(|index| self.url_of(index)).collect();
        urls.join(",")
    }

    pub(crate) fn url_of(&self, server: usize) -> String {
        format!("nats://{}", self.network.client(server))
    }

    /// Proxies to all servers for one client, which a test can cut without the others.
    pub(crate) fn link(&self) -> Link {
        Link((0..self.servers.len()).map(|index| Proxy::between(self.network.client(index))).collect())
    }

    pub(crate) fn server(&self, server: usize) -> &Server {
        &self.servers[server]
    }

    /// The server that leads a stream, once the servers that can be asked agree.
    pub(crate) fn leader(&self, stream: &str) -> usize {
        wait_for("the stream has a leader", || self.agreed(|server| monitor::replicas(server, stream)))
    }

    /// Waits until every replica of a stream has caught up, so that the loss of one loses nothing.
    pub(crate) fn wait_until_current(&self, stream: &str) {
        let others = self.servers.len() - 1;
        wait_for("the replicas have caught up", || {
            let leader = self.agreed(|server| monitor::replicas(server, stream))?;
            let followers = monitor::replicas(self.servers[leader].monitor(), stream)?.followers;
            let are_current = followers.len() == others && followers.iter().all(|(_, is_current)| *is_current);
            are_current.then_some(())
        });
    }

    /// Kills a server as a crash does.
    pub(crate) fn kill(&mut self, server: usize) {
        self.servers[server].kill();
        self.paused[server] = false;
    }

    /// Starts a server with the data that it has left, and waits until it has caught up with the cluster.
    pub(crate) fn restart(&mut self, server: usize) {
        self.servers[server].relaunch();
        self.network.connect(server, &self.servers[server]);
        self.servers[server].wait_until_healthy();
    }

    /// Freezes a server.
    pub(crate) fn pause(&mut self, server: usize) {
        self.servers[server].pause();
        self.paused[server] = true;
    }

    pub(crate) fn resume(&mut self, server: usize) {
        self.servers[server].resume();
        self.paused[server] = false;
    }

    /// Cuts a server off from the other servers and from clients. Nothing tells either side: packets are lost.
    pub(crate) fn isolate(&mut self, server: usize) {
        self.network.isolate(server);
        self.isolated[server] = true;
    }

    pub(crate) fn rejoin(&mut self, server: usize) {
        self.network.rejoin(server);
        self.isolated[server] = false;
    }

    /// Waits until the running servers that are not isolated are ready and follow one leader.
    pub(crate) fn wait_until_ready(&mut self) {
        for index in self.reachable() {
            self.servers[index].wait_until_healthy();
        }
        wait_for("the servers know each other", || self.agreed(monitor::meta));
    }

    fn reachable(&self) -> Vec<usize> {
        let is_reachable =
            |index: &usize| self.servers[*index].is_running() && !self.isolated[*index] && !self.paused[*index];
        (0..self.servers.len()).filter(is_reachable).collect()
    }

    /// The leader that all servers name that answer, if it is one of them.
    fn agreed(&self, ask: impl Fn(SocketAddr) -> Option<Replicas>) -> Option<usize> {
        let reachable = self.reachable();
        let answers: Vec<_> = reachable.iter().filter_map(|index| ask(self.servers[*index].monitor())).collect();
        let leader = answers.first()?.leader.clone()?;
        let is_agreed = answers.iter().all(|answer| answer.leader.as_ref() == Some(&leader));
        reachable.into_iter().find(|index| is_agreed && name(*index) == leader)
    }
}

fn name(server: usize) -> String {
    format!("server{server}")
}

/// The way of one client to every server of a cluster.
pub(crate) struct Link(Vec<Proxy>);

impl Link {
    pub(crate) fn url(&self) -> String {
        let urls: Vec<_> = self.0.iter().map(Proxy::url).collect();
        urls.join(",")
    }

    pub(crate) fn cut(&self) {
        self.0.iter().for_each(Proxy::cut);
    }

    pub(crate) fn heal(&self) {
        self.0.iter().for_each(Proxy::heal);
    }

    pub(crate) fn reset(&self) {
        self.0.iter().for_each(Proxy::reset);
    }
}

//! Hosts with a network of their own on this machine: network namespaces of Linux, joined by a bridge. Making them needs root.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

/// A network namespace. It has no name, so that it ends with its processes and this descriptor, in whichever way the tests end.
pub(crate) struct Namespace(File);

impl Namespace {
    fn new() -> io::Result<Self> {
        let make = || {
            // SAFETY: descriptors stay shared, and the thread ends here.
            unsafe { unshare_unsafe(UnshareFlags::NEWNET)? };
            File::open("/proc/thread-self/ns/net").map(Self)
        };
        thread::spawn(make).join().expect("it does not panic")
    }

    /// Makes `command` run in this namespace.
    pub(crate) fn enter(self: &Arc<Self>, command: &mut Command) {
        let this = self.clone();
        let enter = move || Ok(move_into_link_name_space(this.0.as_fd(), Some(LinkNameSpaceType::Network))?);
        // SAFETY: the closure makes one system call, and takes no lock and no memory.
        unsafe { command.pre_exec(enter) };
    }

    /// Runs `ip` with arguments that are separated by spaces.
    fn ip(self: &Arc<Self>, arguments: &str) -> io::Result<()> {
        let mut command = ip_command(arguments);
        self.enter(&mut command);
        run(command)
    }

    /// For `ip`, which opens a path and takes anything else for a name or a process.
    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

fn ip_command(arguments: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(arguments.split(' '));
    command
}

fn run(mut command: Command) -> io::Result<()> {
    let output = command.output().map_err(|error| io::Error::other(format!("{command:?}: {error}")))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {stderr}"))) }
}

/// Hosts on one bridge. This process reaches them by a link of its own, which ends with the bridge.
pub(crate) struct Namespaces {
    bridge: Arc<Namespace>,
    hosts: Vec<(Arc<Namespace>, Ipv4Addr)>,
}

impl Namespaces {
    /// Fails where the tests may not make namespaces, or have no program `ip`.
    pub(crate) fn new(hosts: u8) -> io::Result<Self> {
        assert!(hosts <= 12, "a network of 16 addresses has room for 12 hosts");
        let bridge = Arc::new(Namespace::new()?);
        bridge.ip("link add bridge type bridge")?;
        bridge.ip("link set bridge up")?;
        let network = Network::next();
        // The kernel allows 15 bytes.
        let link = format!("nt{}", network.0);
        run(ip_command(&format!("link add {link} type veth peer name outside netns {}", bridge.path())))?;
        bridge.ip("link set outside master bridge up")?;
        run(ip_command(&format!("addr add {}/28 dev {link}", network.address(1))))?;
        run(ip_command(&format!("link set {link} up")))?;
        let mut this = Self { bridge, hosts: Vec::new() };
        for index in 0..hosts {
            this.add(network.address(index + 2))?;
        }
        Ok(this)
    }

    fn add(&mut self, address: Ipv4Addr) -> io::Result<()> {
        let host = Arc::new(Namespace::new()?);
        let name = format!("host{}", self.hosts.len());
        self.bridge.ip(&format!("link add {name} type veth peer name eth0 netns {}", host.path()))?;
        self.bridge.ip(&format!("link set {name} master bridge up"))?;
        host.ip(&format!("addr add {address}/28 dev eth0"))?;
        host.ip("link set eth0 up")?;
        host.ip("link set lo up")?;
        self.hosts.push((host, address));
        Ok(())
    }

    pub(crate) fn host(&self, index: usize) -> (&Arc<Namespace>, Ipv4Addr) {
        let (host, address) = &self.hosts[index];
        (host, *address)
    }

    /// Pulls the plug of a host: no packet comes or goes.
    pub(crate) fn isolate(&self, index: usize) {
        self.bridge.ip(&format!("link set host{index} down")).expect("the bridge is ours");
    }

    pub(crate) fn rejoin(&self, index: usize) {
        self.bridge.ip(&format!("link set host{index} up")).expect("the bridge is ours");
    }
}

/// A network of 16 addresses out of those that are set aside for tests of networks, 198.18.0.0/15.
#[derive(Clone, Copy)]
struct Network(u32);

impl Network {
    /// Another one for each call in this process, and most probably for each process.
    fn next() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only the uniqueness of the number matters.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self((std::process::id() * 16 + count) % 8192)
    }

    fn address(self, host: u8) -> Ipv4Addr {
        let first = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + self.0 * 16;
        Ipv4Addr::from(first + u32::from(host))
    }
}

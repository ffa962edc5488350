//! The manager's thread: it accepts clients, reads their requests, and sends answers. It waits in one place for all clients,
//! and never for a single one: no socket is read or written unless it is ready.
//!
//! Clients connect through the connector: a socket whose other end is in every handle. To connect, a process makes a pair of
//! sockets, keeps one, and sends the other through the connector.

mod client;
#[cfg(all(test, not(loom)))]
mod tests;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use executor_core::spin::Spin;
use executor_thread::fork::Origin;
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::net::{Shutdown, shutdown};

use self::client::{Heard, Peer};
use super::protocol;
use super::state::{ClientId, State, Violation};
use crate::ipc::socket::{self, Wait};

/// How many connections a process may have. One is enough; a process that was cut off makes another.
const MOST_PER_PROCESS: usize = 16;

/// How often a dead client's socket is read, at most: that empties it. A process left behind may write for ever.
const LAST_READS: usize = 64;

/// How long one client is served before the others have their turn.
const TURN: Duration = Duration::from_micros(200);

/// The data of an epoll event.
const STOP: u64 = 0;
const CONNECTOR: u64 = 1;
// A client's, from 1 on: twice its number, and one more for its death.

/// The owner's handle of the thread. Its drop ends the thread, and drops all objects.
pub(super) struct Server {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
    /// The process that has the thread.
    origin: Origin,
}

impl Server {
    /// Starts the thread, which accepts clients from `connector`.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor, memory or thread left.
    pub(super) fn start(connector: OwnedFd) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let events = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&events, &stop, epoll::EventData::new_u64(STOP), epoll::EventFlags::IN)?;
        let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
        epoll::add(&events, &connector, epoll::EventData::new_u64(CONNECTOR), flags)?;
        let (peers, keeper, unserved) = (HashMap::new(), State::default(), Vec::new());
        let state = ServerState { events, connector, peers, last: 0, keeper, unserved };
        let waited_for = Arc::clone(&stop);
        let builder = thread::Builder::new().name("executor-manager".into());
        let thread = builder.spawn(move || {
            state.work();
            drop(waited_for);
        })?;
        Ok(Self { stop, thread: Some(thread), origin: Origin::here() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.origin.is_here() {
            // The thread is in another process: writing would stop it there, and there is none to join here.
            return;
        }
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct ServerState {
    events: OwnedFd,
    connector: OwnedFd,
    peers: HashMap<ClientId, Peer>,
    /// The number of the last client.
    last: ClientId,
    keeper: State,
    /// Have more to be served, which has come already.
    unserved: Vec<ClientId>,
}

impl ServerState {
    /// The body of the thread.
    fn work(mut self) {
        let (mut events, spin) = (Vec::with_capacity(64), Spin::new());
        loop {
            events.clear();
            let left = self.keeper.next_deadline().map(|at| at.saturating_duration_since(Instant::now()));
            let left = if self.unserved.is_empty() { left } else { Some(Duration::ZERO) };
            let wait = |events: &mut Vec<_>, left: Option<Duration>| {
                let left = left.and_then(|left| Timespec::try_from(left).ok());
                // An error is an interruption by a signal, or a bug of ours.
                epoll::wait(&self.events, spare_capacity(events), left.as_ref()).is_ok_and(|came| came > 0)
            };
            if !spin.until(protocol::AWAKE, || wait(&mut events, Some(Duration::ZERO))) {
                wait(&mut events, left);
            }
            for event in events.drain(..) {
                match event.data.u64() {
                    STOP => return,
                    CONNECTOR => self.let_in(event.flags),
                    death if death % 2 == 1 => self.part(death / 2),
                    client => self.attend(client / 2, event.flags),
                }
            }
            for client in std::mem::take(&mut self.unserved) {
                if let Some(peer) = self.peers.get_mut(&client) {
                    peer.is_unserved = false;
                    self.attend(client, epoll::EventFlags::empty());
                }
            }
            if self.keeper.next_deadline().is_some() {
                self.keeper.expire(Instant::now());
                self.tell();
            }
        }
    }

    /// Accepts one client. Anything else that comes through the connector is closed.
    fn let_in(&mut self, flags: epoll::EventFlags) {
        let Ok(Some(packet)) = socket::receive(&self.connector, Wait::No) else {
            if flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::RDHUP) {
                // A process shut it down: no client can connect any more, so it is no longer watched.
                let _ = epoll::delete(&self.events, &self.connector);
            }
            return;
        };
        let Ok([socket]) = packet.into_descriptors() else { return };
        let Some(peer) = Peer::new(socket) else { return };
        if self.peers.values().filter(|other| other.pid == peer.pid).count() >= MOST_PER_PROCESS {
            return;
        }
        let client = self.last + 1;
        if peer.watch(&self.events, client).is_ok() {
            self.last = client;
            self.peers.insert(client, peer);
            self.keeper.join(client);
        } else {
            peer.forget(&self.events);
        }
    }

    /// The client's socket is ready, for what was waited for or to fail.
    fn attend(&mut self, client: ClientId, flags: epoll::EventFlags) {
        let Some(peer) = self.peers.get_mut(&client) else { return };
        if flags.contains(epoll::EventFlags::OUT) && peer.write().is_err() {
            return self.part(client);
        }
        if peer.is_unserved {
            return; // its turn comes; until then it is not read either
        }
        if peer.wants_to_be_read() && flags.intersects(!epoll::EventFlags::OUT) && peer.read() == Heard::End {
            return self.part(client);
        }
        // One that reads nothing is told so by the kernel when it is gone, whatever is waited for.
        if flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR) && !peer.wants_to_be_read() {
            return self.part(client);
        }
        if self.serve(client).is_err() {
            return self.part(client);
        }
        self.tell();
        if let Some(peer) = self.peers.get_mut(&client)
            && peer.await_next(&self.events, client).is_err()
        {
            self.part(client);
        }
    }

    /// Does what has come whole, unless the client takes no answers, and for no longer than its turn.
    fn serve(&mut self, client: ClientId) -> Result<(), Violation> {
        let began = Instant::now();
        while let Some(peer) = self.peers.get_mut(&client).filter(|peer| peer.wants_to_be_read()) {
            let now = Instant::now();
            if now.duration_since(began) > TURN {
                peer.is_unserved = true;
                self.unserved.push(client);
                break;
            }
            let Some(message) = peer.input.next() else { break };
            let request = protocol::parse(message).ok_or(Violation)?;
            self.keeper.handle(client, request, now)?;
            self.tell();
        }
        Ok(())
    }

    /// Sends what is to be said.
    fn tell(&mut self) {
        let mut broken = Vec::new();
        for (client, request, reply) in self.keeper.answers() {
            if let Some(peer) = self.peers.get_mut(&client) {
                peer.say(request, &reply);
                if peer.write().is_err() || peer.await_next(&self.events, client).is_err() {
                    broken.push(client);
                }
            }
        }
        for client in broken {
            self.part(client);
        }
    }

    /// Removes a client that is dead, has disconnected, or broke the protocol. Its requests before that are served.
    fn part(&mut self, client: ClientId) {
        let Some(mut peer) = self.peers.remove(&client) else { return };
        peer.forget(&self.events);
        for _ in 0..LAST_READS {
            while let Some(message) = peer.input.next() {
                let heard = protocol::parse(message).map(|request| self.keeper.handle(client, request, Instant::now()));
                if heard != Some(Ok(())) {
                    return self.mourn(client);
                }
                self.tell();
            }
            if peer.read() != Heard::Some {
                break;
            }
        }
        self.mourn(client);
    }

    fn mourn(&mut self, client: ClientId) {
        self.keeper.leave(client);
        self.tell();
    }
}

impl Drop for ServerState {
    /// Shuts the sockets down, for all copies: a process just being started may have some.
    fn drop(&mut self) {
        // The connector first: a client that loses its connection looks there for the reason.
        let peers = self.peers.values().map(|peer| peer.socket.as_fd());
        for socket in [self.connector.as_fd()].into_iter().chain(peers) {
            let _ = shutdown(socket, Shutdown::Both);
        }
    }
}

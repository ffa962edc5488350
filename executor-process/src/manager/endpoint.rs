//! A handle's link to its manager. All handles of one manager in a process share it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;
use serde::{Deserialize, Serialize};

use super::connection::{Connection, Failure};
use super::error::ManagerError;
use super::protocol::{ObjectId, Op};
use crate::ipc::attachments::{Attachment, attach_once, take};

/// 128 random bits, by which handles of one manager find each other.
pub(super) type ManagerId = [u8; 16];

/// The links of this process.
static LINKS: Mutex<BTreeMap<ManagerId, Weak<Link>>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// The manager whose values are being encoded or decoded: handles of it that are in them need no descriptor.
    static WITHIN: RefCell<Option<Arc<Link>>> = const { RefCell::new(None) };
}

pub(super) struct Link {
    id: ManagerId,
    /// Leads to the manager's thread; see there.
    connector: Arc<OwnedFd>,
    /// Made when it is needed, and anew where it has ended or this process was forked.
    connection: Mutex<Option<Arc<Connection>>>,
}

/// A link as bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct Wire {
    manager: ManagerId,
    /// The number of the connector's descriptor. `None` in a value of the same manager.
    connector: Option<u32>,
}

impl Link {
    /// To a new manager.
    pub(super) fn new(id: ManagerId, connector: OwnedFd) -> Arc<Self> {
        Self::find(id, Arc::new(connector))
    }

    /// The one of this process, or a new one.
    fn find(id: ManagerId, connector: Arc<OwnedFd>) -> Arc<Self> {
        let mut links = LINKS.lock();
        if let Some(link) = links.get(&id).and_then(Weak::upgrade) {
            return link;
        }
        let link = Arc::new(Self { id, connector, connection: Mutex::new(None) });
        links.insert(id, Arc::downgrade(&link));
        link
    }

    pub(super) fn wire(&self, what: &str) -> Result<Wire, String> {
        let is_within = WITHIN.with_borrow(|within| within.as_ref().is_some_and(|within| within.id == self.id));
        let attachment = || Attachment { descriptor: Arc::clone(&self.connector), is_channel: false };
        let connector = if is_within { None } else { Some(attach_once(what, attachment())?) };
        Ok(Wire { manager: self.id, connector })
    }

    pub(super) fn from_wire(what: &str, wire: Wire) -> Result<Arc<Self>, String> {
        let Wire { manager, connector } = wire;
        match connector {
            Some(number) => take(what, number, |connector| match socket_type(&*connector) {
                Ok(SocketType::SEQPACKET) => Ok(Self::find(manager, connector)),
                _ => Err("it is not a connection to a manager".to_owned()),
            }),
            None => {
                WITHIN.with_borrow(|within| within.clone().filter(|within| within.id == manager)).ok_or_else(|| {
                    format!("{what} cannot be used: it was stored in a manager, and must be read from there")
                })
            }
        }
    }

    /// Runs what encodes or decodes values of this manager.
    pub(super) fn within<T>(self: &Arc<Self>, f: impl FnOnce() -> T) -> T {
        struct Restore(Option<Arc<Link>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                let before = self.0.take();
                // Dropped with the cell free: a link's drop may be the last.
                drop(WITHIN.replace(before));
            }
        }
        let _restore = Restore(WITHIN.replace(Some(Arc::clone(self))));
        f()
    }

    /// The connection of this process, which is made if there is none.
    pub(super) fn connection(&self) -> Result<Arc<Connection>, ManagerError> {
        let mut connection = self.connection.lock();
        if let Some(connection) = connection.as_ref().filter(|connection| connection.is_usable()) {
            return Ok(Arc::clone(connection));
        }
        let new = Connection::new(&self.connector).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => ManagerError::Gone,
            _ => ManagerError::Io(error),
        })?;
        Ok(Arc::clone(connection.insert(Arc::new(new))))
    }

    /// Asks over the connection of this process, and blocks until there is an answer.
    pub(super) fn ask(&self, object: ObjectId, limit: Option<u64>, op: Op<'_>) -> Result<Vec<u8>, ManagerError> {
        self.connection()?.ask(object, limit, op).map_err(|failure| self.explain(failure))
    }

    /// The error for the end of a connection.
    pub(super) fn explain(&self, failure: Failure) -> ManagerError {
        match failure {
            Failure::TooLarge(why) => ManagerError::Codec(why),
            Failure::Over if self.is_dead() => ManagerError::Gone,
            Failure::Over => ManagerError::Disconnected,
        }
    }

    /// Whether the manager has closed its end of the connector.
    fn is_dead(&self) -> bool {
        let mut connector = [PollFd::new(&*self.connector, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut connector, Some(&now)), Ok(1..)) && connector[0].revents().intersects(PollFlags::HUP)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut links = LINKS.lock();
        // Another may have taken its place.
        if links.get(&self.id).is_some_and(|link| link.strong_count() == 0) {
            links.remove(&self.id);
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

//! Where the requests of the parent come in: on the page while this worker is awake, and through a socket otherwise.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;

use executor_core::spin::Spin;

use super::core::Core;
use crate::ipc::shared;
use crate::protocol::ipc_packet::{self, Packet};
use crate::protocol::limits::MOST_SPIN;
use crate::protocol::message::Request;
use crate::protocol::status_page::Page;

pub(super) struct Requests {
    socket: OwnedFd,
    page: &'static Page,
    /// Whether it pays to stay awake for the next request.
    spin: Spin,
    core: Core,
    /// Whether the last request was a short job. Behind several jobs there are others, and their senders need this core.
    is_short: Cell<bool>,
}

impl Requests {
    pub(super) fn new(socket: OwnedFd, page: &'static Page) -> Self {
        Self { socket, page, spin: Spin::new(), core: Core::new(), is_short: Cell::new(false) }
    }

    /// The last request was a short job, or not.
    pub(super) fn set_short(&self, is_short: bool) {
        self.is_short.set(is_short);
    }

    /// Blocks until there is a request. `None` if the parent has closed the channel.
    pub(super) fn next(&self) -> Option<Request> {
        if self.is_short.get() {
            let notice = self.page.request();
            notice.watch();
            if let Some(request) = notice.spin(&self.spin, MOST_SPIN) {
                self.core.was_awake();
                return postcard::from_bytes(&request).ok();
            }
        }
        shared::drop_ended(&self.socket);
        let received = ipc_packet::receive(&self.socket);
        if self.is_short.get() {
            // Relaxed: the request orders it.
            self.core.was_asleep(self.page.core().load(Ordering::Relaxed));
        }
        match received {
            Ok(Packet::Message(request)) => Some(request),
            Ok(Packet::End | Packet::Invalid(_)) | Err(_) => None,
        }
    }
}

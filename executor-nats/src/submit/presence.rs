//! The hosts that serve the namespace, and the report that there is none.

use std::rc::Rc;
use std::time::Instant;

use async_nats::Message;
use async_nats::connection::State as ConnectionState;
use bytes::Bytes;
use futures_lite::StreamExt;
use tokio::time::sleep_until;

use super::engine::Engine;
use super::no_worker::NoWorker;
use crate::protocol::message::{Presence, decode};
use crate::protocol::names::build_of;

impl Engine {
    /// Learns which hosts serve the namespace, and reports if jobs wait and there is none.
    pub(crate) async fn watch_hosts(self: Rc<Self>) {
        let client = self.streams.context.client();
        let Ok(mut presences) = client.subscribe(self.streams.names.all_hosts()).await else { return };
        drop(client.publish(self.streams.names.who(), Bytes::new()).await);
        let mut next_check = None;
        loop {
            let next_report = self.lack.borrow_mut().is(self.lacks_workers(), self.on_no_worker.limit);
            let wakes_at = [next_report, next_check].into_iter().flatten().min();
            tokio::select! {
                message = presences.next() => match message {
                    Some(message) => self.heard(&message, &mut next_check),
                    None => return,
                },
                () = self.waiting_changed.notified() => {}
                () = self.link.changed.notified() => {}
                () = sleep_until(wakes_at.unwrap_or_else(Instant::now).into()), if wakes_at.is_some() => {
                    let now = Instant::now();
                    if next_check.is_some_and(|at| at <= now) {
                        next_check = self.look_for_silent();
                    }
                    if next_report.is_some_and(|at| at <= now) {
                        self.report_lack();
                    }
                }
            }
        }
    }

    fn heard(&self, message: &Message, next_check: &mut Option<Instant>) {
        let (Some(build), Ok(presence)) = (build_of(&message.subject), decode::<Presence>(&message.payload)) else {
            return;
        };
        if self.shared.hosts.saw(build, presence) {
            self.has_workers.set(self.shared.hosts.workers() > 0);
        }
        if next_check.is_none() {
            *next_check = Instant::now().checked_add(self.lease);
        }
    }

    /// Forgets the hosts that are silent. Returns when to look again, if a host is left.
    fn look_for_silent(&self) -> Option<Instant> {
        let hosts = &self.shared.hosts;
        if hosts.forget_silent(self.lease * 2) {
            self.has_workers.set(hosts.workers() > 0);
        }
        if hosts.is_empty() { None } else { Instant::now().checked_add(self.lease) }
    }

    /// Since when no server is reached. `None` if one is.
    pub(super) fn lost_since(&self) -> Option<Instant> {
        let is_lost = |_: &Instant| self.streams.context.client().connection_state() != ConnectionState::Connected;
        self.link.lost_since().filter(is_lost)
    }

    fn waiting(&self) -> usize {
        let (delayed, running) = self.shared.delayed_and_running();
        self.jobs.borrow().len().saturating_sub(delayed + running)
    }

    fn lacks_workers(&self) -> bool {
        (!self.has_workers.get() || self.lost_since().is_some()) && self.waiting() > 0
    }

    /// `None` if no job waits, or a host is there.
    pub(crate) fn no_worker(&self) -> Option<NoWorker> {
        let hosts = &self.shared.hosts;
        self.lacks_workers().then(|| NoWorker {
            namespace: self.namespace.clone(),
            build: hosts.build().to_owned(),
            waiting: self.waiting(),
            since: self.lack.borrow().since(),
            unreachable: self.lost_since().map(|since| since.elapsed()),
            others: hosts.all().into_iter().filter(|host| !host.is_ours).collect(),
        })
    }

    fn report_lack(&self) {
        let Some(found) = self.no_worker() else { return };
        self.lack.borrow_mut().reported();
        let report = self.on_no_worker.report.clone();
        self.callbacks.run(move || report(&found));
    }
}

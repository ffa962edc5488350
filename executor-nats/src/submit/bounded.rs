//! Jobs on their way to a stream with a limit: one at a time, so that a full stream changes no order.

use std::collections::VecDeque;
use std::future::pending;
use std::rc::Rc;
use std::time::{Duration, Instant};

use executor_core::{Broken, JobError, Rejection, WhenFull};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep_until;

use super::engine::{Engine, Stored};
use super::job::Stage;
use super::publisher::{Outgoing, Refusal};

/// How often to look for room that other programs may have made.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Outgoing {
    fn may_wait(&self, now: Instant) -> bool {
        self.when_full == WhenFull::Block && self.until.is_none_or(|until| now < until)
    }
}

impl Engine {
    /// Sends jobs until there is no further one.
    pub(crate) async fn publish_in_turn(self: Rc<Self>, mut outgoing: UnboundedReceiver<Outgoing>) {
        let mut line = VecDeque::new();
        loop {
            if line.is_empty() {
                let Some(next) = outgoing.recv().await else { return };
                line.push_back(next);
            }
            let Some(first) = line.pop_front() else { continue };
            match self.try_publish(first).await {
                None => {}
                Some((first, is_full)) => {
                    line.push_front(first);
                    self.wait_for_room(&mut line, &mut outgoing, is_full).await;
                }
            }
        }
    }

    /// Returns the job if it is not stored, and whether that is because the stream is full.
    async fn try_publish(&self, outgoing: Outgoing) -> Option<(Outgoing, bool)> {
        if outgoing.job.progress.stage() == Stage::Withdrawn {
            self.shared.one_stored();
            return None;
        }
        self.wait_for_connection(&outgoing.job).await;
        self.store_arguments(&outgoing.job).await;
        let refusal = match self.send(&outgoing.job).await {
            Err(refusal) => refusal,
            Ok(sent) => match sent.await {
                Ok(stored) => {
                    self.stored(outgoing, stored.sequence).await;
                    return None;
                }
                Err(error) => error.into(),
            },
        };
        match refusal {
            Refusal::Full if !outgoing.may_wait(Instant::now()) => {
                self.reject(outgoing);
                None
            }
            Refusal::Full => Some((outgoing, true)),
            Refusal::Silent => Some((outgoing, false)),
            Refusal::Other(text) => {
                let reason = format!("the NATS server refused to store the job: {text}");
                self.refuse(outgoing, JobError::Broken(Broken::new(reason)));
                None
            }
        }
    }

    /// Waits until the stream may have room. Those who would not wait, or have waited for long enough, are told meanwhile.
    async fn wait_for_room(
        &self,
        line: &mut VecDeque<Outgoing>,
        outgoing: &mut UnboundedReceiver<Outgoing>,
        is_full: bool,
    ) {
        let look_again = Instant::now() + LOOK_AGAIN;
        loop {
            let now = Instant::now();
            if is_full {
                for _ in 0..line.len() {
                    let Some(next) = line.pop_front() else { break };
                    if next.job.progress.stage() == Stage::Withdrawn {
                        self.shared.one_stored();
                    } else if next.may_wait(now) {
                        line.push_back(next);
                    } else {
                        self.reject(next);
                    }
                }
            }
            if now >= look_again || line.is_empty() {
                return;
            }
            let first_limit = line.iter().filter_map(|next| next.until).filter(|_| is_full).min();
            let wakes_at = first_limit.map_or(look_again, |limit| limit.min(look_again));
            tokio::select! {
                () = sleep_until(wakes_at.into()) => {}
                () = self.room.notified() => return,
                next = outgoing.recv() => match next {
                    Some(next) => line.push_back(next),
                    None => pending().await,
                },
            }
        }
    }

    /// The stream has no room for the job.
    fn reject(&self, outgoing: Outgoing) {
        let Outgoing { job, reply, .. } = outgoing;
        self.shared.one_stored();
        match reply {
            // The submit that waits returns the job, as if it had never been there.
            Some(reply) => {
                if self.remove(&job) {
                    job.progress.set(Stage::Withdrawn);
                    self.shared.one_done();
                }
                reply.send(Stored::Full);
            }
            None => self.withdraw(&job, JobError::rejected(Rejection::Full)),
        }
    }
}

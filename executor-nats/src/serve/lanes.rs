//! Jobs of each priority on their way to this host: asked for, or here and waiting for a worker.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::{Client, Subject, Subscriber};
use tokio::time::Instant;

use super::arrived::Arrived;
use crate::error::ConnectError;
use crate::protocol::names::PRIORITIES;

/// How long the server may take to send an urgent job that was asked for, before a less urgent one starts.
pub(super) const GRACE: Duration = Duration::from_millis(25);

/// The jobs of one priority.
pub(super) struct Lane {
    /// Jobs come there.
    pub(super) inbox: String,
    /// They are asked for there.
    pub(super) next: String,
    /// How many were asked for, and have not come.
    pub(super) asked: Cell<usize>,
    /// How many requests have asked for them, at most.
    pub(super) requests: Cell<usize>,
    /// How many requests were sent in all.
    pub(super) sent: Cell<usize>,
    /// Since when some jobs were asked for.
    asked_since: Cell<Option<Instant>>,
    /// How many jobs a message has: more than one if they come as batches.
    pub(super) per_message: Cell<usize>,
    /// In the order of their submission.
    pub(super) held: RefCell<BTreeMap<u64, Arrived>>,
}

impl Lane {
    fn new(inbox: String, next: String) -> Self {
        Self {
            inbox,
            next,
            asked: Cell::new(0),
            requests: Cell::new(0),
            sent: Cell::new(0),
            asked_since: Cell::default(),
            per_message: Cell::new(1),
            held: RefCell::default(),
        }
    }

    pub(super) fn set_asked(&self, count: usize) {
        self.asked.set(count);
        self.requests.set(self.requests.get().min(count));
        let since = self.asked_since.get().or_else(|| Some(Instant::now()));
        self.asked_since.set(since.filter(|_| count > 0));
    }

    /// A message with this number of jobs has come. Follows a larger one at once, and smaller ones slowly.
    pub(super) fn saw(&self, jobs: usize) {
        let known = self.per_message.get();
        self.per_message.set(jobs.max((3 * known + jobs) / 4).max(1));
    }

    pub(super) fn one_less(&self, count: usize) {
        self.set_asked(self.asked.get().saturating_sub(count));
    }

    /// The server has none of these jobs: it would have sent one.
    fn is_empty(&self) -> bool {
        self.held.borrow().is_empty() && self.asked_since.get().is_some_and(|since| since.elapsed() >= GRACE)
    }
}

/// The next thing to do.
pub(super) enum Next {
    Job(Box<Arrived>),
    /// Nothing, until something changes.
    Nothing,
    /// Nothing, until the server has had the time to send a more urgent job.
    Grace,
}

/// The most urgent priority first.
pub(super) struct Lanes(pub(super) [Lane; PRIORITIES.len()]);

impl Lanes {
    /// Returns the lanes, and for each one the subscription by which jobs come.
    pub(super) async fn open(
        client: &Client,
        next: [String; PRIORITIES.len()],
    ) -> Result<(Self, Vec<Subscriber>), ConnectError> {
        let lanes = next.map(|next| Lane::new(client.new_inbox(), next));
        let mut subscribers = Vec::new();
        for lane in &lanes {
            subscribers.push(client.subscribe(lane.inbox.clone()).await.map_err(ConnectError::server)?);
        }
        Ok((Self(lanes), subscribers))
    }

    pub(super) fn held(&self) -> usize {
        let count = |lane: &Lane| -> usize { lane.held.borrow().values().map(Arrived::count).sum() };
        self.0.iter().map(count).sum()
    }

    /// Removes the most urgent job, if `is_ready` says so for the time that it will probably take.
    pub(super) fn pop(&self, is_ready: impl FnOnce(Duration) -> bool) -> Next {
        let mut may_be_more_urgent = false;
        for lane in &self.0 {
            let mut held = lane.held.borrow_mut();
            if let Some((_, first)) = held.first_key_value() {
                return match is_ready(first.estimate) {
                    false => Next::Nothing,
                    true if may_be_more_urgent => Next::Grace,
                    true => held.pop_first().map_or(Next::Nothing, |(_, job)| Next::Job(Box::new(job))),
                };
            }
            drop(held);
            may_be_more_urgent |= !lane.is_empty();
        }
        Next::Nothing
    }

    /// Whether jobs wait here that are less urgent than those of the lane with this index.
    pub(super) fn is_above_held(&self, index: usize) -> bool {
        self.0[index + 1..].iter().any(|lane| !lane.held.borrow().is_empty())
    }

    /// Removes all jobs, the most urgent first.
    pub(super) fn take_held(&self) -> Vec<Arrived> {
        self.0.iter().flat_map(|lane| lane.held.take().into_values()).collect()
    }

    /// Where the server is told about the jobs that wait.
    pub(super) fn replies(&self) -> Vec<Subject> {
        let replies =
            |lane: &Lane| -> Vec<_> { lane.held.borrow().values().map(|arrived| arrived.reply.clone()).collect() };
        self.0.iter().flat_map(replies).collect()
    }

    /// The server has forgotten what it was asked for: the connection is a new one.
    pub(super) fn forget_requests(&self) {
        self.0.iter().for_each(|lane| lane.set_asked(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::names::JobKey;
    use crate::protocol::removal::Copy;

    fn lanes() -> Lanes {
        Lanes(["high", "normal", "low"].map(|name| Lane::new(name.to_owned(), name.to_owned())))
    }

    /// A job that waits here.
    fn hold(lane: &Lane, number: u64) {
        let reply = format!("$JS.ACK.jobs.{}.1.{number}.{number}.0.0", lane.next);
        let arrived = Arrived {
            copy: Copy::of_reply(&reply).unwrap(),
            reply: reply.into(),
            key: JobKey { submitter: "s".to_owned(), number, is_kept: false },
            job: None,
            remote: None,
            estimate: Duration::from_millis(number),
            members: Vec::new(),
        };
        lane.held.borrow_mut().insert(number, arrived);
    }

    /// The jobs of these lanes were asked for long ago.
    fn ask(lanes: &[Lane]) {
        for lane in lanes {
            lane.set_asked(1);
            lane.asked_since.set(Instant::now().checked_sub(GRACE));
        }
    }

    fn pop(lanes: &Lanes) -> Result<u64, bool> {
        match lanes.pop(|_| true) {
            Next::Job(job) => Ok(job.key.number),
            Next::Nothing => Err(false),
            Next::Grace => Err(true),
        }
    }

    #[test]
    fn most_urgent_job_is_next_in_order() {
        let lanes = lanes();
        ask(&lanes.0);
        for (lane, number) in [(2, 1), (1, 2), (0, 5), (0, 3)] {
            hold(&lanes.0[lane], number);
        }
        assert_eq!([(); 5].map(|()| pop(&lanes)), [Ok(3), Ok(5), Ok(2), Ok(1), Err(false)]);
    }

    #[test]
    fn job_waits_until_the_server_has_no_more_urgent_one() {
        let lanes = lanes();
        hold(&lanes.0[1], 1);
        assert_eq!(pop(&lanes), Err(true), "not asked for yet");
        lanes.0[0].set_asked(1);
        assert_eq!(pop(&lanes), Err(true), "asked for just now");
        ask(&lanes.0[..1]);
        assert_eq!(pop(&lanes), Ok(1));
    }

    #[test]
    fn size_of_messages_follows_larger_ones_at_once() {
        let lanes = lanes();
        let lane = &lanes.0[1];
        let saw = |jobs| {
            lane.saw(jobs);
            lane.per_message.get()
        };
        assert_eq!([1, 64, 1, 64].map(saw), [1, 64, 48, 64]);
        (0..20).for_each(|_| lane.saw(1));
        assert_eq!(lane.per_message.get(), 1);
    }

    #[test]
    fn job_that_is_not_ready_stays() {
        let lanes = lanes();
        ask(&lanes.0);
        hold(&lanes.0[0], 7);
        assert!(matches!(lanes.pop(|estimate| estimate < Duration::from_millis(7)), Next::Nothing));
        assert_eq!((lanes.held(), pop(&lanes)), (1, Ok(7)));
    }
}

//! The worker, seen from the jobs that it was sent: whether they have started there, and what ends them.

use std::sync::{Arc, Weak};

use executor_core::JobId;
use executor_core::cell::{Abort, Dispatch};
use executor_thread::fork::Origin;

use crate::protocol::status_page::{Claim, Page, SLOTS};
use crate::supervisor::watcher;

#[cfg(all(test, loom))]
mod loom_models;
mod message;

use message::Message;

/// A process that runs jobs, and can be ended.
pub(crate) trait Kill: Send + Sync {
    /// At once, and what it has started in its process group.
    fn kill(&self);

    /// Because a job of its is aborted: it may be given time to end by itself.
    fn stop(&self) {
        self.kill();
    }
}

/// Where a job was that was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It had not started.
    Sent,
    /// Its code may run.
    Started,
    /// Its word says that it is done, and its answer is on the page.
    Answered,
    /// Its word says that it has ended, and nothing shows that.
    Unproven,
}

/// A worker's page, and the worker. Exact, because each question is one look at the word of the very job: a thread that kills for a job
/// has moved its word to a claim from which the worker cannot go on, so no other job is hit.
pub(crate) struct Claims {
    pub(crate) page: Page,
    process: Arc<dyn Kill>,
    message: Message,
    own: Weak<Self>,
    /// The process whose worker it is. One that is forked from that shares the page, and has no say.
    origin: Origin,
}

impl Claims {
    pub(crate) fn new(page: Page, process: Arc<dyn Kill>) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            page,
            process,
            message: Message::default(),
            own: own.clone(),
            origin: Origin::here(),
        })
    }

    /// From now on the worker may start the job `id`. The first slot begins a message.
    pub(crate) fn send(&self, slot: usize, id: JobId) {
        self.message.add(slot, id);
        self.page.send(slot, id.get());
    }

    /// The message is over. False if the worker was killed, because it did not answer in time.
    #[must_use = "the worker is not to be sent another message"]
    pub(crate) fn close(&self) -> bool {
        self.message.close()
    }

    /// The jobs of the message that the worker has.
    pub(crate) fn jobs(&self) -> Vec<JobId> {
        self.message.jobs()
    }

    /// Whether the job `id` has started, and has not ended, as its word says.
    pub(crate) fn is_running(&self, id: JobId) -> bool {
        matches!(self.find(id), Some((_, Claim::Started | Claim::Aborted)))
    }

    /// Whether a job of the message was aborted: the worker has its time for that.
    pub(crate) fn is_stopping(&self) -> bool {
        self.message.is_stopping()
    }

    /// The job `id` is not to run any more, or its word says so: the worker has [`ANSWER_LIMIT`](crate::protocol::limits::ANSWER_LIMIT) to answer, or to go on to a job that is.
    fn expect_answer(&self, id: JobId) {
        let Some(number) = self.message.ends(id) else { return };
        let claims = self.own.clone();
        watcher::call_after_answer_limit(Box::new(move || {
            if let Some(claims) = claims.upgrade() {
                claims.is_due(number);
            }
        }));
    }

    /// Kills the worker if the message of that number is not over, and none of the jobs that may run does.
    fn is_due(&self, number: u64) {
        // Not under the lock of the message: a model of the page switches threads at each look.
        let Some(jobs) = self.message.not_ended(number) else { return };
        if !jobs.iter().any(|&id| self.is_running(id)) && self.message.is_overdue(number) {
            self.process.kill();
        }
    }

    /// The slot of a job, and where it is: the first that is its own. One that came back, and was sent again, may have left its word in
    /// a slot behind; those before it are of jobs that were sent with it.
    fn find(&self, id: JobId) -> Option<(usize, Claim)> {
        (0..SLOTS).find_map(|slot| Some((slot, self.page.look(slot, id.get())?)))
    }

    fn change(&self, id: JobId, from: Claim, to: Claim) -> bool {
        self.origin.is_here() && self.find(id).is_some_and(|(slot, _)| self.page.change(slot, id.get(), from, to))
    }

    /// The time of the job `id` is up, and its message is not over: the worker must be killed, whatever the word says.
    pub(crate) fn time_out(&self, id: JobId) -> Ended {
        if self.change(id, Claim::Sent, Claim::Revoked) {
            return Ended::Sent;
        }
        if self.change(id, Claim::Started, Claim::TimedOut) {
            return Ended::Started;
        }
        match self.find(id) {
            Some((slot, Claim::Done)) if self.page.answer(slot).is_some() => Ended::Answered,
            _ => Ended::Unproven,
        }
    }
}

impl Abort for Claims {
    fn abort(&self, id: JobId) -> bool {
        let is_aborted = self.change(id, Claim::Started, Claim::Aborted);
        if is_aborted {
            self.message.stops();
            self.process.stop();
        } else {
            self.expect_answer(id);
        }
        is_aborted
    }
}

impl Dispatch for Claims {
    fn revoke(&self, id: JobId) -> bool {
        let is_revoked = self.change(id, Claim::Sent, Claim::Revoked);
        if is_revoked {
            self.expect_answer(id);
        }
        is_revoked
    }

    fn has_started(&self, id: JobId) -> bool {
        !matches!(self.find(id), None | Some((_, Claim::Sent | Claim::Revoked)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Kills(AtomicUsize);

    impl Kill for Kills {
        fn kill(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The claims of a worker that was sent two jobs, and has started the first.
    fn claims() -> (Arc<Claims>, [JobId; 2], Arc<Kills>) {
        let kills = Arc::new(Kills::default());
        let claims = Claims::new(Page::new().unwrap().0, kills.clone());
        let jobs = [JobId::next(), JobId::next()];
        for (slot, job) in jobs.iter().enumerate() {
            claims.send(slot, *job);
        }
        assert!(claims.page.change(0, jobs[0].get(), Claim::Sent, Claim::Started));
        (claims, jobs, kills)
    }

    #[test]
    fn an_abort_kills_for_a_job_that_runs_alone() {
        let (claims, [running, waiting], kills) = claims();
        assert!(!claims.abort(JobId::next()));
        assert!(!claims.abort(waiting), "it is to be revoked");
        assert_eq!(kills.0.load(Ordering::Relaxed), 0);
        assert!(claims.abort(running));
        assert_eq!(kills.0.load(Ordering::Relaxed), 1);
        assert!(!claims.abort(running), "once");
        assert!(!claims.page.change(0, running.get(), Claim::Started, Claim::Done), "its result comes too late");
    }

    #[test]
    fn an_abort_after_the_end_kills_nobody() {
        let (claims, [running, _], kills) = claims();
        assert!(claims.page.change(0, running.get(), Claim::Started, Claim::Done));
        assert!(!claims.abort(running));
        assert_eq!(kills.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn only_a_job_that_has_not_started_is_revoked() {
        let (claims, [running, waiting], _) = claims();
        assert!(claims.has_started(running) && !claims.has_started(waiting));
        assert!(!claims.revoke(running) && claims.revoke(waiting) && !claims.revoke(waiting));
        assert!(!claims.has_started(waiting) && claims.has_started(running));
        assert!(!claims.page.change(1, waiting.get(), Claim::Sent, Claim::Started), "the worker skips it");
    }

    #[test]
    fn time_out_tells_how_far_the_job_came() {
        let (claims, [running, waiting], kills) = claims();
        assert!(claims.time_out(waiting) == Ended::Sent && !claims.has_started(waiting));
        assert!(claims.time_out(running) == Ended::Started && claims.has_started(running));
        assert!(claims.time_out(running) == Ended::Unproven && !claims.abort(running));
        assert_eq!(kills.0.load(Ordering::Relaxed), 0, "that is for the one who asked");
    }

    #[test]
    fn time_out_leaves_an_answer_on_the_page() {
        let (claims, [running, _], _) = claims();
        assert!(claims.page.change(0, running.get(), Claim::Started, Claim::Done));
        assert_eq!(claims.time_out(running), Ended::Unproven, "there is none yet");
        claims.page.write_answer(0, 0, &[1]).unwrap();
        assert_eq!(claims.time_out(running), Ended::Answered);
    }

    /// Cancels or aborts on another thread, as those do who want an answer.
    fn elsewhere(action: impl FnOnce() -> bool + Send) -> bool {
        std::thread::scope(|scope| scope.spawn(action).join().unwrap())
    }

    #[test]
    fn unanswered_message_kills_the_worker() {
        for forged in [None, Some(Claim::Started), Some(Claim::Done)] {
            let (claims, [running, waiting], kills) = claims();
            assert!(elsewhere(|| claims.revoke(waiting)));
            claims.is_due(1);
            assert_eq!(kills.0.load(Ordering::Relaxed), 0, "the other job runs");
            assert!(claims.page.change(0, running.get(), Claim::Started, Claim::Done));
            assert!(elsewhere(|| !claims.abort(running)), "its word says that it is done");
            if let Some(forged) = forged {
                claims.page.scribble(&[(0, running.get() << 3 | forged as u64)]);
            }
            claims.is_due(2);
            assert_eq!(kills.0.load(Ordering::Relaxed), 0, "it is of another message");
            claims.is_due(1);
            assert_eq!(kills.0.load(Ordering::Relaxed), 1);
            assert!(!claims.close(), "the worker is not to be kept");
        }
    }

    #[test]
    fn answered_message_kills_nobody() {
        let (claims, [running, waiting], kills) = claims();
        assert!(elsewhere(|| claims.revoke(waiting)));
        assert!(claims.page.change(0, running.get(), Claim::Started, Claim::Done));
        assert!(claims.close());
        claims.is_due(1);
        claims.send(0, JobId::next());
        claims.is_due(1);
        assert!(kills.0.load(Ordering::Relaxed) == 0 && claims.close());
    }

    /// The steps of the worker and those of the parent, in every order of both.
    #[test]
    fn in_every_order_a_job_has_one_end() {
        type Step = (&'static str, fn(&Claims, JobId) -> bool);
        fn starts(claims: &Claims, id: JobId) -> bool {
            claims.page.start(0, id.get())
        }
        fn ends(claims: &Claims, id: JobId) -> bool {
            claims.page.change(0, id.get(), Claim::Started, Claim::Done)
        }
        let worker: [Step; 2] = [("starts", starts), ("ends", ends)];
        let times_out: fn(&Claims, JobId) -> bool =
            |claims, id| matches!(claims.time_out(id), Ended::Sent | Ended::Started);
        let parents: [&[Step]; 6] = [
            &[("revokes", |claims, id| claims.revoke(id))],
            &[("aborts", |claims, id| claims.abort(id))],
            &[("times out", times_out)],
            &[("revokes", |claims, id| claims.revoke(id)), ("aborts", |claims, id| claims.abort(id))],
            &[("aborts", |claims, id| claims.abort(id)), ("times out", times_out)],
            &[("times out", times_out), ("revokes", |claims, id| claims.revoke(id))],
        ];
        for parent in parents {
            // Each order is a choice of the places of the worker's steps.
            let steps = parent.len() + worker.len();
            for places in (0_u32..1 << steps).filter(|places| places.count_ones() == 2) {
                let kills = Arc::new(Kills::default());
                let (claims, id) = (Claims::new(Page::new().unwrap().0, kills.clone()), JobId::next());
                claims.page.send(0, id.get());
                let (mut of_worker, mut of_parent) = (worker.iter(), parent.iter());
                let mut order = Vec::new();
                for place in 0..steps {
                    let next = if places >> place & 1 == 1 { of_worker.next() } else { of_parent.next() };
                    let (name, step) = next.expect("there are as many");
                    order.push((*name, step(&claims, id)));
                }
                let did = |name| order.contains(&(name, true));
                let [revoked, aborted, timed_out] = ["revokes", "aborts", "times out"].map(did);
                let ended = [did("ends"), revoked, aborted, timed_out].into_iter().filter(|it| *it).count();
                assert_eq!(ended, 1, "{order:?}");
                assert!(!(revoked && did("starts")), "{order:?}");
                assert!(!aborted || did("starts"), "{order:?}");
                assert_eq!(kills.0.load(Ordering::Relaxed), usize::from(aborted), "{order:?}");
            }
        }
    }
}

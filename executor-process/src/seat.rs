//! The worker, seen from the jobs that it was sent: whether they have started there, and what ends them.

use std::sync::Arc;

use executor_core::JobId;
use executor_core::cell::{Abort, Lease};

use crate::page::{Claim, Page, SLOTS};

/// What runs jobs, and can be ended.
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
}

/// A worker's page, and the worker. Exact, because each question is one look at the word of the very job: whoever kills for a job
/// has moved its word to a claim from which the worker cannot go on, so no other job is hit.
pub(crate) struct Seat {
    pub(crate) page: Page,
    process: Arc<dyn Kill>,
}

impl Seat {
    pub(crate) fn new(page: Page, process: Arc<dyn Kill>) -> Self {
        Self { page, process }
    }

    /// The slot of a job, and where it is: the first that is its own. One that came back, and was sent again, may have left its word in
    /// a slot behind; those before it are of jobs that were sent with it.
    fn find(&self, id: JobId) -> Option<(usize, Claim)> {
        (0..SLOTS).find_map(|slot| Some((slot, self.page.look(slot, id.get())?)))
    }

    fn change(&self, id: JobId, from: Claim, to: Claim) -> bool {
        self.find(id).is_some_and(|(slot, _)| self.page.change(slot, id.get(), from, to))
    }

    /// Whether the job is there, and has not ended.
    pub(crate) fn holds(&self, id: JobId) -> bool {
        matches!(self.find(id), Some((_, Claim::Sent | Claim::Started)))
    }

    /// The time of the job `id` is up. `None` if it had ended. Otherwise it ends no more by itself: if it has started, the worker
    /// must be killed.
    pub(crate) fn time_out(&self, id: JobId) -> Option<Ended> {
        let sent = self.change(id, Claim::Sent, Claim::Revoked).then_some(Ended::Sent);
        sent.or_else(|| self.change(id, Claim::Started, Claim::TimedOut).then_some(Ended::Started))
    }
}

impl Abort for Seat {
    fn abort(&self, id: JobId) -> bool {
        let is_aborted = self.change(id, Claim::Started, Claim::Aborted);
        if is_aborted {
            self.process.stop();
        }
        is_aborted
    }
}

impl Lease for Seat {
    fn revoke(&self, id: JobId) -> bool {
        self.change(id, Claim::Sent, Claim::Revoked)
    }

    fn has_started(&self, id: JobId) -> bool {
        !matches!(self.find(id), None | Some((_, Claim::Sent | Claim::Revoked)))
    }
}

#[cfg(test)]
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

    /// The seat of a worker that was sent two jobs, and has started the first.
    fn seat() -> (Seat, [JobId; 2], Arc<Kills>) {
        let kills = Arc::new(Kills::default());
        let seat = Seat::new(Page::new().unwrap().0, kills.clone());
        let jobs = [JobId::next(), JobId::next()];
        for (slot, job) in jobs.iter().enumerate() {
            seat.page.send(slot, job.get());
        }
        assert!(seat.page.change(0, jobs[0].get(), Claim::Sent, Claim::Started));
        (seat, jobs, kills)
    }

    #[test]
    fn an_abort_kills_for_a_job_that_runs_alone() {
        let (seat, [running, waiting], kills) = seat();
        assert!(!seat.abort(JobId::next()));
        assert!(!seat.abort(waiting), "it is to be revoked");
        assert_eq!(kills.0.load(Ordering::Relaxed), 0);
        assert!(seat.abort(running));
        assert_eq!(kills.0.load(Ordering::Relaxed), 1);
        assert!(!seat.abort(running), "once");
        assert!(!seat.page.change(0, running.get(), Claim::Started, Claim::Done), "its result comes too late");
    }

    #[test]
    fn an_abort_after_the_end_kills_nobody() {
        let (seat, [running, _], kills) = seat();
        assert!(seat.page.change(0, running.get(), Claim::Started, Claim::Done));
        assert!(!seat.abort(running));
        assert_eq!(kills.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn only_a_job_that_has_not_started_is_revoked() {
        let (seat, [running, waiting], _) = seat();
        assert!(seat.has_started(running) && !seat.has_started(waiting));
        assert!(!seat.revoke(running) && seat.revoke(waiting) && !seat.revoke(waiting));
        assert!(!seat.has_started(waiting) && !seat.holds(waiting) && seat.holds(running));
        assert!(!seat.page.change(1, waiting.get(), Claim::Sent, Claim::Started), "the worker skips it");
    }

    #[test]
    fn time_is_up_for_who_has_not_ended() {
        let (seat, [running, waiting], kills) = seat();
        assert!(seat.time_out(waiting) == Some(Ended::Sent) && !seat.has_started(waiting));
        assert!(seat.time_out(running) == Some(Ended::Started) && seat.has_started(running));
        assert!(seat.time_out(running).is_none() && !seat.abort(running));
        assert_eq!(kills.0.load(Ordering::Relaxed), 0, "that is for the one who asked");
    }

    /// What the worker does, step by step, and what the parent does: in every order of both.
    #[test]
    fn in_every_order_a_job_has_one_end() {
        type Step = (&'static str, fn(&Seat, JobId) -> bool);
        fn starts(seat: &Seat, id: JobId) -> bool {
            seat.page.start(0, id.get())
        }
        fn ends(seat: &Seat, id: JobId) -> bool {
            seat.page.change(0, id.get(), Claim::Started, Claim::Done)
        }
        let worker: [Step; 2] = [("starts", starts), ("ends", ends)];
        let times_out: fn(&Seat, JobId) -> bool = |seat, id| seat.time_out(id).is_some();
        let parents: [&[Step]; 6] = [
            &[("revokes", |seat, id| seat.revoke(id))],
            &[("aborts", |seat, id| seat.abort(id))],
            &[("times out", times_out)],
            &[("revokes", |seat, id| seat.revoke(id)), ("aborts", |seat, id| seat.abort(id))],
            &[("aborts", |seat, id| seat.abort(id)), ("times out", times_out)],
            &[("times out", times_out), ("revokes", |seat, id| seat.revoke(id))],
        ];
        for parent in parents {
            // Each order is a choice of the places of the worker's steps.
            let steps = parent.len() + worker.len();
            for places in (0_u32..1 << steps).filter(|places| places.count_ones() == 2) {
                let kills = Arc::new(Kills::default());
                let (seat, id) = (Seat::new(Page::new().unwrap().0, kills.clone()), JobId::next());
                seat.page.send(0, id.get());
                let (mut of_worker, mut of_parent) = (worker.iter(), parent.iter());
                let mut order = Vec::new();
                for place in 0..steps {
                    let next = if places >> place & 1 == 1 { of_worker.next() } else { of_parent.next() };
                    let (name, step) = next.expect("there are as many");
                    order.push((*name, step(&seat, id)));
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

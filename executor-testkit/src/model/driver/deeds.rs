//! Does one operation, each part of a race on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use executor_core::{ShutdownPolicy, ShutdownStep};

use super::super::op::{Delay, JobNumber, Op, Policy, Work};
use super::super::shape::Ability;
use super::super::subject::Subject;
use super::super::task::Task;
use super::super::world::{Answer, End};
use super::Driver;
use super::actors::{Deed, this_thread};
use super::seen::Known;

const SOON: Duration = Duration::from_millis(1);
const NEVER: Duration = Duration::from_secs(3600);

impl Driver {
    /// Starts the operation. When it has returned, its answer is in `answers`.
    pub(super) fn perform(&mut self, at: usize, op: &Op) {
        let parts = op.parts();
        let together = Arc::new(Barrier::new(parts.len()));
        // Drops take the pool or the handle away, so they are made last: the other parts use these too.
        let (drops, others): (Vec<_>, Vec<_>) =
            (0..parts.len()).partition(|&index| matches!(parts[index], Op::DropPool | Op::DropHandle));
        let in_order = others.into_iter().chain(drops);
        let deeds: Vec<_> = in_order.map(|index| (index, self.deed(&parts[index], parts.len() == 1))).collect();
        let mut own = None;
        for (index, deed) in deeds {
            let (together, answers, wrong) = (together.clone(), self.answers.clone(), self.wrong.clone());
            let (coordinator, busy) = (self.coordinator.clone(), self.busy.clone());
            let perform: Deed = Box::new(move || {
                busy.lock().insert(at + index, this_thread());
                together.wait();
                match catch_unwind(AssertUnwindSafe(deed)) {
                    Ok(Ok(answer)) => drop(answers.lock().insert(at + index, answer)),
                    Ok(Err(text)) => *wrong.lock() = Some(text),
                    Err(_) => *wrong.lock() = Some("a method of the executor panicked".to_owned()),
                }
                busy.lock().remove(&(at + index));
                coordinator.notify();
            });
            // A manual executor is driven by the thread that made it, this one, when the others have begun.
            if self.shape.has(Ability::Manual) && (parts.len() == 1 || parts[index].drives()) {
                own = Some(perform);
            } else {
                self.actors.run(perform);
            }
        }
        if let Some(perform) = own {
            perform();
        }
    }

    fn deed(&mut self, op: &Op, is_alone: bool) -> Answering {
        match *op {
            Op::Submit(job, work) => self.submit(job, work, is_alone, |executor, task, known| {
                known.submitted(executor.submit(task));
                None
            }),
            Op::SubmitAfter(job, delay, work) => self.submit(job, work, is_alone, move |executor, task, known| {
                known.submitted(executor.submit_after(if delay == Delay::Soon { SOON } else { NEVER }, task));
                None
            }),
            Op::TrySubmit(job, work) => self.submit(job, work, is_alone, try_submit),
            Op::Open(job) => {
                let coordinator = self.coordinator.clone();
                done(move || coordinator.open(job))
            }
            Op::Wait(_) | Op::CallBack(_) | Op::DropFuture(_) | Op::Cancel(_) | Op::Abort(_) => self.on_job(op),
            Op::Kill(job) => self.kill(job),
            Op::WaitIdle => self.on_pool(Subject::wait_idle),
            Op::Shutdown(wait) => self.on_pool(move |pool| pool.shutdown(wait)),
            Op::ShutdownWith(policy) => {
                let pool = self.keeper();
                Box::new(move || {
                    let report = pool.shutdown_with(shutdown_policy(policy));
                    Ok(Answer::Report {
                        completed: report.completed,
                        failed: report.failed,
                        cancelled: report.cancelled,
                        still_running: report.still_running,
                    })
                })
            }
            Op::DropPool => {
                let pool = self.pool.take();
                done(move || drop(pool))
            }
            Op::DropHandle => {
                let handle = self.handle.take();
                done(move || drop(handle))
            }
            Op::RunNext => {
                let pool = self.keeper();
                Box::new(move || Ok(Answer::Said(pool.run_next())))
            }
            Op::Advance => self.on_pool(|pool| pool.advance(SOON)),
            Op::Race(_) => unreachable!("a race is in no race"),
        }
    }

    /// The executor for a call that may wait long: by a handle, if there is one, so that the call does not keep it alive.
    fn keeper(&self) -> Arc<dyn Subject> {
        self.handle.clone().or_else(|| self.pool.clone()).expect("the script has the pool or its handle")
    }

    fn on_pool(&self, call: impl FnOnce(&dyn Subject) + Send + 'static) -> Answering {
        let pool = self.keeper();
        done(move || call(&*pool))
    }

    fn submit(
        &mut self,
        job: JobNumber,
        work: Work,
        is_alone: bool,
        hand_over: impl FnOnce(&dyn Subject, Task, &Known) -> Option<String> + Send + 'static,
    ) -> Answering {
        // Jobs come by both ways. One that may wait for a place must not keep the pool, nor one that races its drop.
        let by_pool = self.pool.clone().filter(|_| job % 2 == 1 && is_alone && self.shape.bound.is_none());
        let executor = by_pool.unwrap_or_else(|| self.keeper());
        let captured = Arc::new(());
        let known = Arc::new(Known::new(job, &captured));
        self.jobs.insert(job, known.clone());
        let task = Task::new(job, work, self.coordinator.address(), captured);
        Box::new(move || hand_over(&*executor, task, &known).map_or(Ok(Answer::Done), Err))
    }

    fn on_job(&self, op: &Op) -> Answering {
        let job = op.target().expect("it is about a job");
        let Some(known) = self.jobs.get(&job).filter(|known| known.canceller().is_some()).cloned() else {
            return Box::new(|| Ok(Answer::Skipped));
        };
        let op = op.clone();
        match op {
            // Taken here, so that a look does not take it in between.
            Op::Wait(_) => {
                let future = known.take_future();
                done(move || {
                    if let Some(future) = future {
                        known.tell(&future.result());
                    }
                })
            }
            Op::CallBack(_) => {
                let (future, coordinator) = (known.take_future(), self.coordinator.clone());
                done(move || {
                    if let Some(future) = future {
                        future.on_done(move |outcome| {
                            known.tell(&outcome);
                            coordinator.notify();
                        });
                    }
                })
            }
            Op::DropFuture(_) => {
                let future = known.take_future();
                done(move || drop(future))
            }
            _ => stop(job, known, matches!(op, Op::Cancel(_))),
        }
    }

    /// SIGKILL for the process in which the job runs.
    fn kill(&self, job: JobNumber) -> Answering {
        let (coordinator, has_processes) = (self.coordinator.clone(), self.shape.has(Ability::Processes));
        let Some(known) = self.jobs.get(&job).filter(|known| known.canceller().is_some()).cloned() else {
            return Box::new(|| Ok(Answer::Skipped));
        };
        Box::new(move || {
            let presence = coordinator.presence(job);
            let runs = presence.starts == 1
                && presence.ends == 0
                && known.canceller().is_some_and(|canceller| !canceller.status().is_done());
            if runs && has_processes {
                let kill = std::process::Command::new("kill").args(["-9", &presence.pid.to_string()]).output();
                let kill = kill.map_err(|error| format!("there is no `kill`: {error}"))?;
                // It may be gone already, killed for a job that was aborted.
                return Ok(Answer::Said(kill.status.success()));
            }
            Ok(Answer::Said(runs))
        })
    }
}

/// An actor's part in one operation.
type Answering = Box<dyn FnOnce() -> Result<Answer, String> + Send>;

fn done(call: impl FnOnce() + Send + 'static) -> Answering {
    Box::new(move || {
        call();
        Ok(Answer::Done)
    })
}

fn stop(job: JobNumber, known: Arc<Known>, only_cancel: bool) -> Answering {
    let canceller = known.canceller().expect("it was looked for");
    Box::new(move || {
        let said = if only_cancel { canceller.cancel() } else { canceller.abort() };
        if said && only_cancel && known.is_captured() {
            return Err(format!("cancel of job {job} is true, and what it captured has not been dropped"));
        }
        Ok(Answer::Said(said))
    })
}

fn try_submit(executor: &dyn Subject, task: Task, known: &Known) -> Option<String> {
    let number = task.number;
    match executor.try_submit(task) {
        Ok(future) => known.submitted(future),
        Err(rejected) => {
            known.refused_or(End::Refused(rejected.reason()));
            let back = rejected.into_job().number;
            if back != number {
                return Some(format!("job {number} was refused, and job {back} came back"));
            }
        }
    }
    None
}

fn shutdown_policy(policy: Policy) -> ShutdownPolicy {
    let shutdown = match policy.step() {
        ShutdownStep::Drain => ShutdownPolicy::drain(),
        ShutdownStep::CancelPending => ShutdownPolicy::cancel_pending(),
        ShutdownStep::Kill => ShutdownPolicy::kill(),
    };
    if policy.is_at_once() { shutdown.within(Duration::ZERO) } else { shutdown }
}

//! The threads of a scheduler: how they start, and how they are joined.

use executor_core::current::activity::ActivityKind;
use executor_core::{Broken, JobError, current};

use super::queued::Queued;
use super::registry::{Role, Threads};
use super::runner::Runner;
use super::shared::Shared;
use super::state::Wake;
use super::sync::{self, JoinHandle, Unparker};
use super::waiters::wake_tasks;
use super::worker;
use super::workers::WorkerLocal;

impl<R: Runner + 'static> Shared<R> {
    pub(super) fn start_worker(&self, local: WorkerLocal<R::Job>) {
        let Some(shared) = self.this.upgrade() else { return };
        let (number, place, since) = (local.number, local.place, self.start_begins());
        if let Err(error) =
            self.start_thread(Role::Worker(number), &number.to_string(), move || worker::work(&shared, local, since))
        {
            self.has_no_thread_for(number, place, &error);
        }
    }

    /// The worker could not be started: it is counted out again, and what waited for it goes to others, or ends.
    fn has_no_thread_for(&self, number: usize, place: usize, error: &std::io::Error) {
        let (mail, left, wakers, wake, sleepers) = self.end(|state| {
            let mail = state.did_not_start(number, place);
            // The others take the jobs, unless there are none.
            let left = if state.all_blocked() { state.lanes.take_all() } else { Vec::new() };
            let wakers = if left.is_empty() { Vec::new() } else { state.waiters.all_tasks() };
            // They were not woken for what this one was to take. No other is started: that would fail, too.
            let wake = if state.has_sleepers() { state.wake() } else { Wake::NoWorker };
            let sleepers = state.wake_if_over();
            (mail, left, wakers, wake, sleepers)
        });
        // The timer stays for workers, and this one may have been the last.
        self.due.notify_all();
        self.slot_freed.notify_all();
        self.perform(wake);
        sleepers.iter().for_each(Unparker::unpark);
        wake_tasks(wakers);
        self.fail_all(mail.into_iter().chain(left), error);
    }

    pub(super) fn start_timer(&self) {
        let Some(shared) = self.this.upgrade() else { return };
        if let Err(error) = self.start_thread(Role::Timer, "timer", move || shared.keep_time()) {
            let delayed = self.end_timer(|state| {
                // No timer would tell when that is over.
                state.short_until = None;
                // Jobs that a shutdown would cancel wait for a timer that can be started: no caller waits for their outcome.
                state.delayed.take_awaited()
            });
            self.fail_all(delayed, &error);
        }
    }

    pub(super) fn start_thread(
        &self,
        role: Role,
        suffix: &str,
        body: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let mut builder = sync::Builder::new().name(format!("{}-{suffix}", self.config.name));
        if let Some(bytes) = self.config.stack_size {
            builder = builder.stack_size(bytes);
        }
        let mut threads = self.threads.lock();
        let size = self.config.stack_size;
        let thread = builder.spawn(move || {
            current::begin_stack(size);
            body();
        })?;
        threads.living.insert(role, thread);
        Ok(())
    }

    /// The last thing that a worker's thread does, and that for callbacks. While the pool is open, each joins the one that ended before
    /// it, so that no more than one is left to be joined.
    pub(super) fn gone(&self, role: Role) {
        let mut threads = self.threads.lock();
        let before = match threads.living.remove(&role) {
            Some(me) => threads.ended.replace(me),
            None => None,
        };
        drop(threads);
        drop(before.map(JoinHandle::join));
        self.end(|state| state.leaving -= usize::from(matches!(role, Role::Worker(_))));
    }

    /// Ends jobs that no thread can be started for. This thread may be the timer's, so code of users' runs elsewhere if it can.
    fn fail_all(&self, jobs: impl IntoIterator<Item = R::Job>, error: &std::io::Error) {
        let broken = no_thread(error);
        for (notify, captures) in jobs.into_iter().filter_map(|job| job.expire(JobError::Broken(broken.clone()))) {
            self.call_back(notify);
            self.drop_aside(captures);
        }
    }

    /// Joins what [`wait_gone`](Shared::wait_gone) has waited for.
    pub(super) fn join_all(&self) {
        let _blocked = current::block_in(ActivityKind::WaitForShutdown(self.pool_name()), None);
        let _joining = self.joining.lock();
        let Threads { living, ended } = std::mem::take(&mut *self.threads.lock());
        for thread in living.into_values().chain(ended) {
            // A worker's thread ends by returning; what its thread-locals do when dropped is not ours to report.
            drop(thread.join());
        }
        if let Some(threads) = &self.rayon {
            // Whatever thread came to the end first may not have released them yet.
            self.tell_closed();
            threads.join();
        }
    }
}

fn no_thread(error: &std::io::Error) -> Broken {
    Broken::new(format!("no worker thread could be started ({error}); {}", cure(error)))
}

/// The remedy where no thread can be started. Rayon wraps the system's error.
pub(crate) fn cure(error: &(dyn std::error::Error + 'static)) -> &'static str {
    let error = error.source().unwrap_or(error).downcast_ref::<std::io::Error>();
    match error.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::PermissionDenied) => {
            "a sandbox such as seccomp refuses it: allow clone3(2), or update the container runtime"
        }
        _ => "raise the thread limit (`ulimit -u`, the cgroup's `pids.max`), or use fewer threads",
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests;
#[cfg(all(test, not(loom), not(shuttle)))]
mod unstarted;

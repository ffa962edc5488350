//! The jobs that go in a message: the first one, and those that are sent ahead with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::cell::Dispatch;

use super::Exchange;
use crate::dispatch::job::{InFlight, NotSent, Queued, requeue_or_cancel};
use crate::dispatch::kill_switch::KillSwitch;
use crate::dispatch::time_limit;
use crate::ipc::payload::MAX_INLINE;
use crate::protocol::message::JobMessage;
use crate::protocol::status_page::SLOTS;
use crate::supervisor::claims::Claims;

/// The most work in one message, by the time that jobs of the same type took: longer than a round
/// trip, so that the worker is busy, and too short to matter to jobs that wait behind it.
const MAX_WORK: Duration = Duration::from_millis(1);

/// How much may still go in the message.
#[derive(Clone, Copy)]
struct Room {
    time: Duration,
    bytes: usize,
}

impl Exchange<'_, '_> {
    /// Makes the message: of the job, and others with it if they are short. `None` if the job has
    /// ended.
    pub(crate) fn fill(&mut self, job: Queued, kill_switch: &KillSwitch) -> Option<Vec<JobMessage>> {
        let first = self.put_in_flight(job)?;
        let mut message = Vec::new();
        self.start_time_limit(&first);
        let room = self.room_after(&first, Room { time: MAX_WORK, bytes: MAX_INLINE });
        self.add(first, &mut message);
        if let Some(room) = room {
            self.send_ahead(room, &mut message, kill_switch);
        }
        Some(message)
    }

    /// From now on the worker may start the job, in the next slot. `None` if the job has ended.
    fn put_in_flight(&self, job: Queued) -> Option<InFlight> {
        let claims = &self.worker.claims;
        // First, so that a cancel finds it there.
        claims.send(self.slots.len(), job.id());
        let dispatch: Arc<dyn Dispatch> = Arc::<Claims>::clone(claims);
        let payload = job.dispatch(dispatch)?;
        let mut in_flight = InFlight::new(job, payload, self.worker.process.pid());
        self.begin_trace(&mut in_flight);
        Some(in_flight)
    }

    /// Puts the job into its slot and into the message. One that cannot go there fails alone.
    fn add(&mut self, mut in_flight: InFlight, message: &mut Vec<JobMessage>) {
        match in_flight.payload.pack(&self.worker.payloads, self.slots.len(), in_flight.id()) {
            Ok(sent) => {
                message.push(sent);
                self.slots.push(Some(in_flight));
            }
            Err(NotSent::Disconnected) => {
                self.worker.disconnect();
                self.slots.push(Some(in_flight));
            }
            Err(NotSent::Failed(error)) => {
                in_flight.discard_run();
                self.tell_later(in_flight.job.finish(Err(error)));
                self.slots.push(None);
            }
        }
    }

    /// Adds jobs that wait, if all workers are busy, as many as the worker will have done soon.
    fn send_ahead(&mut self, mut room: Room, message: &mut Vec<JobMessage>, kill_switch: &KillSwitch) {
        let most = self.worker.jobs_left();
        while self.slots.len() < SLOTS && (self.slots.len() as u64) < most && !room.time.is_zero() {
            let Some(job) = self.batch.take() else { return };
            kill_switch.take(&job);
            let Some(next) = self.put_in_flight(job) else {
                self.batch.had_ended();
                continue;
            };
            let Some(rest) = self.room_after(&next, room) else {
                // One that has started is the exchange's to end, although it was not sent.
                return self.slots.extend(requeue_or_cancel(next, self.batch).map(Some));
            };
            room = rest;
            self.add(next, message);
        }
    }

    /// The room that is left behind the job in the message. `None` if the job has no room there, or
    /// goes alone.
    fn room_after(&self, next: &InFlight, room: Room) -> Option<Room> {
        // Output is that of the one job that the worker has.
        if next.payload.goes_alone() || self.settings.worker.capture.is_some() {
            return None;
        }
        let time = room.time.checked_sub(self.run_times.of(next.payload.job_type)?)?;
        let bytes = room.bytes.checked_sub(next.payload.weight())?;
        Some(Room { time, bytes })
    }

    /// Sets the alarm that ends the job when its time is up.
    fn start_time_limit(&mut self, in_flight: &InFlight) {
        let Some(limit) = in_flight.payload.timeout else { return };
        let Some(when) = Instant::now().checked_add(limit) else { return };
        let case = in_flight.case(&self.settings.worker);
        let job = in_flight.job.clone();
        let (time_limit, alarm) = time_limit::set(job, limit, case, &self.worker.claims, &self.worker.process);
        self.time_limit = Some(time_limit);
        self.batch.push_timer(when, Box::new(alarm));
    }
}

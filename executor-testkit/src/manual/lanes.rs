//! The jobs that wait, and which of them is next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::Instant;

use executor_core::cell::{QueuedControl, Run};
use executor_core::dump::QueuedJob;
use executor_core::queue_id::QueueId;
use executor_core::{JobId, Priority};

/// In every `TURN` jobs, one of less priority goes first.
const TURN: usize = 16;
/// No more tombstones than this are left in the lanes, unless more jobs wait.
const MAX_TOMBSTONES: usize = 64;

/// A report lists no more jobs of a lane than this.
const MAX_OLDEST: usize = 3;

pub(super) type Job = Arc<dyn Run>;

/// A job, and what the choice of the next one looks at.
pub(super) struct Waiting {
    pub(super) job: Job,
    pub(super) priority: Priority,
    pub(super) submitter: ThreadId,
}

impl Waiting {
    pub(super) fn new(job: Job, priority: Priority) -> Self {
        Self { job, priority, submitter: std::thread::current().id() }
    }

    /// Moves the job to the queue `there`, if it still waits.
    fn take(self, there: QueueId) -> Result<Job, Job> {
        if QueuedControl::move_to(&*self.job, there) { Ok(self.job) } else { Err(self.job) }
    }
}

/// A lane for each priority. A job that was cancelled, or is run by a thread that waits for it, leaves a tombstone until that is reached.
pub(super) struct Lanes {
    queues: [VecDeque<Waiting>; 3],
    /// Tombstones reported by [`add_tombstone`](Self::add_tombstone), without those removed: negative while removed ones are unreported.
    tombstones: isize,
    taken: usize,
    order: Order,
    /// Whether to measure how long jobs wait and run.
    measures: bool,
}

/// In which order jobs are taken.
pub(super) enum Order {
    Fifo,
    /// Any order that several workers may bring about; with `in_line`, that one worker may.
    Seeded {
        random: Random,
        in_line: bool,
    },
}

impl Lanes {
    pub(super) fn new(order: Order, measures: bool) -> Self {
        Self { queues: Default::default(), tombstones: 0, taken: 0, order, measures }
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        if self.measures {
            QueuedControl::mark_enqueued(&*waiting.job, Instant::now());
        }
        self.queues[waiting.priority as usize].push_back(waiting);
    }

    /// Jobs in each lane, tombstones too.
    pub(super) fn lens(&self) -> [usize; 3] {
        [0, 1, 2].map(|lane| self.queues[lane].len())
    }

    /// The first jobs of each lane that wait, for a report.
    pub(super) fn oldest(&self) -> Vec<QueuedJob> {
        let waiting = |queue: &'_ VecDeque<Waiting>| {
            let alive = queue.iter().filter(|waiting| waiting.job.is_waiting()).take(MAX_OLDEST);
            let of = |waiting: &Waiting| {
                let job = QueuedJob::new(waiting.job.id(), waiting.priority);
                job.described(waiting.job.describe(), waiting.job.queued_at())
            };
            alive.map(of).collect::<Vec<_>>()
        };
        self.queues.iter().flat_map(waiting).collect()
    }

    /// Jobs that wait.
    pub(super) fn alive(&self) -> usize {
        self.len().saturating_add_signed(-self.tombstones)
    }

    /// Slots that are taken: one by each job that waits. A tombstone that was removed before it was reported takes none.
    pub(super) fn taken_slots(&self) -> usize {
        self.alive().min(self.len())
    }

    /// Whether a tombstone was removed that is not reported yet.
    pub(super) fn has_unreported(&self) -> bool {
        self.tombstones < 0
    }

    /// Whether not even tombstones are left.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    /// The ids of those that wait: the most urgent first, and of the same priority in the order in which they came.
    pub(super) fn ids(&self) -> Vec<JobId> {
        let waiting = self.queues.iter().flatten().filter(|waiting| waiting.job.is_waiting());
        waiting.map(|waiting| waiting.job.id()).collect()
    }

    /// The next job, which waits at `there` from now on. The tombstones that were reached are to be dropped outside the lock.
    pub(super) fn take(&mut self, there: QueueId, tombstones: &mut Vec<Job>) -> Option<Job> {
        loop {
            let (lane, place) = self.choose()?;
            self.taken += 1;
            if let Some(job) = self.remove(lane, place, there, tombstones) {
                return Some(job);
            }
        }
    }

    /// The same for the job that is number `n` of [`ids`](Lanes::ids).
    pub(super) fn take_nth(&mut self, n: usize, there: QueueId, tombstones: &mut Vec<Job>) -> Option<Job> {
        let places = (0..3).flat_map(|lane| (0..self.queues[lane].len()).map(move |place| (lane, place)));
        let mut waiting = places.filter(|&(lane, place)| self.queues[lane][place].job.is_waiting());
        let (lane, place) = waiting.nth(n)?;
        self.remove(lane, place, there, tombstones)
    }

    /// The same for the oldest entry of the least priority, which may be a tombstone. False if there is none.
    pub(super) fn take_oldest(&mut self, there: QueueId, oldest: &mut Vec<Job>, tombstones: &mut Vec<Job>) -> bool {
        let Some(lane) = (0..3).rev().find(|&lane| !self.queues[lane].is_empty()) else { return false };
        oldest.extend(self.remove(lane, 0, there, tombstones));
        true
    }

    fn remove(&mut self, lane: usize, place: usize, there: QueueId, tombstones: &mut Vec<Job>) -> Option<Job> {
        match self.queues[lane].remove(place)?.take(there) {
            Ok(job) => Some(job),
            Err(job) => {
                self.tombstones -= 1;
                tombstones.push(job);
                None
            }
        }
    }

    /// A job left its place in a lane. Returns the tombstones to be dropped outside the lock, once they are more than half of the entries.
    pub(super) fn add_tombstone(&mut self) -> Vec<Job> {
        self.tombstones += 1;
        let count = usize::try_from(self.tombstones).unwrap_or_default();
        if count <= MAX_TOMBSTONES || count <= self.len() / 2 {
            return Vec::new();
        }
        let mut removed = Vec::new();
        for lane in &mut self.queues {
            let (waiting, gone) = std::mem::take(lane).into_iter().partition(|waiting| waiting.job.is_waiting());
            *lane = waiting;
            removed.extend(VecDeque::into_iter(gone).map(|waiting: Waiting| waiting.job));
        }
        self.tombstones -= isize::try_from(removed.len()).unwrap_or(isize::MAX);
        removed
    }

    fn choose(&mut self) -> Option<(usize, usize)> {
        let full = |lane: &usize| !self.queues[*lane].is_empty();
        match &mut self.order {
            Order::Fifo => {
                let is_turn = (self.taken + 1).is_multiple_of(TURN);
                let lane = if is_turn { [2, 1, 0].into_iter().find(full) } else { (0..3).find(full) };
                lane.map(|lane| (lane, 0))
            }
            Order::Seeded { random, in_line } => {
                let lanes: Vec<_> = (0..3).filter(full).collect();
                let lane = if random.below(8) == 0 { lanes.get(random.below(lanes.len())) } else { lanes.first() };
                let lane = *lane?;
                let places = if *in_line { firsts(&self.queues[lane]) } else { (0..self.queues[lane].len()).collect() };
                Some((lane, places[random.below(places.len())]))
            }
        }
    }
}

/// The places of each submitter's first job.
fn firsts(lane: &VecDeque<Waiting>) -> Vec<usize> {
    let mut submitters = Vec::new();
    let mut is_first = |submitter| {
        let is_new = !submitters.contains(&submitter);
        submitters.extend(is_new.then_some(submitter));
        is_new
    };
    lane.iter().enumerate().filter(|(_, waiting)| is_first(waiting.submitter)).map(|(place, _)| place).collect()
}

/// Numbers that look like chance, the same ones from the same seed: Steele, Lea and Flood's splitmix.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`; 0 if that is 0.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        // The remainder of a number of 64 bits by one of a queue's length is even enough.
        usize::try_from(mixed % u64::try_from(bound.max(1)).unwrap_or(u64::MAX)).unwrap_or_default()
    }
}

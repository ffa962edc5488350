//! How a job comes to a worker.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use executor::{Future, JobError, JobOptions, ProcessPool, ProcessPoolBuilder, QueueLimit, WhenFull, call};

use super::super::deaths::kill;
use super::faults::{Fault, MEMORY};
use super::orders::{Answer, Moment, Order, Parts, obey};
use crate::support::event_log::EventLog;
use crate::support::eventually;
use crate::support::rendezvous::{Arrival, Rendezvous};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// One job after the other.
    Plain,
    /// The same in workers that are forked from a template.
    Template,
    /// In the middle of one message.
    Ahead,
    /// As an item of a map, in chunks as the pool makes them.
    Map,
    /// As an item of a chunk of eight.
    Chunk,
    TimeLimit,
    Retry,
    RetriedChunk,
    /// While another thread waits in `shutdown(true)`.
    Shutdown,
    /// In a queue that holds one job, and makes the submitter wait.
    BoundedQueue,
}

impl Way {
    pub(super) fn is_chunked(self) -> bool {
        matches!(self, Self::Map | Self::Chunk | Self::RetriedChunk)
    }

    pub(super) fn retries(self) -> bool {
        matches!(self, Self::Retry | Self::RetriedChunk)
    }

    /// How many jobs there are, and which of them goes wrong.
    pub(super) fn jobs(self) -> (u64, u64) {
        match self {
            Self::Plain | Self::Template | Self::TimeLimit | Self::Retry => (3, 1),
            Self::Ahead | Self::Shutdown | Self::BoundedQueue => (5, 2),
            Self::Map => (24, 17),
            Self::Chunk | Self::RetriedChunk => (12, 5),
        }
    }

    pub(super) fn builder(self) -> ProcessPoolBuilder {
        let builder = ProcessPool::builder().processes(1).memory_limit(MEMORY);
        match self {
            Self::BoundedQueue => builder.queue(QueueLimit::bounded(1, WhenFull::Block)),
            Self::Map => builder.processes(2),
            Self::Template => builder.template(call!(u64::isqrt(4))),
            _ => builder,
        }
    }
}

/// Longer than any job takes that does not hang.
const LONG: Duration = Duration::from_secs(60);

/// The time limit of a job that hangs.
const SHORT: Duration = Duration::from_millis(10);

/// Kills each process that arrives, if the fault is a kill from outside.
pub(super) struct Killer {
    arrival: Arrival,
    thread: Option<JoinHandle<()>>,
    /// Kept open for the other faults, and never answered.
    _closed: Option<Rendezvous>,
}

impl Killer {
    /// Waits for `times` victims.
    pub(super) fn of(fault: Fault, times: usize) -> Self {
        let rendezvous = Rendezvous::new();
        let arrival = rendezvous.arrival();
        if fault != Fault::KilledFromOutside {
            return Self { arrival, thread: None, _closed: Some(rendezvous) };
        }
        let thread = thread::spawn(move || (0..times).for_each(|_| kill(rendezvous.accept().pid())));
        Self { arrival, thread: Some(thread), _closed: None }
    }

    pub(super) fn arrival(&self) -> Arrival {
        self.arrival.clone()
    }

    pub(super) fn join(self) {
        if let Some(thread) = self.thread {
            thread.join().expect("it kills");
        }
    }
}

fn arrive(arrival: Arrival) {
    arrival.arrive(0);
}

/// The outcomes of the jobs of one cell.
pub(super) type Outcomes = Vec<Result<Answer, JobError>>;

/// A cell: who the jobs are, and where they write.
pub(super) struct Cell<'a> {
    pub(super) way: Way,
    pub(super) trap: Option<(Fault, Moment)>,
    pub(super) log: &'a EventLog,
}

impl Cell<'_> {
    fn orders(&self, arrival: &Arrival) -> Vec<Order> {
        let (count, victim) = self.way.jobs();
        let order = |number| Parts {
            number,
            trap: self.trap.filter(|_| number == victim),
            arrival: arrival.clone(),
            writer: self.log.writer(),
        };
        (0..count).map(order).map(Order).collect()
    }

    /// As the way is. A job that hangs has a short time in any case.
    fn options(&self, order: &Order) -> JobOptions {
        let options = JobOptions::new().retry(u32::from(self.way.retries()));
        match order.0.trap {
            Some((fault, _)) if fault.hangs() => options.timeout(SHORT),
            _ if self.way == Way::TimeLimit => options.timeout(LONG),
            _ => options,
        }
    }

    fn submit(&self, pool: &ProcessPool, order: Order) -> Future<Answer> {
        pool.with(self.options(&order)).submit(call!(obey(order)))
    }

    /// Brings the jobs to their outcomes on the pool.
    pub(super) fn run(&self, pool: &ProcessPool) -> Outcomes {
        let killer = Killer::of(self.trap.map_or(Fault::Hang, |(fault, _)| fault), 1);
        let orders = self.orders(&killer.arrival);
        let each = orders.iter().cloned().map(|order| self.submit(pool, order));
        let outcomes = match self.way {
            Way::Plain | Way::Template => each.map(Future::result).collect(),
            Way::TimeLimit | Way::Retry | Way::BoundedQueue => results(each.collect()),
            Way::Map => pool.map(orders, obey).collect(),
            Way::Chunk => pool.map(orders, obey).chunk_size(8).collect(),
            Way::RetriedChunk => pool.with(JobOptions::new().retry(1)).map(orders, obey).chunk_size(8).collect(),
            Way::Ahead => {
                self.prime(pool);
                let held = hold(pool);
                let futures = each.collect();
                drop(held);
                results(futures)
            }
            Way::Shutdown => {
                self.prime(pool);
                let held = hold(pool);
                let futures: Vec<_> = each.collect();
                thread::scope(|scope| {
                    scope.spawn(|| pool.shutdown(true));
                    eventually("it is closed", || pool.try_submit(call!(u64::isqrt(4))).is_err());
                    drop(held);
                });
                assert!(futures.iter().all(Future::is_done), "a shutdown that waits has waited");
                results(futures)
            }
        };
        killer.join();
        outcomes
    }

    /// So that the pool takes such jobs for quick, and sends them ahead.
    fn prime(&self, pool: &ProcessPool) {
        let (closed, log) = (Rendezvous::new(), EventLog::new());
        for number in 0..2 {
            let order = Order(Parts { number, trap: None, arrival: closed.arrival(), writer: log.writer() });
            self.submit(pool, order).result().expect("nothing is wrong with it");
        }
    }
}

fn results(futures: Vec<Future<Answer>>) -> Outcomes {
    futures.into_iter().map(Future::result).collect()
}

/// Keeps the one worker busy until it is dropped.
fn hold(pool: &ProcessPool) -> impl Sized + use<> {
    let rendezvous = Rendezvous::new();
    drop(pool.submit(call!(arrive(rendezvous.arrival()))));
    let waiter = rendezvous.accept();
    (waiter, rendezvous)
}

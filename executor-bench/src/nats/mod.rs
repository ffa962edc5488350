//! The measurements over a NATS server: ours against the client library alone. All contenders use the same server, each with two
//! connections: one that submits and one that serves, with a thread for each.

mod bare;
mod by_hand;
mod ours;
mod server;
mod streams;

use std::cell::RefCell;
use std::rc::Rc;

use self::server::NatsServer;
use crate::peers::Contender as _;
use crate::rounds::Entrant;

/// Core NATS: a request and its reply. Nothing is stored.
pub(crate) const REQUEST: &str = "bare request/reply";

/// A work queue of `JetStream`: publish with acknowledgement, fetch, acknowledge. No outcome comes back.
pub(crate) const QUEUE: &str = "JetStream publish, fetch, ack";

/// The messages that our guarantees need, and nothing else: the queue, and for each job two records by compare-and-set, of which the
/// second comes back to the submitter.
pub(crate) const BY_HAND: &str = "JetStream by hand, with outcomes";

/// Makes a contender's measurement: of as many trips or jobs as it is given.
trait Contender: Sized {
    fn connect(server: &NatsServer) -> Self;

    /// Runs this number of jobs, one after the other or all at once, and returns the nanoseconds of each.
    fn measure(&mut self, count: u64) -> f64;
}

/// Why these works cannot be measured.
pub(crate) fn left_out() -> Option<String> {
    server::program().is_none().then(|| "no `nats-server` on PATH; set NATS_SERVER".to_owned())
}

/// The contenders of a work; `None` if no work has this name and this count of numbers.
pub(crate) fn entrants(work: &str, numbers: &[u64]) -> Option<Vec<Entrant<'static>>> {
    let &[count] = numbers else { return None };
    let server = Rc::new(RefCell::new(None));
    let ours = crate::peers::Ours::NAME;
    Some(match work {
        "nats ping-pong" => vec![
            entrant::<ours::Trips>(ours, &server, count),
            entrant::<bare::Requests>(REQUEST, &server, count),
            entrant::<by_hand::Trips>(BY_HAND, &server, count),
        ],
        "nats jobs" => vec![
            entrant::<ours::Jobs>(ours, &server, count),
            entrant::<bare::Queue>(QUEUE, &server, count),
            entrant::<by_hand::Jobs>(BY_HAND, &server, count),
        ],
        _ => return None,
    })
}

/// The server of a work, started with the first measurement.
type SharedServer = Rc<RefCell<Option<NatsServer>>>;

fn entrant<C: Contender + 'static>(name: &str, server: &SharedServer, count: u64) -> Entrant<'static> {
    let (server, mut connected) = (server.clone(), None);
    Entrant::fallible(name, move || {
        if server.borrow().is_none() {
            *server.borrow_mut() = Some(NatsServer::start()?);
        }
        let contender = connected.get_or_insert_with(|| {
            let server = server.borrow();
            let mut contender = C::connect(server.as_ref().expect("it was started"));
            contender.measure((count / 10).max(1));
            contender
        });
        Ok(contender.measure(count))
    })
}

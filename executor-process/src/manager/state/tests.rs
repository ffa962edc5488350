//! The state without a thread or a socket, for every order of requests and deaths of clients.

mod hostile;
mod model;

use std::time::{Duration, Instant};

use super::*;
use crate::ipc::payload::Bytes;
use crate::manager::protocol::{Change, Place, Raw};

/// A state with clients, whose answers are kept until they are asked for.
struct Stage {
    keeper: State,
    now: Instant,
    requests: u64,
    answers: Vec<(ClientId, u64, Reply<Bytes>)>,
}

/// An answer, as a client reads it.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Done,
    Count(u64),
    Flag(bool),
    Value(Option<Vec<u8>>),
    Values(Vec<Vec<u8>>),
    Granted { ticket: Ticket, was_abandoned: bool, is_late: bool, values: Vec<Vec<u8>> },
    Expired,
    Refused(Refusal),
}

impl Stage {
    fn new(clients: u64) -> Self {
        let mut keeper = State::default();
        (1..=clients).for_each(|client| keeper.join(client));
        Self { keeper, now: Instant::now(), requests: 0, answers: Vec::new() }
    }

    fn create(&mut self, new: New<'_>) -> ObjectId {
        match self.ask(1, 0, None, Op::Create(new)) {
            Some(Said::Count(object)) => object,
            other => panic!("{other:?}"),
        }
    }

    /// The number of the request.
    fn send(&mut self, client: ClientId, object: ObjectId, limit: Option<u64>, op: Op<'_>) -> Result<u64, Violation> {
        self.requests += 1;
        let request = Request { id: self.requests, object, limit, op };
        self.keeper.handle(client, request, self.now)?;
        self.answers.extend(self.keeper.answers());
        Ok(self.requests)
    }

    /// The answer, if there is one at once.
    fn ask(&mut self, client: ClientId, object: ObjectId, limit: Option<u64>, op: Op<'_>) -> Option<Said> {
        let request = self.send(client, object, limit, op).expect("it may be asked");
        self.answer_to(client, request)
    }

    fn answer_to(&mut self, client: ClientId, request: u64) -> Option<Said> {
        let index = self.answers.iter().position(|(to, of, _)| (*to, *of) == (client, request))?;
        Some(said(self.answers.remove(index).2))
    }

    fn waits(&mut self, client: ClientId, object: ObjectId, op: Op<'_>) -> u64 {
        let request = self.send(client, object, None, op).expect("it may be asked");
        assert_eq!(self.answer_to(client, request), None);
        request
    }

    fn leave(&mut self, client: ClientId) {
        self.keeper.leave(client);
        self.answers.extend(self.keeper.answers());
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.keeper.expire(self.now);
        self.answers.extend(self.keeper.answers());
    }
}

fn said(reply: Reply<Bytes>) -> Said {
    let all = |values: Vec<Bytes>| values.iter().map(|value| value.to_vec()).collect();
    match reply {
        Reply::Done => Said::Done,
        Reply::Count(count) => Said::Count(count),
        Reply::Flag(flag) => Said::Flag(flag),
        Reply::Value(value) => Said::Value(value.map(|value| value.to_vec())),
        Reply::Values(values) => Said::Values(all(values)),
        Reply::Pairs(pairs) => Said::Count(pairs.len() as u64),
        Reply::Granted { ticket, was_abandoned, is_late, values } => {
            Said::Granted { ticket, was_abandoned, is_late, values: all(values) }
        }
        Reply::Expired => Said::Expired,
        Reply::Refused(refusal) => Said::Refused(refusal),
    }
}

fn ticket(said: Option<Said>) -> Ticket {
    match said {
        Some(Said::Granted { ticket, .. }) => ticket,
        other => panic!("{other:?}"),
    }
}

const A: Place<'static> = Place::Key(Raw(b"a"));
const B: Place<'static> = Place::Key(Raw(b"b"));

#[test]
fn dead_client_loses_holds_and_waits() {
    let mut stage = Stage::new(3);
    let lock = stage.create(New::Lock);
    ticket(stage.ask(1, lock, None, Op::Acquire));
    let second = stage.waits(2, lock, Op::Acquire);
    let third = stage.waits(3, lock, Op::Acquire);
    stage.leave(2);
    assert_eq!((stage.answer_to(2, second), stage.answer_to(3, third)), (None, None));
    stage.leave(1);
    let answer = stage.answer_to(3, third);
    assert!(matches!(answer, Some(Said::Granted { was_abandoned: true, .. })), "{answer:?}");
    let mine = ticket(answer);
    assert_eq!(stage.ask(3, lock, None, Op::Release(mine)), Some(Said::Done));
    let again = stage.ask(3, lock, None, Op::Acquire);
    assert!(matches!(again, Some(Said::Granted { was_abandoned: false, .. })), "it is told once");
    stage.leave(3);
    assert!(stage.keeper.desk.is_clear());
}

#[test]
fn a_change_that_was_not_made_leaves_the_value_as_it_was() {
    let mut stage = Stage::new(3);
    let map = stage.create(New::Map);
    stage.ask(1, map, None, Op::Put(A, Raw(b"old")));
    let held = ticket(stage.ask(1, map, None, Op::Hold(Some(A))));
    let write = stage.waits(2, map, Op::Put(A, Raw(b"new")));
    let clear = stage.waits(3, map, Op::Clear);
    let late = stage.waits(2, map, Op::Put(B, Raw(b"late")));
    assert_eq!(stage.ask(2, map, None, Op::Get(A)), Some(Said::Value(Some(b"old".to_vec()))), "reads never wait");
    assert_eq!(stage.send(2, map, None, Op::Commit(held, Change::Remove)), Err(Violation), "it is not its own");
    stage.leave(1);
    assert_eq!(stage.answer_to(2, write), Some(Said::Value(Some(b"old".to_vec()))), "nothing was changed");
    assert_eq!(stage.answer_to(3, clear), Some(Said::Done));
    assert_eq!(stage.answer_to(2, late), Some(Said::Value(None)), "nobody passes who waits for all");
    assert_eq!(stage.ask(2, map, None, Op::Len), Some(Said::Count(1)));
}

#[test]
fn an_item_on_its_way_to_a_dead_consumer_goes_to_the_next() {
    let mut stage = Stage::new(3);
    let queue = stage.create(New::Queue { capacity: None });
    let first = stage.waits(2, queue, Op::Receive);
    for item in [b"1", b"2", b"3"] {
        assert_eq!(stage.ask(1, queue, None, Op::Send(Raw(item))), Some(Said::Done));
    }
    let arrived = ticket(stage.answer_to(2, first));
    ticket(stage.ask(2, queue, None, Op::Receive));
    stage.send(2, queue, None, Op::Arrived(arrived)).unwrap();
    let join = stage.waits(1, queue, Op::Join);
    stage.leave(2);
    // "1" had arrived, and is gone with its consumer; "2" had not.
    for item in [b"2", b"3"] {
        let answer = stage.ask(3, queue, Some(0), Op::Receive);
        let Some(Said::Granted { ticket, ref values, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(*values, [item.to_vec()]);
        stage.send(3, queue, None, Op::Arrived(ticket)).unwrap();
    }
    assert_eq!(stage.ask(3, queue, Some(0), Op::Receive), Some(Said::Expired));
    assert_eq!(stage.ask(3, queue, None, Op::TaskDone), Some(Said::Done));
    assert_eq!(stage.answer_to(1, join), None);
    assert_eq!(stage.ask(3, queue, None, Op::TaskDone), Some(Said::Done));
    assert_eq!(stage.answer_to(1, join), Some(Said::Count(1)), "one was lost");
    assert_eq!(stage.ask(3, queue, None, Op::TaskDone), Some(Said::Refused(Refusal::NothingToDo)));
}

#[test]
fn item_of_dead_producer_is_dropped() {
    let mut stage = Stage::new(3);
    let queue = stage.create(New::Queue { capacity: Some(1) });
    stage.ask(1, queue, None, Op::Send(Raw(b"1")));
    stage.waits(2, queue, Op::Send(Raw(b"2")));
    let third = stage.waits(3, queue, Op::Send(Raw(b"3")));
    assert_eq!(stage.ask(1, queue, Some(0), Op::Send(Raw(b"4"))), Some(Said::Expired));
    stage.leave(2);
    ticket(stage.ask(1, queue, None, Op::Receive));
    assert_eq!(stage.answer_to(3, third), Some(Said::Done));
    let answer = stage.ask(1, queue, None, Op::Receive);
    assert!(matches!(answer, Some(Said::Granted { ref values, .. }) if *values == [b"3"]), "{answer:?}");
}

#[test]
fn a_notification_goes_to_one_who_lives() {
    let mut stage = Stage::new(3);
    let condition = stage.create(New::Lock);
    let mut sleep = |client| {
        let ticket = ticket(stage.ask(client, condition, None, Op::Acquire));
        stage.waits(client, condition, Op::Wait(ticket))
    };
    let (second, third) = (sleep(2), sleep(3));
    stage.leave(2);
    let mine = ticket(stage.ask(1, condition, None, Op::Acquire));
    assert_eq!(stage.ask(1, condition, None, Op::Notify { ticket: mine, all: false }), Some(Said::Done));
    assert_eq!(stage.answer_to(3, third), None, "the lock is not free");
    stage.ask(1, condition, None, Op::Release(mine));
    assert_eq!(stage.answer_to(2, second), None);
    assert!(matches!(stage.answer_to(3, third), Some(Said::Granted { is_late: false, .. })));
}

#[test]
fn times_are_up_in_their_order_and_one_who_sleeps_has_the_lock_before_it_is_told() {
    let mut stage = Stage::new(2);
    let (lock, event) = (stage.create(New::Lock), stage.create(New::Event));
    let held = ticket(stage.ask(1, lock, None, Op::Acquire));
    let late = stage.send(2, event, Some(3_000_000), Op::Await).unwrap();
    let soon = stage.send(2, lock, Some(1_000_000), Op::Acquire).unwrap();
    let asleep = stage.send(1, lock, Some(2_000_000), Op::Wait(held)).unwrap();
    let theirs = ticket(stage.answer_to(2, soon));
    stage.pass(Duration::from_millis(2));
    assert_eq!(stage.answer_to(1, asleep), None, "somebody else has the lock");
    assert!(stage.keeper.next_deadline().is_some_and(|at| at > stage.now));
    stage.ask(2, lock, None, Op::Release(theirs));
    assert!(matches!(stage.answer_to(1, asleep), Some(Said::Granted { is_late: true, was_abandoned: false, .. })));
    stage.pass(Duration::from_millis(1));
    assert_eq!(stage.answer_to(2, late), Some(Said::Expired));
    assert_eq!(stage.keeper.next_deadline(), None);
}

#[test]
fn discard_refuses_waits_and_later_requests() {
    let mut stage = Stage::new(2);
    let lock = stage.create(New::Lock);
    let held = ticket(stage.ask(1, lock, None, Op::Acquire));
    let waits = stage.waits(2, lock, Op::Acquire);
    assert_eq!(stage.ask(1, lock, None, Op::Discard), Some(Said::Done));
    assert_eq!(stage.answer_to(2, waits), Some(Said::Refused(Refusal::NotThere)));
    assert_eq!(stage.ask(1, lock, None, Op::Release(held)), Some(Said::Refused(Refusal::NotThere)));
    assert_eq!(stage.ask(1, lock, None, Op::Discard), Some(Said::Done));
    assert!(stage.keeper.desk.is_clear() && stage.keeper.objects.is_empty());
}

#[test]
fn a_client_that_waits_for_too_much_is_cut_off() {
    let mut stage = Stage::new(1);
    let event = stage.create(New::Event);
    for _ in 0..tickets::MOST_TICKETS {
        stage.waits(1, event, Op::Await);
    }
    assert_eq!(stage.send(1, event, None, Op::Await), Err(Violation));
    stage.leave(1);
    assert!(stage.keeper.desk.is_clear());
}

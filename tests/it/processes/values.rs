//! A value arrives as it was sent, or its job alone fails and says why: on each way between processes, with both codecs.

use std::fmt::Debug;

use executor::{Codec, JobError, Manager, Process, ProcessPool, call, channel_with, current};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer, ser};

use crate::support::within_patience;

const BOTH: [Codec; 2] = [Codec::Postcard, Codec::MessagePack];

/// Of what serde's derives write other than a plain struct: a field that is left out, and variants behind a skipped one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    note: Option<String>,
    state: State,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    parts: Vec<Order>,
    #[serde(default)]
    count: u8,
    deadline: Nested,
    sealed: Option<()>,
}

/// Whether there is a change, and to which value or none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Nested {
    #[allow(clippy::option_option, reason = "it is what is tested")]
    change: Option<Option<u8>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum State {
    New,
    #[serde(skip)]
    #[allow(dead_code)]
    Cached,
    Paid(u8),
    Sent {
        to: String,
    },
}

fn orders() -> Vec<Order> {
    let states = [State::New, State::Paid(1), State::Sent { to: "Paris".to_owned() }];
    let deadlines = [None, Some(None), Some(Some(3))].map(|change| Nested { change });
    let order = |note: Option<&str>, parts: &[Order], at: usize| Order {
        note: note.map(str::to_owned),
        state: states[at].clone(),
        parts: parts.to_vec(),
        count: 7,
        deadline: deadlines[at],
        sealed: Some(()).filter(|()| at > 0),
    };
    let inner = [order(None, &[], 1), order(Some("x"), &[], 2)];
    (0..3).flat_map(|at| [order(None, &[], at), order(Some("y"), &[], at), order(None, &inner, at)]).collect()
}

fn same<T>(value: T) -> T {
    value
}

fn keep(order: Order) -> Order {
    order
}

fn kept() -> Order {
    Order::clone(&current::state().unwrap())
}

#[test]
fn values_arrive_on_each_way() {
    within_patience(|| {
        for codec in BOTH {
            let pool = ProcessPool::builder().processes(1).codec(codec).build().unwrap();
            let (sender, receiver) = channel_with(codec).unwrap();
            let manager = Manager::with_codec(codec).unwrap();
            for order in orders() {
                let result = pool.submit(call(same::<Order>, (order.clone(),))).result();
                assert_eq!(result.unwrap(), order, "{codec:?}");
                sender.send(order.clone()).unwrap();
                assert_eq!(receiver.recv().unwrap(), order, "{codec:?}");
                assert_eq!(manager.value(order.clone()).unwrap().get().unwrap(), order, "{codec:?}");
            }
            let outcomes = pool.map(orders(), same::<Order>).chunk_size(4).map(Result::unwrap);
            assert_eq!(outcomes.collect::<Vec<_>>(), orders(), "{codec:?}");
            let order = orders().swap_remove(2);
            let builder = ProcessPool::builder().processes(1).codec(codec);
            let with_state = builder.initializer(call!(keep(order.clone()))).build().unwrap();
            assert_eq!(with_state.submit(call!(kept())).result().unwrap(), order);
            let process = Process::builder().codec(codec).spawn(call(same::<Order>, (order.clone(),))).unwrap();
            assert_eq!(process.join().unwrap(), order);
        }
    });
}

#[derive(Default, Serialize, Deserialize)]
struct Node {
    next: Option<Box<Node>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut node) = next {
            next = node.next.take();
        }
    }
}

impl Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }
}

fn list(nodes: usize) -> Node {
    (1..nodes).fold(Node::default(), |node, _| Node { next: Some(Box::new(node)) })
}

fn len(list: Node) -> usize {
    std::iter::successors(Some(&list), |node| node.next.as_deref()).count()
}

fn forget(list: Node) {
    drop(list);
}

#[track_caller]
fn is_too_deep<T: Debug>(error: &impl ToString, of: &T) {
    let text = error.to_string();
    assert!(
        text.contains("it is nested more than 128 levels deep") && text.contains("(in `Node.next`"),
        "{of:?}: {text}"
    );
}

/// As many nodes as overflow the stack of any thread, were they decoded.
#[test]
fn nesting_beyond_the_limit_fails_alone() {
    const NODES: usize = 200_000;
    within_patience(|| {
        for codec in BOTH {
            let pool = ProcessPool::builder().processes(1).codec(codec).build().unwrap();
            assert_eq!(pool.submit(call!(len(list(64)))).result().unwrap(), 64);
            assert_eq!(len(pool.submit(call!(list(64))).result().unwrap()), 64);
            is_too_deep(&pool.submit(call!(len(list(NODES)))).result().unwrap_err(), &codec);
            is_too_deep(&pool.submit(call!(list(NODES))).result().unwrap_err(), &codec);
            let outcomes: Vec<_> = pool.map([1, NODES, 2], list).chunk_size(3).collect();
            let [Ok(first), Err(error), Ok(third)] = &outcomes[..] else { panic!("{outcomes:?}") };
            is_too_deep(error, &(first, third));
            let outcomes: Vec<_> = pool.map([1, NODES, 2].map(list), len).chunk_size(3).collect();
            let [Ok(1), Err(error), Ok(2)] = &outcomes[..] else { panic!("{outcomes:?}") };
            is_too_deep(error, &codec);
            let (sender, receiver) = channel_with(codec).unwrap();
            is_too_deep(&sender.send(list(NODES)).unwrap_err(), &codec);
            sender.send(list(3)).unwrap();
            assert_eq!(len(receiver.recv().unwrap()), 3);
            let manager = Manager::with_codec(codec).unwrap();
            is_too_deep(&manager.value(list(NODES)).unwrap_err(), &codec);
            let builder = ProcessPool::builder().processes(1).codec(codec);
            is_too_deep(&builder.initializer(call!(forget(list(NODES)))).build().unwrap_err(), &codec);
            let builder = Process::builder().codec(codec);
            match builder.spawn(call!(len(list(NODES)))) {
                Err(error) => is_too_deep(&error, &codec),
                Ok(process) => is_too_deep(&process.join().unwrap_err(), &codec),
            }
        }
    });
}

/// Says that it is long, and writes nothing.
#[derive(Debug, Deserialize)]
struct Claims(#[allow(dead_code)] Vec<()>);

impl Serialize for Claims {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        ser::SerializeSeq::end(to.serialize_seq(Some(1 << 31))?)
    }
}

fn claims() -> Claims {
    Claims(Vec::new())
}

#[test]
fn elements_that_are_not_there_fail_alone() {
    within_patience(|| {
        for codec in BOTH {
            let pool = ProcessPool::builder().processes(1).codec(codec).build().unwrap();
            let text = pool.submit(call!(claims())).result().unwrap_err().to_string();
            assert!(text.contains("its `Serialize` announced 2147483648 parts and wrote 0"), "{text}");
            assert_eq!(pool.submit(call(same::<Vec<()>>, (vec![(); 9],))).result().unwrap(), [(); 9]);
        }
    });
}

/// Cannot be written, and says so.
#[derive(Debug, Deserialize)]
struct Poisoned;

impl Serialize for Poisoned {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(ser::Error::custom("the lock is poisoned"))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Shared<T> {
    name: String,
    locks: Vec<T>,
}

fn shared() -> Shared<Poisoned> {
    Shared { name: "s".to_owned(), locks: vec![Poisoned] }
}

/// Cannot be read, and says so.
#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
struct Even(u8);

impl Clone for Even {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl From<Even> for u8 {
    fn from(even: Even) -> Self {
        even.0
    }
}

impl TryFrom<u8> for Even {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err(format!("{number} is odd")) }
    }
}

fn odd() -> Shared<Even> {
    Shared { name: "s".to_owned(), locks: vec![Even(2), Even(3)] }
}

#[track_caller]
fn codec_error<T: DeserializeOwned + Debug>(outcome: Result<T, JobError>) -> String {
    match outcome {
        Err(JobError::Codec(error)) => error.to_string(),
        other => panic!("no codec error: {other:?}"),
    }
}

#[test]
fn errors_hold_the_reason_and_the_field() {
    within_patience(|| {
        for codec in BOTH {
            let pool = ProcessPool::builder().processes(1).codec(codec).build().unwrap();
            let written = "the lock is poisoned (in `Shared.locks`, at `.locks[0]`); ";
            let read = "3 is odd (in `Shared.locks`, at `.locks[1]`); ";
            let text = codec_error(pool.submit(call!(shared())).result());
            assert!(
                text.contains("could not encode the result in the worker process: ") && text.contains(written),
                "{text}"
            );
            let text = codec_error(pool.submit(call!(odd())).result());
            assert!(text.contains("could not decode the result: ") && text.contains(read), "{text}");
            let text = codec_error(pool.submit(call!(|_: Shared<Poisoned>| (), (shared(),))).result());
            assert!(text.contains("the lock is poisoned (in `Shared.locks`, at `.arguments.0.locks[0]`); "), "{text}");
            let text = codec_error(pool.submit(call!(|_: Shared<Even>| (), (odd(),))).result());
            assert!(text.contains("could not decode the job in the worker process: "), "{text}");
            assert!(text.contains("3 is odd (in `Shared.locks`, at `.arguments.0.locks[1]`); "), "{text}");
            for outcome in
                pool.map(0..4_u8, |number| if number == 2 { odd() } else { Shared { locks: vec![], ..odd() } })
            {
                assert!(outcome.is_ok() || codec_error(outcome).contains(read));
            }
            let (sender, receiver) = channel_with(codec).unwrap();
            sender.send(odd()).unwrap();
            let text = receiver.recv().unwrap_err().to_string();
            assert!(text.ends_with("could not be decoded: 3 is odd (in `Shared.locks`, at `.locks[1]`)"), "{text}");
            let manager = Manager::with_codec(codec).unwrap();
            let text = manager.value(odd()).unwrap().get().unwrap_err().to_string();
            assert!(text.ends_with("could not be decoded: 3 is odd (in `Shared.locks`, at `.locks[1]`)"), "{text}");
            let text = manager.value(shared()).unwrap_err().to_string();
            assert!(
                text.ends_with("could not be encoded: the lock is poisoned (in `Shared.locks`, at `.locks[0]`)"),
                "{text}"
            );
        }
    });
}

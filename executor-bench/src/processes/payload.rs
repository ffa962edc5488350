//! Bytes there and back.

use std::cell::OnceCell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use executor_core::{Future, call};
use executor_process::{Blob, SharedSlice};

use super::echo::Channel;
use super::jobs::{copy, copy_numbers, echo, echo_numbers, pass_on};
use super::{CHANNEL, Contender, Lazy, Ours, Pipe, Procspawn, python, warm};
use crate::rounds::Entrant;
use crate::stats::median;

/// The name in the tables.
pub(crate) const MEMCPY: &str = "memcpy each way";

/// The copies of a `Blob` and its answer alone, in the tables.
pub(crate) const WITHOUT_POOL: &str = "two Blobs without a pool";

/// Ours in the work with plain bytes, to compare with.
pub(crate) const BLOB: &str = "ours, Blob";

/// Sends bytes and takes as many back. In microseconds: the median of some times. Whether they are the same is looked at
/// when the time is taken.
fn measure<T, R: AsRef<[u8]>>(sent: &[u8], repeats: usize, own: impl Fn() -> T, mut trip: impl FnMut(T) -> R) -> f64 {
    let once = |_| {
        let own = own();
        let started = Instant::now();
        let received = trip(own);
        let elapsed = started.elapsed();
        assert!(received.as_ref() == sent, "they came back changed");
        elapsed.as_secs_f64() * 1e6
    };
    median(&(0..repeats).map(once).collect::<Vec<_>>())
}

fn taken<T>(future: Future<T>) -> T {
    future.result().expect("no job of a benchmark fails")
}

/// The bytes to send, and how often; its methods are the contenders.
struct Trips {
    sent: Rc<[u8]>,
    repeats: usize,
}

impl Trips {
    fn new(bytes: usize, repeats: usize) -> Self {
        Self { sent: (0..=u8::MAX).cycle().take(bytes).collect(), repeats }
    }

    /// A contender that is given the bytes, or a copy that is made before the time counts.
    fn entrant<T, R: AsRef<[u8]>>(
        &self,
        name: &str,
        own: impl Fn(&[u8]) -> T + 'static,
        mut trip: impl FnMut(T, &[u8]) -> R + 'static,
    ) -> Entrant<'static> {
        let (sent, repeats) = (Rc::clone(&self.sent), self.repeats);
        Entrant::new(name, move || measure(&sent, repeats, || own(&sent), |own| trip(own, &sent)))
    }

    /// The parent writes the bytes into a blob, the worker reads them there and writes another.
    fn blob(&self, name: &str) -> Entrant<'static> {
        let pool = warm::<Ours>(1);
        self.entrant(
            name,
            |_| (),
            move |(), sent| pool.with(|pool| taken(pool.0.submit(call(copy, (Blob::from(sent),))))),
        )
    }

    /// A blob made before comes back as it is, and no process reads it.
    fn passed_on(&self) -> Entrant<'static> {
        let pool = warm::<Ours>(1);
        let trip = move |blob, _: &[u8]| pool.with(|pool| taken(pool.0.submit(call(pass_on, (blob,)))));
        self.entrant("ours, Blob passed on", |sent| Blob::from(sent), trip)
    }

    fn vec(&self, name: &str) -> Entrant<'static> {
        let pool = warm::<Ours>(1);
        let trip = move |bytes, _: &[u8]| pool.with(|pool| taken(pool.0.submit(call(echo, (bytes,)))));
        self.entrant(name, <[u8]>::to_vec, trip)
    }

    /// The bytes as a list of numbers, in one piece.
    fn numbers(&self, name: &str) -> Entrant<'static> {
        let pool = warm::<Ours>(1);
        let trip = move |numbers, _: &[u8]| pool.with(|pool| taken(pool.0.submit(call(echo_numbers, (numbers,)))));
        self.entrant(name, numbers_of, move |numbers, sent| Numbers::new(trip(numbers, sent)))
    }

    /// As [`blob`](Self::blob), of numbers.
    fn shared_slice(&self) -> Entrant<'static> {
        let pool = warm::<Ours>(1);
        let trip = move |numbers: Vec<f64>| {
            pool.with(|pool| taken(pool.0.submit(call(copy_numbers, (SharedSlice::from(numbers),)))))
        };
        self.entrant("ours, SharedSlice", numbers_of, move |numbers, _| trip(numbers).into_blob())
    }

    /// The part of [`blob`](Self::blob) without the pool: the same copies into new shared memory, in one process.
    fn blobs_without_pool(&self) -> Entrant<'static> {
        self.entrant(WITHOUT_POOL, |_| (), |(), sent| copy(Blob::from(sent)))
    }

    /// Into memory that is there before, and from there to some other. So ours counts what this does not: to make the memory of two blobs, or of
    /// two payloads and two `Vec`s, and to free the `Vec` that was sent.
    fn memcpy(&self) -> Entrant<'static> {
        let own = |sent: &[u8]| Copies { there: vec![1; sent.len()], back: vec![1; sent.len()] };
        self.entrant(MEMCPY, own, |mut copies, sent| {
            copies.there.copy_from_slice(black_box(sent));
            copies.back.copy_from_slice(black_box(&copies.there));
            copies
        })
    }
}

fn numbers_of(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(8).map(|eight| f64::from_ne_bytes(eight.try_into().expect("eight bytes"))).collect()
}

/// Numbers that are seen as bytes once the time is taken.
struct Numbers {
    numbers: Vec<f64>,
    bytes: OnceCell<Vec<u8>>,
}

impl Numbers {
    fn new(numbers: Vec<f64>) -> Self {
        Self { numbers, bytes: OnceCell::new() }
    }
}

impl AsRef<[u8]> for Numbers {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get_or_init(|| self.numbers.iter().flat_map(|number| number.to_ne_bytes()).collect())
    }
}

/// Both live until the time is taken.
struct Copies {
    there: Vec<u8>,
    back: Vec<u8>,
}

impl AsRef<[u8]> for Copies {
    fn as_ref(&self) -> &[u8] {
        &self.back
    }
}

/// Ours as a `Blob`, and the least that the same bytes cost.
pub(super) fn of_blobs(bytes: usize, repeats: usize) -> Vec<Entrant<'static>> {
    let trips = Trips::new(bytes, repeats);
    vec![trips.blob(Ours::NAME), trips.memcpy(), trips.blobs_without_pool(), trips.passed_on()]
}

/// Ours as numbers, and the least that the same bytes cost.
pub(super) fn of_numbers(bytes: usize, repeats: usize) -> Vec<Entrant<'static>> {
    let trips = Trips::new(bytes, repeats);
    vec![trips.numbers(Ours::NAME), trips.memcpy(), trips.shared_slice(), trips.vec("ours, Vec<u8>")]
}

/// Ours as a `Vec<u8>`, and everybody who can send that.
pub(super) fn of_bytes(bytes: usize, repeats: usize) -> Vec<Entrant<'static>> {
    let trips = Trips::new(bytes, repeats);
    let (pipe, channel, procspawn) = (Lazy::new(Pipe::of_bytes), Lazy::new(Channel::of_bytes), warm::<Procspawn>(1));
    let mut list = vec![
        trips.vec(Ours::NAME),
        trips.blob(BLOB),
        trips.memcpy(),
        trips.entrant(Pipe::NAME, |_| (), move |(), sent| pipe.with(|pipe| pipe.echo(sent))),
        trips.entrant(CHANNEL, <[u8]>::to_vec, move |bytes, _| channel.with(|channel| channel.ask(bytes))),
        trips.entrant(Procspawn::NAME, <[u8]>::to_vec, move |bytes, _| {
            procspawn.with(|pool| pool.0.spawn(bytes, echo).join().expect("no job of a benchmark fails"))
        }),
    ];
    list.extend(python::entrants(&format!("payload {bytes} {repeats}")));
    list
}

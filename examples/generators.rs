//! Replacing `yield`: iterators, closures that are sent values, and streams.
//!
//! In Python: `def numbers(): yield …`, `next(g)`, `g.send(value)`, `yield from`, `g.close()`, `async for`.
//!
//! `cargo run --example generators`

use std::iter;

use smol::stream::{self, StreamExt};

use executor::ThreadPool;

fn main() -> Result<(), executor::JobError> {
    // A generator is an iterator: lazy, so it computes each value on demand.
    println!("fibonacci: {:?}", fibonacci().take(10).collect::<Vec<_>>());

    // A pipeline of generators is a chain of adapters; `yield from` is `chain`, or `flat_map`.
    let even_squares = fibonacci().filter(|n| n % 2 == 0).map(|n| n * n);
    println!("even squares, after a zero: {:?}", iter::once(0).chain(even_squares).take(4).collect::<Vec<_>>());

    // `g.send(value)`: a closure that owns the state between two calls.
    let mut average = averager();
    println!("averages: {:?}", [10.0, 20.0, 60.0].map(&mut average));

    // `g.close()`, and a `finally` in the generator: the drop of its fields.
    let mut countdown = Countdown(3);
    println!("countdown: {:?}, {:?}", countdown.next(), countdown.next());
    drop(countdown);

    // Jobs make the values, a few ahead of the consumer.
    let pool = ThreadPool::new(2);
    let lengths = pool.map(fibonacci(), |n| n.to_string().len()).buffered(4);
    println!("digits, by a pool: {:?}", lengths.take(8).collect::<Result<Vec<_>, _>>()?);

    // `async for`: a stream, which awaits one job per value.
    let doubled = stream::unfold(1_u32, |n| {
        let job = pool.submit(move || n * 2);
        async move { (n < 100).then_some((job.await.ok()?, n * 3)) }
    });
    println!("stream: {:?}", smol::block_on(doubled.collect::<Vec<_>>()));
    Ok(())
}

fn fibonacci() -> impl Iterator<Item = u64> + Send {
    let (mut a, mut b) = (0, 1);
    iter::from_fn(move || {
        let next = a;
        (a, b) = (b, a + b);
        Some(next)
    })
}

fn averager() -> impl FnMut(f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    move |value| {
        sum += value;
        count += 1.0;
        sum / count
    }
}

/// An iterator with a type of its own, for one that has more to do than return values.
struct Countdown(u32);

impl Iterator for Countdown {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.0 = self.0.checked_sub(1)?;
        Some(self.0 + 1)
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        println!("closed at {}", self.0);
    }
}

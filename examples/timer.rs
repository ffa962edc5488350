//! A job that runs later, and one that is cancelled before its time.
//!
//! In Python: `t = threading.Timer(seconds, f)`, `t.start()`, `t.cancel()`. That is one thread per timer; here one thread
//! serves all timers, and the future has the result.
//!
//! `cargo run --example timer`

use std::error::Error;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use executor::{Period, ThreadPool};

fn main() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPool::new(1);
    let delay = Duration::from_millis(30);

    let start = Instant::now();
    let later = pool.submit_after(delay, move || start.elapsed());
    println!("before its time: {:?}", later.status());
    println!("it ran no earlier than told: {}", later.result()? >= delay);

    let never = pool.submit_after(Duration::from_secs(3600), || println!("this is not printed"));
    println!("cancelled: {}", never.cancel());
    println!("what became of it: {}", never.result().unwrap_err());

    // `Timer.cancel` after the end does nothing; neither does this, and it says so.
    let done = pool.submit_after(Duration::ZERO, || ());
    done.wait();
    println!("cancelled after its end: {}", done.cancel());

    // In the order of their times, not of the submits.
    let (order, ran) = mpsc::channel();
    for (name, millis) in [("third", 120), ("first", 20), ("second", 70)] {
        let order = order.clone();
        drop(pool.submit_after(Duration::from_millis(millis), move || order.send(name)));
    }
    drop(order);
    println!("in the order of their times: {}", ran.iter().collect::<Vec<_>>().join(", "));

    every(&pool)?;

    // A draining shutdown still runs delayed jobs at their times.
    let last = pool.submit_after(delay, || "the last one");
    pool.shutdown(true);
    println!("{} ran before the shutdown returned", last.result()?);
    Ok(())
}

/// A periodic job, for which a Python `Timer` starts another timer each time.
fn every(pool: &ThreadPool) -> Result<(), Box<dyn Error>> {
    let (tick, ticks) = mpsc::channel();
    let periodic = pool.every(Period::delay(Duration::from_millis(1)), move || tick.send(()).unwrap_or_default());
    for _ in 0..3 {
        ticks.recv()?;
    }
    periodic.cancel();
    println!("three ticks, then cancelled");
    Ok(())
}

//! Replacing gevent: jobs that borrow, on threads that the system switches.
//!
//! In Python: `gevent.spawn(f, x)`, `gevent.joinall(jobs)`, `job.value`, `Pool(n).imap(f, items)`, `Timeout`,
//! `monkey.patch_all()`. The last has no counterpart: a call that blocks blocks only its own thread, so nothing needs a patch.
//! For ten thousand at once, use `tokio` or `smol`.
//!
//! `cargo run --example green_threads`

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use executor::{Event, ThreadPool, Until, wait_timeout};

fn main() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPool::new(100);
    let words = ["spawn", "join", "value"];

    // spawn and joinall: the scope ends when its jobs have ended. The jobs borrow `words`.
    let lengths = pool.scope(|scope| {
        let jobs = words.each_ref().map(|word| scope.submit(move || word.len()));
        jobs.into_iter().map(executor::ScopedFuture::result).collect::<Result<Vec<_>, _>>()
    })?;
    println!("values: {lengths:?}");

    // A hundred jobs wait at once, until the last of them has arrived.
    let (arrived, all_here) = (AtomicUsize::new(0), Event::new());
    pool.scope(|scope| {
        for _ in 0..100 {
            drop(scope.submit(|| {
                // Relaxed: the event orders what comes after it.
                if arrived.fetch_add(1, Ordering::Relaxed) == 99 {
                    all_here.set();
                }
                all_here.wait();
            }));
        }
    });
    println!("waited side by side: {}", arrived.into_inner());

    // joinall(jobs, timeout=…): jobs that are late are returned, to be cancelled or waited for.
    let (answer, question) = mpsc::channel::<u32>();
    let slow = pool.submit(move || question.recv().unwrap_or_default());
    let waited = wait_timeout([slow], Until::AllDone, Duration::from_millis(10));
    println!("done in time: {}, pending: {}", waited.done.len(), waited.pending.len());
    answer.send(42)?;
    println!("later: {:?}", executor::join_all(waited.pending).into_iter().next().ok_or("it is pending")??);

    // Pool(n).imap: in order, with a bounded number in flight.
    let cubes = pool.map(1..=5_u32, |n| n.pow(3)).buffered(2);
    println!("imap: {:?}", cubes.collect::<Result<Vec<_>, _>>()?);
    Ok(())
}

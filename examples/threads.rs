//! Replacing `threading` with std and this crate: start, join, daemon, the current thread, thread counts, locks, an event.
//!
//! In Python: `Thread(target=…, name=…, daemon=True)`, `start()`, `join()`, `current_thread()`, `active_count()`, `Lock()`,
//! `RLock()`, `Event()`.
//!
//! `cargo run --example threads`

use std::cell::Cell;
use std::error::Error;
use std::sync::{Barrier, Mutex};
use std::thread;

use executor::{Event, ThreadPool, current};
use parking_lot::ReentrantMutex;

fn main() -> Result<(), Box<dyn Error>> {
    start_and_join()?;
    daemon();
    active_count()?;
    lock();
    reentrant_lock();
    event();
    Ok(())
}

/// `t = Thread(target=f, name="worker")`, `t.start()`, `t.join()`: `join` returns the result.
fn start_and_join() -> Result<(), Box<dyn Error>> {
    println!("current thread: {}", thread::current().name().unwrap_or("?"));
    let worker = thread::Builder::new()
        .name("worker".to_owned())
        .spawn(|| thread::current().name().map(str::to_owned).unwrap_or_default())?;
    println!("joined: {}", worker.join().expect("it does not panic"));
    // A panic is the error of `join`, and ends no other thread. `resume_unwind` prints no message.
    let failed = thread::spawn(|| std::panic::resume_unwind(Box::new("failed")));
    println!("joined after a panic: {:?}", failed.join().unwrap_err().downcast_ref::<&str>());
    Ok(())
}

/// `Thread(daemon=True)`: every thread of std is a daemon thread. The program ends with `main`, even if threads still run.
fn daemon() {
    drop(thread::spawn(|| {
        loop {
            thread::park();
        }
    }));
    println!("a daemon is started, and not waited for");
}

/// `active_count()`: a pool counts its threads; `workers` is how many jobs run at once.
fn active_count() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPool::builder().threads(2).name("pool").build()?;
    // Both jobs wait for each other, so each needs its own thread.
    let meeting = Barrier::new(2);
    let mut names = pool.scope(|scope| {
        let job = || {
            meeting.wait();
            current::worker_name().map(|name| name.to_string())
        };
        let jobs = [scope.submit(job), scope.submit(job)];
        jobs.map(|job| job.result().ok().flatten().unwrap_or_default())
    });
    names.sort();
    println!("{} workers: {}", pool.workers(), names.join(", "));
    Ok(())
}

/// `with lock:`: a mutex of Rust owns its data, so no access without the lock compiles; the guard's drop is the release. Threads may
/// switch at any time, also inside the body: a lock excludes only threads that want the same lock.
fn lock() {
    let count = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| *count.lock().expect("nobody panicked") += 1));
        }
    });
    let guard = count.lock().expect("nobody panicked");
    println!("counted under a lock: {}", *guard);
    println!("acquire(blocking=False) of a held lock: {}", count.try_lock().is_ok());
}

/// `RLock()`: its holder may lock it again. It gives shared references, so the data is in a `Cell` or `RefCell`.
fn reentrant_lock() {
    let depth = ReentrantMutex::new(Cell::new(0));
    let outer = depth.lock();
    let inner = depth.lock();
    inner.set(inner.get() + 2);
    println!("locked twice by one thread: {}", outer.get());
}

/// `Event()`: jobs of a scope borrow it. While jobs wait, spare threads run other jobs.
fn event() {
    let (pool, start) = (ThreadPool::new(1), Event::new());
    let sum: u32 = pool.scope(|scope| {
        let waiting = [1, 2, 3].map(|number| {
            let start = &start;
            scope.submit(move || {
                start.wait();
                number
            })
        });
        drop(scope.submit(|| start.set()));
        waiting.into_iter().map(|job| job.result().expect("it was let go")).sum()
    });
    println!("after the event: {sum}, it is set: {}", start.is_set());
}

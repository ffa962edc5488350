//! Replacing `threading`, by std and by this crate: start, join, daemon, the current thread, how many there are, locks, an event.
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

/// `t = Thread(target=f, name="worker")`, `t.start()`, `t.join()`: the result comes with the join.
fn start_and_join() -> Result<(), Box<dyn Error>> {
    println!("current thread: {}", thread::current().name().unwrap_or("?"));
    let worker = thread::Builder::new()
        .name("worker".to_owned())
        .spawn(|| thread::current().name().map(str::to_owned).unwrap_or_default())?;
    println!("joined: {}", worker.join().expect("it does not panic"));
    // A panic is the error of the join, and ends no other thread. Without the message of the hook: `resume_unwind`.
    let failed = thread::spawn(|| std::panic::resume_unwind(Box::new("failed")));
    println!("joined after a panic: {:?}", failed.join().unwrap_err().downcast_ref::<&str>());
    Ok(())
}

/// `Thread(daemon=True)`: every thread of std is one. The program ends with `main`, joined threads or not.
fn daemon() {
    drop(thread::spawn(|| {
        loop {
            thread::park();
        }
    }));
    println!("a daemon is started, and not waited for");
}

/// `active_count()`: a program knows its own threads by its pools; `workers` is how many jobs run at once.
fn active_count() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPool::builder().threads(2).name("pool").build()?;
    // Both jobs meet, so each has a thread of its own.
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

/// `with lock:`: a mutex of Rust owns what it guards, so no access forgets to lock, and the guard's drop is the release. Threads may
/// be switched at any time, inside the body too: a lock keeps out only the threads that want the same lock.
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

/// `RLock()`: its holder may lock it again. It gives out shared references only, so what it guards is a `Cell` or `RefCell`.
fn reentrant_lock() {
    let depth = ReentrantMutex::new(Cell::new(0));
    let outer = depth.lock();
    let inner = depth.lock();
    inner.set(inner.get() + 2);
    println!("locked twice by one thread: {}", outer.get());
}

/// `Event()`: jobs of a scope borrow it. Those that wait keep no other from a thread.
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

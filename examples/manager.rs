//! Replacing `multiprocessing.Manager`: objects that processes share by asking the process that keeps them.
//!
//! In Python: `manager = Manager()`, `manager.dict()`, `manager.list()`, `manager.Namespace()`, `manager.Array('i', …)`,
//! `manager.Queue(…)`, `manager.Value('i', 0)`, `manager.Lock()`, `manager.Semaphore(2)`, `manager.Condition()`, `manager.Event()`,
//! `manager.Barrier(2)`; each a proxy that goes to a process as an argument.
//!
//! `cargo run --example manager`

use std::error::Error;
use std::thread;
use std::time::Duration;

use executor::manager::{
    Array, Barrier, Condition, List, Lock, Namespace, Semaphore, SharedEvent, SharedMap, SharedQueue, Value,
};
use executor::{Future, Manager, ProcessPool, RemoteError, call};

/// The result of this program's jobs: `?` works in them, as in `main`.
type Outcome = Result<(), RemoteError>;

fn main() -> Result<(), Box<dyn Error>> {
    // `Manager()` starts a process in Python; here, it starts a thread, which ends when the manager is dropped.
    let manager = Manager::new()?;
    let pool = ProcessPool::new(2)?;
    map(&manager, &pool)?;
    list(&manager, &pool)?;
    namespace_and_array(&manager, &pool)?;
    value(&manager, &pool)?;
    queue(&manager, &pool)?;
    lock(&manager, &pool)?;
    semaphore(&manager, &pool)?;
    condition(&manager, &pool)?;
    event_and_barrier(&manager, &pool)?;
    a_death(&manager, &pool)?;
    let left = manager.value(0)?;
    drop(manager);
    println!("after the manager: {}", left.get().unwrap_err());
    Ok(())
}

fn finish(jobs: impl IntoIterator<Item = Future<Outcome>>) -> Result<(), Box<dyn Error>> {
    for job in jobs {
        job.flatten().result()?;
    }
    Ok(())
}

/// `d = manager.dict()`, `d[word] = d.get(word, 0) + 1`: that is two steps, between which another process may change the value. `update` is one step.
fn map(manager: &Manager, pool: &ProcessPool) -> Result<(), Box<dyn Error>> {
    fn count(text: String, counts: SharedMap<String, u32>) -> Outcome {
        for word in text.split(' ') {
            counts.update(&word.to_owned(), |count| *count.get_or_insert(0) += 1)?;
        }
        Ok(())
    }
    let counts = manager.map()?;
    let texts = ["to be or not", "not to be"];
    finish(texts.map(|text| pool.submit(call!(count(text.to_owned(), counts.clone())))))?;
    let mut all = counts.snapshot()?;
    all.sort();
    println!("map: {all:?}");
    println!("map: {:?} is taken out, {} are left", counts.remove(&"or".to_owned())?, counts.len()?);
    Ok(())
}

/// `l = manager.list()`, `l.append(x)`, `l.sort()`, `l[:]`.
fn list(manager: &Manager, pool: &ProcessPool) -> Result<(), Box<dyn Error>> {
    fn squares(from: u32, to: u32, list: List<u32>) -> Outcome {
        list.extend((from..to).map(|n| n * n))?;
        Ok(())
    }
    let list = manager.list()?;
    finish([(1, 4), (4, 7)].map(|(from, to)| pool.submit(call!(squares(from, to, list.clone())))))?;
    list.update(|numbers| numbers.sort_unstable())?;
    println!("list: {:?}, of which the last is {:?}", list.snapshot()?, list.pop()?);
    Ok(())
}

/// `n = manager.Namespace()`, `n.name = …`; `a = manager.Array('i', [1, 2, 3])`, `a[0] += 10`.
fn namespace_and_array(manager: &Manager, pool: &ProcessPool) -> Result<(), Box<dyn Error>> {
    fn fill(settings: Namespace, array: Array<i32>) -> Outcome {
        settings.set("name", "crawler".to_owned())?;
        settings.set("depth", 3_u32)?;
        array.update(0, |number| *number += 10)?;
        array.swap(0, 2)?;
        Ok(())
    }
    let (settings, array) = (manager.namespace()?, manager.array([1, 2, 3])?);
    finish([pool.submit(call!(fill(settings.clone(), array.clone())))])?;
    println!("namespace: {:?}, depth {:?}", settings.names()?, settings.get::<u32>("depth")?);
    println!("namespace: {}", settings.get::<u32>("name").unwrap_err());
    println!("array: {:?}", array.snapshot()?);
    Ok(())
}

/// `v = manager.Value('i', 0)`, `v.value += 1`: two steps in Python, which lose counts without a lock.
fn value(manager: &Manager, pool: &ProcessPool) -> Result<(), Box<dyn Error>> {
    fn count(total: Value<u32>) -> Outcome {
        for _ in 0..100 {
            total.update(|total| *total += 1)?;
        }
        Ok(())
    }
    let total = manager.value(0)?;
    finish([(); 4].map(|()| pool.submit(call!(count(total.clone())))))?;
    println!("value: {}", total.get()?);
    Ok(())
}

/// `q = manager.Queue(2)`, `q.put(x)`, `q.get()`, `q.get(timeout=…)`, `q.get_nowait()`, `q.task_done()`, `q.join()`.
fn queue(manager: &Manager, pool: &ProcessPool) -> Result<(), Box<dyn Error>> {
    fn consume(numbers: SharedQueue<Option<u32>>, sum: Value<u32>) -> Outcome {
        while let Some(number) = numbers.get()? {
            sum.update(|sum| *sum += number)?;
            numbers.task_done()?;
        }
        numbers.task_done()?;
        Ok(())
    }
    let (numbers, sum) = (manager.queue(2)?, manager.value(0)?);
    let consumers = [(); 2].map(|()| pool.submit(call!(consume(numbers.clone(), sum.clone()))));
    for number in (1..=10).map(Some).chain([None, None]) {
        numbers.put(number)?; // waits while two wait
    }
    println!("queue: {} were lost, the sum is {}", numbers.join()?, sum.get()?);
    finish(consumers)?;
    println!("queue: {:?} with a time limit", numbers.get_timeout(Duration::from_millis(1))?);
    numbers.put(None)?;
    numbers.put(None)?;
    println!("queue: {}", numbers.try_put(None).unwrap_err());
    Ok(())
}

/// `with lock:`, `lock.acquire(blocking=False)`, `lock.acquire(timeout=…)`.
fn lock(manager: &Manager, pool: &ProcessPool) -> Result<(), Box<dyn Error>> {
    fn append(lock: Lock, lines: List<String>) -> Outcome {
        let _guard = lock.lock()?;
        // No other process gets between these two lines.
        let number = lines.len()?;
        lines.push(format!("line {number}"))?;
        Ok(())
    }
    let (lock, lines) = (manager.lock()?, manager.list()?);
    finish([(); 3].map(|()| pool.submit(call!(append(lock.clone(), lines.clone())))))?;
    println!("lock: {:?}", lines.snapshot()?);
    let guard = lock.lock()?;
    println!("lock: taken again: {}", lock.try_lock()?.is_some());
    println!("lock: taken in time: {}", lock.lock_timeout(Duration::from_millis(1))?.is_some());
    drop(guard);
    Ok(())
}

/// `s = manager.Semaphore(2)`, `with s:`; `manager.BoundedSemaphore(1)`, whose `release()` may be one too many.
fn semaphore(manager: &Manager, pool: &ProcessPool) -> Result<(), Box<dyn Error>> {
    fn enter(semaphore: Semaphore, inside: Value<(u32, u32)>) -> Outcome {
        let _permit = semaphore.acquire()?;
        inside.update(|(now, most)| {
            *now += 1;
            *most = (*most).max(*now);
        })?;
        inside.update(|(now, _)| *now -= 1)?;
        Ok(())
    }
    let (semaphore, inside) = (manager.semaphore(2)?, manager.value((0, 0))?);
    finish([(); 6].map(|()| pool.submit(call!(enter(semaphore.clone(), inside.clone())))))?;
    println!("semaphore: never more than two: {}", inside.get()?.1 <= 2);
    println!("bounded semaphore: {}", manager.bounded_semaphore(1)?.release().unwrap_err());
    Ok(())
}

/// `with c: c.wait_for(predicate)`, `c.notify()`.
fn condition(manager: &Manager, pool: &ProcessPool) -> Result<(), Box<dyn Error>> {
    fn produce(stock: Value<u32>, changed: Condition) -> Outcome {
        let guard = changed.lock()?;
        stock.update(|stock| *stock += 1)?;
        guard.notify_one()?;
        Ok(())
    }
    let (stock, changed) = (manager.value(0)?, manager.condition()?);
    let mut guard = changed.lock()?;
    let jobs = [(); 3].map(|()| pool.submit(call!(produce(stock.clone(), changed.clone()))));
    guard.wait_while(|| Ok(stock.get()? < 3))?;
    println!("condition: {} in stock", stock.get()?);
    println!("condition: notified in time: {}", guard.wait_timeout(Duration::from_millis(1))?);
    drop(guard);
    finish(jobs)
}

/// `e = manager.Event()`, `e.wait(timeout)`, `e.set()`; `b = manager.Barrier(2)`, `b.wait()`.
fn event_and_barrier(manager: &Manager, pool: &ProcessPool) -> Result<(), Box<dyn Error>> {
    fn run(start: SharedEvent, meeting: Barrier, leaders: Value<u32>) -> Outcome {
        start.wait()?;
        if meeting.wait()? {
            leaders.update(|leaders| *leaders += 1)?;
        }
        Ok(())
    }
    let (start, meeting, leaders) = (manager.event()?, manager.barrier(2)?, manager.value(0)?);
    let jobs = [(); 2].map(|()| pool.submit(call!(run(start.clone(), meeting.clone(), leaders.clone()))));
    println!("event: set in time: {}", start.wait_timeout(Duration::from_millis(1))?);
    start.set()?;
    finish(jobs)?;
    println!("barrier: both have met, {} of them led", leaders.get()?);
    // Handles work in the threads of this process too.
    let waits = thread::spawn(move || meeting.wait_timeout(Duration::from_millis(1)));
    println!("barrier: alone: {:?}", waits.join().expect("it does not panic")?);
    Ok(())
}

/// In Python, a process that dies with a lock leaves it locked forever.
fn a_death(manager: &Manager, pool: &ProcessPool) -> Result<(), Box<dyn Error>> {
    fn die(lock: Lock, total: Value<u32>) {
        let _guard = lock.lock().expect("the manager is there");
        let _ = total.update(|total| {
            *total = 0;
            std::process::abort()
        });
    }
    let (lock, total) = (manager.lock()?, manager.value(7)?);
    let crashed = pool.submit(call!(die(lock.clone(), total.clone()))).result().is_err();
    let guard = lock.lock()?;
    println!("crashed: {crashed}; the lock was abandoned: {}, the value is {}", guard.was_abandoned(), total.get()?);
    Ok(())
}

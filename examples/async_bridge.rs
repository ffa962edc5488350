//! Await jobs of a pool in tokio and in smol, with time limits and cancels in both directions.
//!
//! In Python: `await loop.run_in_executor(pool, f)`, `asyncio.to_thread(f)`, `asyncio.wrap_future(future)`, `asyncio.gather(*futures)`,
//! `asyncio.wait_for(future, seconds)`, `task.cancel()`.
//!
//! `cargo run --example async_bridge`

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use executor::{AbortOnDrop, Event, Future, JobError, ThreadPool, current, promise};
use smol::future::{self, FutureExt};

fn main() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPool::new(2);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    println!("tokio: {}", runtime.block_on(gather(&pool))?);
    println!("smol: {}", smol::block_on(gather(&pool))?);
    println!("tokio went on while a job blocked: {}", runtime.block_on(off_load(&pool))?);
    println!("smol went on while a job blocked: {}", smol::block_on(off_load(&pool))?);
    runtime.block_on(time_limit_of_tokio(&pool))?;
    smol::block_on(time_limit_of_smol(&pool))?;
    runtime.block_on(cancel_in_tokio(&pool))?;
    smol::block_on(cancel_in_smol(&pool))?;
    println!("awaited in tokio, and cancelled by a job: {}", runtime.block_on(cancelled(&pool)));
    println!("awaited in smol, and cancelled by a job: {}", smol::block_on(cancelled(&pool)));
    pool.shutdown(true);
    Ok(())
}

/// `gather`, which gevent calls `joinall`: the jobs run already, so awaiting them one after the other is enough.
async fn gather(pool: &ThreadPool) -> Result<u32, JobError> {
    let futures = (1..=4).map(|n| pool.submit(move || n * n)).collect::<Vec<_>>();
    let mut sum = 0;
    for future in futures {
        sum += future.await?;
    }
    Ok(sum)
}

/// `to_thread`: the runtime has one thread, and goes on while a job of the pool blocks. If the job blocked the thread that awaits it,
/// the event would never be set.
async fn off_load(pool: &ThreadPool) -> Result<bool, JobError> {
    let go_on = Arc::new(Event::new());
    let blocked = go_on.clone();
    let job = pool.submit(move || blocked.wait_timeout(Duration::from_secs(60)));
    let (was_set, ()) = future::zip(job, async { go_on.set() }).await;
    was_set
}

/// Returns a running job, which stops when asked to, and a future that says whether it was asked.
async fn running(pool: &ThreadPool) -> Result<(AbortOnDrop<bool>, Future<bool>), JobError> {
    let ((started, has_started), (stopped, was_stopped)) = (promise(), promise());
    let job = pool.submit(move || {
        started.complete(());
        let never = Event::new();
        let is_asked = || current::stop_requested() || never.wait_timeout(Duration::from_millis(1));
        stopped.complete((0..60_000).any(|_| is_asked()))
    });
    has_started.await?;
    Ok((job.abort_on_drop(), was_stopped))
}

/// `wait_for`: at the time limit, the future is dropped. The job goes on, unless `abort_on_drop` was called.
async fn time_limit_of_tokio(pool: &ThreadPool) -> Result<(), JobError> {
    let (job, was_stopped) = running(pool).await?;
    let outcome = tokio::time::timeout(Duration::from_millis(20), job).await;
    println!("tokio's time limit is over: {}", outcome.is_err());
    println!("and the job was asked to stop: {}", was_stopped.await?);
    Ok(())
}

/// The same with smol: a race of the job and a timer.
async fn time_limit_of_smol(pool: &ThreadPool) -> Result<(), JobError> {
    let (job, was_stopped) = running(pool).await?;
    let clock = async {
        smol::Timer::after(Duration::from_millis(20)).await;
        None
    };
    let outcome = async { Some(job.await) }.or(clock).await;
    println!("smol's time limit is over: {}, and the job was asked to stop: {}", outcome.is_none(), was_stopped.await?);
    Ok(())
}

/// `task.cancel()`: the task is dropped, together with the future that it awaits.
async fn cancel_in_tokio(pool: &ThreadPool) -> Result<(), JobError> {
    let (job, was_stopped) = running(pool).await?;
    let task = tokio::spawn(job);
    task.abort();
    let is_cancelled = task.await.is_err_and(|error| error.is_cancelled());
    println!("a task of tokio is cancelled: {is_cancelled}, and the job was asked to stop: {}", was_stopped.await?);
    Ok(())
}

async fn cancel_in_smol(pool: &ThreadPool) -> Result<(), JobError> {
    let (job, was_stopped) = running(pool).await?;
    let is_cancelled = smol::spawn(job).cancel().await.is_none();
    println!("a task of smol is cancelled: {is_cancelled}, and the job was asked to stop: {}", was_stopped.await?);
    Ok(())
}

/// Cancelled from the other side: a `Canceller` ends the job that a task awaits.
async fn cancelled(pool: &ThreadPool) -> JobError {
    let later = pool.submit_after(Duration::from_secs(3600), || ());
    let canceller = later.canceller();
    drop(pool.submit(move || canceller.cancel()));
    later.await.unwrap_err()
}

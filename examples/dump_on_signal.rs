//! A program that says why it is stuck: on SIGUSR1, it prints a report of its pools to stderr.
//!
//! Java prints its threads on SIGQUIT. In Python: `faulthandler.register(signal.SIGUSR1)`, which shows the stacks of threads, but neither
//! the queue nor the futures that they wait for.
//!
//! `cargo run --example dump_on_signal`, and from another terminal `pkill -USR1 dump_on_signal`. It ends when its input does.

use std::error::Error;
use std::io::{self, Read};
use std::thread;

use executor::{JobOptions, Pool, ProcessPool, QueueLimit, ThreadPool, WhenFull, call, promise};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

/// A thread, which prints the report of these pools at each SIGUSR1. Returns when the signal no longer ends the program.
fn dump_on_signal(pools: Vec<Box<dyn Pool + Send>>) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        signal(SignalKind::user_defined1())?
    };
    let watch = move || {
        while runtime.block_on(signals.recv()).is_some() {
            for pool in &pools {
                eprintln!("{}\n", pool.dump());
            }
        }
    };
    thread::Builder::new().name("dumps".to_owned()).spawn(watch)?;
    Ok(())
}

/// Stands for a loop with a mistake.
fn search(mut n: u64) -> u64 {
    while n != 1 {
        n = if n % 2 == 0 { n / 2 } else { n * 3 - 1 };
    }
    n
}

fn main() -> Result<(), Box<dyn Error>> {
    // `measure` gives the report names, times and places. So does EXECUTOR_MEASURE=1, without a change of the program.
    let queue = QueueLimit::bounded(100, WhenFull::Block);
    let threads = ThreadPool::builder().name("io").threads(1).queue(queue).measure(true).build()?;
    let processes = ProcessPool::builder().name("search").processes(1).measure(true).build()?;
    dump_on_signal(vec![Box::new(threads.handle()), Box::new(processes.handle())])?;

    // A job waits for an answer that does not come, and a process is in a loop without an end.
    let (answer, question) = promise::<u32>();
    let asks = threads.with(JobOptions::new().name("ask the database")).submit(|| question.result());
    let endless = processes.with(JobOptions::new().name("3n-1")).submit(call!(search(5)));
    println!("stuck, as process {}", std::process::id());

    io::stdin().read_to_end(&mut Vec::new())?;
    answer.complete(42);
    println!("the answer is {}", asks.result()??);
    endless.abort();
    Ok(())
}
